// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { VERSION } from '../../src/version.ts';
import { textOf } from './markdown.ts';

describe('the version', () => {
  it('is the same in src/version.ts, package.json, the lock, the chart and the Dockerfile', () => {
    const manifest = JSON.parse(textOf('package.json')) as { version: string };
    const lock = JSON.parse(textOf('package-lock.json')) as { version: string };
    const chart = parse(textOf('charts/homeostat/Chart.yaml')) as Record<string, unknown>;
    expect({
      manifest: manifest.version,
      lock: lock.version,
      chart: chart['version'],
      app: chart['appVersion'],
      image: /image\.version=(\S+)/.exec(textOf('Dockerfile'))?.[1],
    }).toEqual({ manifest: VERSION, lock: VERSION, chart: VERSION, app: VERSION, image: VERSION });
  });
});

describe('CHANGELOG.md', () => {
  it('has an Unreleased section with one line for each change', () => {
    const [, section = ''] = textOf('CHANGELOG.md').split(/^## Unreleased$/m);
    const lines = (section.split(/^## /m)[0] ?? '').split('\n').filter((line) => line !== '');
    expect(lines.length).toBeGreaterThan(0);
    expect(lines.filter((line) => !/^- \S.*\.$/.test(line))).toEqual([]);
  });
});

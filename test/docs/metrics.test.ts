// SPDX-License-Identifier: Apache-2.0
import { afterEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/instrumentation/system-clock.ts';
import { startTelemetryThreads, type TelemetryThreads } from '../../src/telemetry-threads.ts';
import { textOf } from './markdown.ts';

const ANY = { host: '127.0.0.1', port: 0, setting: 'any port' };

let threads: TelemetryThreads | null = null;
afterEach(() => threads?.stop());

describe('docs/reference/metrics.md', () => {
  it('lists every counter that a running operator has', async () => {
    threads = await startTelemetryThreads({
      clock: systemClock,
      grpc: ANY,
      http: ANY,
      receiver: { bodyBytes: 2 ** 20, budgetBytes: 2 ** 24 },
      onIncident: () => undefined,
    });
    const { analysis } = threads;
    // The counters of the worker come with its first sign of life.
    while (analysis.status().counters === null) await systemClock.sleep(20);
    const names = Object.keys(await threads.counters());
    expect(names.length).toBeGreaterThan(60);
    const page = textOf('docs/reference/metrics.md');
    expect(names.filter((name) => !page.includes(`- \`${name}\``))).toEqual([]);
  });
});

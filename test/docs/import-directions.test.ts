// SPDX-License-Identifier: Apache-2.0
/**
 * The tool that checks import directions can see no module at all and still end well. So: it must
 * see every file of src, and each of its rules must find a violation that is planted for it.
 */
import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { projectFiles, ROOT } from './markdown.ts';

interface Report {
  readonly modules: readonly { readonly source: string }[];
  readonly summary: {
    readonly totalCruised: number;
    readonly violations: readonly {
      readonly from: string;
      readonly rule: { readonly name: string; readonly severity: string };
    }[];
  };
}

/** Runs the tool as `npm run check:imports` does, in a folder. */
const cruise = (folder: string): Promise<Report> => {
  const tool = join(ROOT, 'node_modules/.bin/depcruise');
  const args = [tool, 'src', '--config', '.dependency-cruiser.cjs', '--output-type', 'json'];
  return new Promise((resolve, reject) => {
    execFile(
      process.execPath,
      args,
      { cwd: folder, maxBuffer: 1 << 28 },
      (error, stdout, stderr) => {
        try {
          resolve(JSON.parse(stdout) as Report);
        } catch {
          reject(new Error(`${error?.message ?? ''}\n${stderr}\n${stdout.slice(0, 1_000)}`));
        }
      },
    );
  });
};

/** One planted file for each rule: the rule, the file, what it holds. */
const PLANTED = [
  ['no-cycle', 'src/plan/planted-a.ts', "import './planted-b.ts';\nexport const a = 1;\n"],
  [
    'pure',
    'src/plan/planted-clock.ts',
    "import { readFileSync } from 'node:fs';\nexport { readFileSync };\n",
  ],
  [
    'domain-imports-nothing',
    'src/domain/planted-zod.ts',
    "import { z } from 'zod';\nexport { z };\n",
  ],
  [
    'theory-knows-no-package',
    'src/theory/series/planted-domain.ts',
    "import { durationMs } from '../../domain/duration.ts';\nexport { durationMs };\n",
  ],
  [
    'client-node-only-in-kube',
    'src/serve/planted-undici.ts',
    "import { Agent } from 'undici';\nexport { Agent };\n",
  ],
  [
    'product-does-not-import-tests',
    'src/serve/planted-test.ts',
    "import { virtual } from '../../test/planted.ts';\nexport { virtual };\n",
  ],
  [
    'direction:analyze',
    'src/analyze/planted-kube.ts',
    "import type { Transport } from '../kube/transport.ts';\nexport type Planted = Transport;\n",
  ],
  [
    'direction:execute',
    'src/execute/planted-plan.ts',
    "export const later = () => import('../plan/decide.ts');\n",
  ],
  [
    'leaf:plan/guards',
    'src/plan/guards/planted-sibling.ts',
    "import { fresh } from './fresh.ts';\nexport { fresh };\n",
  ],
] as const;

let copy: string;
beforeAll(async () => {
  copy = await mkdtemp(join(tmpdir(), 'homeostat-imports-'));
  for (const each of ['src', 'package.json', 'tsconfig.json', '.dependency-cruiser.cjs']) {
    await cp(join(ROOT, each), join(copy, each), { recursive: true });
  }
  await symlink(join(ROOT, 'node_modules'), join(copy, 'node_modules'));
  const files = [
    ...PLANTED.map(([, path, text]) => [path, text] as const),
    ['src/plan/planted-b.ts', "import './planted-a.ts';\nexport const b = 1;\n"] as const,
    ['test/planted.ts', 'export const virtual = 1;\n'] as const,
  ];
  for (const [path, text] of files) {
    await mkdir(dirname(join(copy, path)), { recursive: true });
    await writeFile(join(copy, path), text);
  }
});
afterAll(() => rm(copy, { recursive: true, force: true }));

describe('dependency-cruiser', () => {
  it('sees every file of src, and finds nothing', async () => {
    const files = projectFiles(/^src\/.*\.tsx?$/);
    const { modules, summary } = await cruise(ROOT);
    expect(summary.totalCruised).toBeGreaterThanOrEqual(files.length);
    const seen = new Set(modules.map(({ source }) => source));
    expect(files.filter((path) => !seen.has(path))).toEqual([]);
    expect(summary.violations).toEqual([]);
  });

  it('finds each planted violation as an error', async () => {
    const { summary } = await cruise(copy);
    for (const [rule, path] of PLANTED) {
      const found = summary.violations.find(
        ({ from, rule: { name } }) => from === path && name === rule,
      );
      expect(found?.rule.severity, `${rule} in ${path}`).toBe('error');
    }
  });
});

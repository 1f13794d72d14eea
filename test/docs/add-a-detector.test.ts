// SPDX-License-Identifier: Apache-2.0
/**
 * Follows docs/howto/add-a-detector.md word for word in a copy of the project: writes its files, runs
 * its commands. A page that has drifted from the code fails here.
 */
import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { codeBlocks } from './markdown.ts';

const ROOT = join(import.meta.dirname, '../..');
const COPIED = [
  ...['src', 'test', 'tools', 'demo', 'docs', 'crds', 'charts', 'manifests'],
  ...['package.json', 'tsconfig.json', 'vitest.config.ts', '.dependency-cruiser.cjs'],
  ...['biome.json', '.gitignore'],
];

const run = promisify(execFile);

let copy: string;
beforeAll(async () => {
  copy = await mkdtemp(join(tmpdir(), 'homeostat-howto-'));
  for (const each of COPIED) {
    await cp(join(ROOT, each), join(copy, each), { recursive: true });
  }
  await symlink(join(ROOT, 'node_modules'), join(copy, 'node_modules'));
});
afterAll(() => rm(copy, { recursive: true, force: true }));

/** Runs one line of a shell block in the copy, on the Node that runs this test. */
const shell = async (line: string): Promise<string> => {
  const bin = [join(ROOT, 'node_modules/.bin'), dirname(process.execPath)].join(delimiter);
  const path = `${bin}${delimiter}${process.env['PATH'] ?? ''}`;
  const env = { ...process.env, PATH: path, NO_COLOR: '1', FORCE_COLOR: '0' };
  try {
    const { stdout } = await run('bash', ['-c', line], { cwd: copy, env, maxBuffer: 1 << 24 });
    return stdout;
  } catch (error) {
    const { stdout = '', stderr = '' } = error as { stdout?: string; stderr?: string };
    throw new Error(`${line}\n${stdout}\n${stderr}`);
  }
};

describe('docs/howto/add-a-detector.md', () => {
  it('makes a detector that passes its test, the contract suite and the checks', async () => {
    const text = await readFile(join(ROOT, 'docs/howto/add-a-detector.md'), 'utf8');
    const blocks = codeBlocks(text);
    const files = blocks.filter(({ title }) => title !== null);
    expect(files.map(({ title }) => title)).toEqual([
      'src/analyze/detectors/memory-near-limit.ts',
      'test/unit/analyze/detectors/memory-near-limit.test.ts',
      'src/analyze/detectors/index.ts',
    ]);
    for (const { title, body } of files) {
      const path = join(copy, title as string);
      await mkdir(dirname(path), { recursive: true });
      await writeFile(path, body);
    }
    const commands = blocks
      .filter(({ isRun }) => isRun)
      .flatMap(({ body }) => body.trim().split('\n'));
    expect(commands.length).toBeGreaterThan(3);
    const outputs: string[] = [];
    for (const command of commands) outputs.push(await shell(command));
    // The suites really ran: the test of the page, and the contract suite over the new detector.
    expect(outputs.join('\n')).toMatch(/2 passed, 0 failed/);
    const contract = await shell(
      'npx vitest run --project contract test/contract/detectors.test.ts --reporter=verbose',
    );
    expect(contract).toContain('MemoryNearLimit > gives no evidence for an empty view');
    const crd = await readFile(join(copy, 'crds/healingpolicies.homeostat.dev.yaml'), 'utf8');
    expect(crd).toContain('- MemoryNearLimit');
    const page = await readFile(join(copy, 'docs/reference/detectors.md'), 'utf8');
    expect(page).toContain('## MemoryNearLimit');
  });
});

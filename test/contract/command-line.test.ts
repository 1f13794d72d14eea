// SPDX-License-Identifier: Apache-2.0
// The operator as a command: a wrong setting ends it with exit code 2 and the row of the table, before
// it opens a port or asks an API server.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { runCommand } from '../rig/toolchain/run-command.ts';

const MAIN = join(import.meta.dirname, '../../src/main.ts');
const scratch = mkdtempSync(join(tmpdir(), 'homeostat-cli-'));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

/** No API server can be found, so a command that gets as far as asking for one says something else. */
const run = (args: readonly string[], env: Readonly<Record<string, string>> = {}) =>
  runCommand(process.execPath, [MAIN, ...args], {
    env: { PATH: process.env['PATH'] ?? '', HOME: scratch, ...env },
  });

describe('the operator as a command', () => {
  it.each([
    ['an unknown flag', ['--colour=red'], {}, ['--colour', '--max-mode']],
    ['an unknown mode', ['--max-mode=Yolo'], {}, ['--max-mode', 'HOMEOSTAT_MAX_MODE', '"Yolo"']],
    ['a positional argument', ['now'], {}, ['known settings', '--max-mode']],
    [
      'a wrong variable',
      [],
      { HOMEOSTAT_LEASE_DURATION: 'soon' },
      ['--lease-duration', 'HOMEOSTAT_LEASE_DURATION', '"soon"'],
    ],
    [
      'settings that contradict each other',
      ['--renew-deadline=20s'],
      {},
      ['--renew-deadline', 'must be shorter than --lease-duration'],
    ],
    [
      'its own receiver as the endpoint of its traces',
      ['--trace-endpoint=http://127.0.0.1:4317'],
      {},
      ['--trace-endpoint', 'must not be the own receiver'],
    ],
  ] as const)('ends with 2 and the row of the table for %s', async (_, args, env, expected) => {
    const { code, stdout, stderr } = await run(args, env);
    expect(code).toBe(2);
    expect(stdout).toBe('');
    expect(stderr).toContain('HOMEO_CONFIG_INVALID');
    for (const text of expected) expect(stderr).toContain(text);
    // A sentence for a person, not a stack.
    expect(stderr).not.toMatch(/^\s+at /m);
  });

  it('names every wrong row at once', async () => {
    const { stderr } = await run(['--max-mode=x', '--log-level=loud']);
    expect(stderr).toContain('--max-mode');
    expect(stderr).toContain('--log-level');
  });

  it('says which kubeconfig it cannot use', async () => {
    const path = join(scratch, 'missing.kubeconfig');
    const { code, stderr } = await run([`--kubeconfig=${path}`]);
    expect(code).toBe(78);
    expect(stderr).toContain('HOMEO_KUBE_CONFIG');
    expect(stderr).toContain(path);
    expect(stderr).not.toMatch(/^\s+at /m);
  });

  it('prints the table of settings, and its version, and asks nobody', async () => {
    const help = await run(['--help']);
    expect(help.code).toBe(0);
    expect(help.stdout).toContain('--otlp-grpc-address');
    const version = await run(['--version']);
    expect(version).toMatchObject({ code: 0, stderr: '' });
    expect(version.stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
  });
});

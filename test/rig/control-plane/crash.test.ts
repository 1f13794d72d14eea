// SPDX-License-Identifier: Apache-2.0
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { waitFor } from './wait-for.ts';

/** A process that is dead but not yet reaped by its parent counts as gone. */
const isGone = async (pid: number): Promise<boolean> => {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined);
  return stat === undefined || stat.slice(stat.lastIndexOf(')') + 2).startsWith('Z');
};

it.each(['SIGKILL', 'SIGTERM', 'SIGINT'] as const)(
  'leaves nothing behind when the process that started it ends by %s',
  async (signal) => {
    const child = fork(join(import.meta.dirname, 'crash-victim.ts'), { execArgv: [] });
    const [{ dir, pids }] = (await once(child, 'message')) as [{ dir: string; pids: number[] }];
    expect(existsSync(dir)).toBe(true);
    expect(await Promise.all(pids.map(isGone))).toEqual([false, false]);
    child.kill(signal);
    await waitFor('all processes are gone', async () =>
      (await Promise.all(pids.map(isGone))).every((gone) => gone),
    );
    await waitFor('the folder is gone', () => !existsSync(dir));
  },
);

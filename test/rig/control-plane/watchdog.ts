// SPDX-License-Identifier: Apache-2.0
// Nothing is left behind, even when a test is killed by SIGKILL: a small shell process waits on a
// pipe from us. At its end it kills what we started and removes our folder. Stopping in the
// ordinary way is the same path: we close the pipe and wait.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** Guards a folder and the processes that work in it. */
export interface Watchdog {
  readonly folder: string;
  /** Environment that every guarded process must have. */
  readonly environment: Readonly<Record<string, string>>;
  /** Notes the process group that a started process leads. */
  add(group: number): void;
  /** Forgets a process group that has ended. */
  remove(group: number): void;
  /** Sets a shell script that runs after the kill and before the folder is removed. */
  setCleanUp(script: string): Promise<void>;
  /** Kills all processes by SIGKILL, removes the folder, and resolves when both are gone. */
  finish(): Promise<void>;
}

const CLEAN_UP_DEADLINE_MS = 30_000;

/** Starts the watchdog of a folder, which must be our own: it is removed at the end. */
export const startWatchdog = (folder: string): Watchdog => {
  const script = join(import.meta.dirname, 'watchdog.sh');
  const child = spawn('/bin/sh', [script, folder], {
    cwd: '/',
    env: { PATH: process.env['PATH'] ?? '/usr/bin:/bin' },
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
  });
  // It must not keep the process alive that it watches.
  child.unref();
  const input = child.stdin as typeof child.stdin & { unref?: () => void };
  input.unref?.();
  input.on('error', () => undefined);
  const exited = once(child, 'exit');
  let finished: Promise<void> | undefined;

  const finish = async (): Promise<void> => {
    const guard = setTimeout(() => child.kill('SIGKILL'), CLEAN_UP_DEADLINE_MS);
    child.ref();
    input.end();
    await exited;
    clearTimeout(guard);
  };
  return {
    folder,
    environment: { HOMEOSTAT_RIG: folder },
    add: (group) => void input.write(`add ${group}\n`),
    remove: (group) => void input.write(`del ${group}\n`),
    setCleanUp: (text) => writeFile(join(folder, 'clean-up.sh'), text),
    finish: () => {
      finished ??= finish();
      return finished;
    },
  };
};

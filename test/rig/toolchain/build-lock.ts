// SPDX-License-Identifier: Apache-2.0
// One build at a time on a machine: two cold builds side by side would take the memory and the
// time of both. The lock is a file that appears complete (link) and names its holder. The lock of
// a dead holder is taken over; the right to do so is itself exclusive for each dead lock, so two
// waiters can never remove the lock of a third one.
import { randomUUID } from 'node:crypto';
import { link, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** Names who holds a lock. */
export interface LockHolder {
  readonly pid: number;
  /** Start time of the process where the system tells it: a reused process id is another holder. */
  readonly started: string;
  readonly nonce: string;
}

/** Configures waiting for a lock. */
export interface LockOptions {
  readonly onWait?: ((holder: LockHolder) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Time between two looks, in milliseconds. */
  readonly pollMs?: number;
}

const startOf = async (pid: number): Promise<string> => {
  const text = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  return text.slice(text.lastIndexOf(')') + 2).split(' ')[19] ?? '';
};

/** Tells whether the process that wrote the lock still runs. */
export const isAlive = async (holder: LockHolder): Promise<boolean> => {
  if (!(holder.pid > 0)) return false;
  try {
    process.kill(holder.pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
  return holder.started === '' || (await startOf(holder.pid)) === holder.started;
};

/** A lock that cannot be read, as after a crash of the machine, has a holder that is dead. */
const nobody: LockHolder = { pid: 0, started: '', nonce: 'unreadable' };

const readHolder = async (path: string): Promise<LockHolder | undefined> => {
  const text = await readFile(path, 'utf8').catch(() => undefined);
  if (text === undefined) return undefined;
  try {
    return { ...nobody, ...JSON.parse(text) };
  } catch {
    return nobody;
  }
};

const linkOnce = async (from: string, to: string): Promise<boolean> => {
  try {
    await link(from, to);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
};

const removeDead = async (path: string, mine: string, dead: LockHolder): Promise<void> => {
  const right = `${path}.takeover.${dead.nonce}`;
  if (!(await linkOnce(mine, right))) {
    const rival = await readHolder(right);
    if (rival !== undefined && !(await isAlive(rival))) await rm(right, { force: true });
    return;
  }
  try {
    const current = await readHolder(path);
    if (current?.nonce === dead.nonce) await rm(path, { force: true });
  } finally {
    await rm(right, { force: true });
  }
};

const acquire = async (
  path: string,
  mine: string,
  { onWait, signal, pollMs = 500 }: LockOptions,
): Promise<void> => {
  let announced: string | undefined;
  while (!(await linkOnce(mine, path))) {
    signal?.throwIfAborted();
    const holder = await readHolder(path);
    if (holder === undefined) continue;
    if (!(await isAlive(holder))) {
      await removeDead(path, mine, holder);
      continue;
    }
    if (announced !== holder.nonce) onWait?.(holder);
    announced = holder.nonce;
    await sleep(pollMs, undefined, signal === undefined ? {} : { signal });
  }
};

/**
 * Runs `work` while holding the lock file `path`, and releases it afterwards. Waits as long as a
 * living process holds it, and calls `onWait` once for each such holder. Rejects when `signal`
 * aborts.
 */
export const withLock = async <Result>(
  path: string,
  options: LockOptions,
  work: () => Promise<Result>,
): Promise<Result> => {
  await mkdir(dirname(path), { recursive: true });
  const nonce = randomUUID();
  const holder: LockHolder = { pid: process.pid, started: await startOf(process.pid), nonce };
  const mine = `${path}.${nonce}`;
  await writeFile(mine, JSON.stringify(holder));
  try {
    await acquire(path, mine, options);
    // The lock is the same file under its own name: a killed holder leaves only that one.
    await rm(mine);
    try {
      return await work();
    } finally {
      await rm(path, { force: true });
    }
  } finally {
    await rm(mine, { force: true });
  }
};

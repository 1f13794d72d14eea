// SPDX-License-Identifier: Apache-2.0
import { spawnSync } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { isAlive, type LockHolder, withLock } from '../../../rig/toolchain/build-lock.ts';

let folder = '';
let path = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'homeostat-lock-'));
  path = join(folder, 'toolchain.lock');
});
afterEach(() => rm(folder, { recursive: true }));

/** A process that has run and ended: its id names nobody, or by now somebody else. */
const deadHolder = (): LockHolder => {
  const { pid } = spawnSync('true');
  return { pid, started: '1', nonce: 'dead' };
};

describe('withLock', () => {
  it('returns what the work returns and leaves nothing behind', async () => {
    expect(await withLock(path, {}, async () => 7)).toBe(7);
    expect(await readdir(folder)).toEqual([]);
  });

  it('names this process as the holder while the work runs', async () => {
    const text = await withLock(path, {}, () => readFile(path, 'utf8'));
    expect(JSON.parse(text)).toMatchObject({ pid: process.pid });
  });

  it('releases the lock when the work fails', async () => {
    const work = () => Promise.reject(new Error('no'));
    await expect(withLock(path, {}, work)).rejects.toThrow('no');
    expect(await readdir(folder)).toEqual([]);
  });

  it('takes over the lock of a dead process without waiting', async () => {
    await writeFile(path, JSON.stringify(deadHolder()));
    const onWait = vi.fn();
    expect(await withLock(path, { onWait }, async () => 'built')).toBe('built');
    expect(onWait).not.toHaveBeenCalled();
    expect(await readdir(folder)).toEqual([]);
  });

  it('takes over the lock of a process whose id was given to another one', async () => {
    await writeFile(path, JSON.stringify({ pid: process.pid, started: '1', nonce: 'reused' }));
    expect(await withLock(path, {}, async () => 'built')).toBe('built');
  });

  it('takes over a lock that cannot be read', async () => {
    await writeFile(path, '');
    expect(await withLock(path, {}, async () => 'built')).toBe('built');
  });

  it('lets only one of many waiters in at a time, after a take-over too', async () => {
    await writeFile(path, JSON.stringify(deadHolder()));
    let inside = 0;
    let most = 0;
    const work = async () => {
      inside++;
      most = Math.max(most, inside);
      await readdir(folder);
      inside--;
    };
    await Promise.all(Array.from({ length: 12 }, () => withLock(path, { pollMs: 1 }, work)));
    expect(most).toBe(1);
    expect(await readdir(folder)).toEqual([]);
  });

  it('waits for a living holder and says once for whom', async () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    const first = withLock(path, {}, () => promise);
    await vi.waitFor(() => readFile(path));
    const onWait = vi.fn(() => resolve());
    await withLock(path, { onWait, pollMs: 1 }, async () => undefined);
    await first;
    expect(onWait).toHaveBeenCalledExactlyOnceWith(expect.objectContaining({ pid: process.pid }));
  });

  it('gives up waiting when the signal aborts', async () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    const first = withLock(path, {}, () => promise);
    await vi.waitFor(() => readFile(path));
    const { signal, abort } = abortable();
    const second = withLock(path, { signal, onWait: abort, pollMs: 1 }, async () => undefined);
    await expect(second).rejects.toThrow('aborted');
    resolve();
    await first;
  });
});

const abortable = () => {
  const controller = new AbortController();
  return { signal: controller.signal, abort: () => controller.abort() };
};

describe('isAlive', () => {
  it('knows this process and not a dead one', async () => {
    expect(await isAlive({ pid: process.pid, started: '', nonce: 'a' })).toBe(true);
    expect(await isAlive(deadHolder())).toBe(false);
  });
});

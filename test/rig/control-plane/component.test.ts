// SPDX-License-Identifier: Apache-2.0
import { existsSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Component, ComponentExitedError, createComponent } from './component.ts';
import { waitFor } from './wait-for.ts';
import { startWatchdog, type Watchdog } from './watchdog.ts';

let watchdog: Watchdog;
beforeEach(() => {
  watchdog = startWatchdog(mkdtempSync(join(tmpdir(), 'homeostat-component-')));
});
afterEach(() => watchdog.finish());

const shell = (script: string, isReady: () => Promise<boolean>): Component =>
  createComponent({
    name: 'thing',
    command: () => ['/bin/sh', '-c', script],
    logFile: join(watchdog.folder, 'thing.log'),
    watchdog,
    isReady,
    readyDeadlineMs: 1000,
  });

describe('createComponent', () => {
  it('tells the end of the log when it ends before it is ready', async () => {
    const thing = shell('echo reason; exit 3', async () => false);
    const start = thing.start();
    await expect(start).rejects.toThrow(ComponentExitedError);
    await expect(start).rejects.toThrow(/thing ended \(exit code 3\) before it was ready:\nreason/);
    await expect(start).rejects.toMatchObject({ isPortTaken: false });
    expect(thing.pid).toBeUndefined();
  });

  it('knows that the port was taken', async () => {
    const thing = shell('echo bind: address already in use; exit 1', async () => false);
    await expect(thing.start()).rejects.toMatchObject({ isPortTaken: true });
  });

  it('gives up on one that is never ready', async () => {
    const thing = shell('echo hello; sleep 600', async () => false);
    await expect(thing.start()).rejects.toThrow(/thing was not ready within 1 s:\nhello/);
  });

  it('says so when the program does not exist', async () => {
    const thing = createComponent({
      name: 'absent',
      command: () => ['/nonexistent/program'],
      logFile: join(watchdog.folder, 'absent.log'),
      watchdog,
      isReady: async () => false,
    });
    await expect(thing.start()).rejects.toThrow(/ENOENT/);
  });

  it('refuses a second start', async () => {
    const thing = shell('sleep 600', async () => true);
    await thing.start();
    await expect(thing.start()).rejects.toThrow(/runs already/);
  });
});

describe('startWatchdog', () => {
  it('kills what left its process group, runs the clean-up and removes the folder', async () => {
    const trace = mkdtempSync(join(tmpdir(), 'homeostat-trace-'));
    const pidFile = join(trace, 'pid');
    const thing = shell(`setsid sh -c 'echo $$ > ${pidFile}; exec sleep 600' & wait`, async () =>
      existsSync(pidFile),
    );
    await thing.start();
    await watchdog.setCleanUp(`echo done > ${trace}/cleaned`);
    await watchdog.finish();
    const { readFileSync, rmSync } = await import('node:fs');
    const pid = Number(readFileSync(pidFile, 'utf8'));
    await waitFor('the stray process is gone', () => !existsSync(`/proc/${pid}/cmdline`));
    expect(existsSync(join(trace, 'cleaned'))).toBe(true);
    expect(existsSync(watchdog.folder)).toBe(false);
    rmSync(trace, { recursive: true });
  });

  it('does not kill a process that has ended and been forgotten', async () => {
    const thing = shell('sleep 600', async () => true);
    await thing.start();
    await thing.stop();
    writeFileSync(join(watchdog.folder, 'kept'), '');
    expect(existsSync(watchdog.folder)).toBe(true);
  });
});

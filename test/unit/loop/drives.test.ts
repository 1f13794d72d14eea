// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import type { HealingAction } from '../../../src/api/healing-action.ts';
import { silentLog } from '../../../src/instrumentation/log.ts';
import { noTracer } from '../../../src/instrumentation/trace.ts';
import { Drives } from '../../../src/loop/drives.ts';
import type { LoopPorts } from '../../../src/loop/ports.ts';
import { record } from '../execute/records.ts';

const setUp = (drive: (given: HealingAction) => Promise<unknown>) => {
  const ended: string[] = [];
  let driven = 0;
  const ports = {
    execution: {
      drive: (given: HealingAction) => {
        driven += 1;
        return drive(given);
      },
    },
    log: silentLog,
    tracer: noTracer,
    observer: { ended: (each: HealingAction) => void ended.push(each.metadata.uid) },
  } as unknown as LoopPorts;
  return { drives: new Drives(ports), ended, driven: () => driven };
};

/** As the watch still shows it. */
const stale = record({ phase: 'Verifying' });
const { signal } = new AbortController();

describe('Drives', () => {
  it('does not drive, nor count, a record again that a late watch still shows as open', async () => {
    const over = record({ phase: 'Succeeded' });
    const { drives, ended, driven } = setUp(async () => ({ kind: 'terminal', record: over }));
    for (let round = 0; round < 3; round += 1) {
      drives.retain(new Set([stale.metadata.uid]));
      drives.start(stale, signal);
      await drives.idle();
    }
    expect([ended.length, driven()]).toEqual([1, 1]);
  });

  it.each([
    ['stopped', async () => ({ kind: 'stopped', record: stale })],
    ['failed by a fault of ours', () => Promise.reject(new Error('a fault'))],
  ])('picks up again what was %s', async (_, drive) => {
    const { drives, driven } = setUp(drive);
    drives.start(stale, signal);
    await drives.idle();
    drives.start(stale, signal);
    await drives.idle();
    expect(driven()).toBe(2);
  });
});

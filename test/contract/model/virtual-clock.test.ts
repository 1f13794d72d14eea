// SPDX-License-Identifier: Apache-2.0
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MachineClock, VirtualClock } from '../../model/virtual-clock.ts';

describe('VirtualClock', () => {
  it('wakes sleepers in the order of their times, at their times', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat(1_000), { maxLength: 20 }), async (durations) => {
        const clock = new VirtualClock();
        const woken: number[] = [];
        for (const ms of durations) {
          void clock.sleep(ms).then(() => {
            expect(clock.monoMs()).toBe(ms);
            woken.push(ms);
          });
        }
        await clock.advance(1_000);
        expect(woken).toEqual(durations.toSorted((a, b) => a - b));
        expect(clock.monoMs()).toBe(1_000);
      }),
      { numRuns: 50 },
    );
  });

  it('runs what a sleeper sets in motion before the next one wakes', async () => {
    const clock = new VirtualClock();
    const events: string[] = [];
    const chain = async (): Promise<void> => {
      await clock.sleep(10);
      for (let index = 0; index < 50; index += 1) await Promise.resolve();
      events.push('chain');
      await clock.sleep(5);
      events.push('second');
    };
    void chain();
    void clock.sleep(11).then(() => events.push('next'));
    await clock.advance(20);
    expect(events).toEqual(['chain', 'next', 'second']);
  });

  it('wakes a sleeper at once when its signal aborts', async () => {
    const clock = new VirtualClock();
    const abort = new AbortController();
    let isAwake = false;
    void clock.sleep(1_000, abort.signal).then(() => {
      isAwake = true;
    });
    await clock.advance(1);
    abort.abort();
    await clock.advance(0);
    expect(isAwake).toBe(true);
    expect(await clock.until(() => false, 10_000)).toBe(false);
    expect(clock.monoMs()).toBe(1);
  });

  it('stops at the sleeper after which the condition holds', async () => {
    const clock = new VirtualClock();
    let count = 0;
    for (const ms of [10, 20, 30]) void clock.sleep(ms).then(() => count++);
    expect(await clock.until(() => count === 2, 1_000)).toBe(true);
    expect(clock.monoMs()).toBe(20);
  });
});

describe('MachineClock', () => {
  it('jumps with its wall clock alone', async () => {
    const truth = new VirtualClock();
    const clock = new MachineClock(truth);
    clock.jump(-3_600_000);
    await truth.advance(5);
    expect(clock.monoMs()).toBe(5);
    expect(clock.wallMs()).toBe(truth.wallMs() - 3_600_000);
  });
});

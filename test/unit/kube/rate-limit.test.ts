// SPDX-License-Identifier: Apache-2.0
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Priority, RateLimiter } from '../../../src/kube/rate-limit.ts';
import { VirtualClock } from '../../rig/virtual-clock.ts';

const never = new AbortController().signal;

describe('RateLimiter', () => {
  it('lets no more through in any window than the burst and the rate allow', async () => {
    const asks = fc.array(fc.constantFrom<Priority>('normal', 'critical'), { maxLength: 120 });
    await fc.assert(
      fc.asyncProperty(asks, async (priorities) => {
        const clock = new VirtualClock();
        const limiter = new RateLimiter(clock, { qps: 20, burst: 40, reservedQps: 5 });
        const times: number[] = [];
        for (const priority of priorities) {
          void limiter.take(priority, never).then(() => times.push(clock.monoMs()));
        }
        await clock.advance(10_000);
        expect(times).toHaveLength(priorities.length);
        for (const [first, from] of times.entries()) {
          for (let last = first; last < times.length; last += 1) {
            const allowed = 40 + (20 * (times[last]! - from)) / 1000;
            expect(last - first + 1).toBeLessThanOrEqual(allowed + 1e-6);
          }
        }
      }),
      { numRuns: 15 },
    );
  });

  it('keeps a reserve for critical calls while normal ones queue up', async () => {
    const clock = new VirtualClock();
    const limiter = new RateLimiter(clock, { qps: 20, burst: 40, reservedQps: 5 });
    for (let each = 0; each < 500; each += 1) void limiter.take('normal', never);
    const asked = clock.monoMs();
    await limiter.take('critical', never);
    expect(clock.monoMs()).toBe(asked);
  });

  it('gives the token back when the caller gives up', async () => {
    const clock = new VirtualClock();
    const limiter = new RateLimiter(clock, { qps: 2, burst: 2, reservedQps: 1 });
    await limiter.take('normal', never);
    const givingUp = new AbortController();
    const waits = Array.from({ length: 10 }, () => limiter.take('normal', givingUp.signal));
    givingUp.abort();
    await Promise.all(waits);
    const taken = limiter.take('normal', never);
    let done = false;
    void taken.then(() => {
      done = true;
    });
    await clock.advance(1_000);
    expect(done).toBe(true);
  });
});

// SPDX-License-Identifier: Apache-2.0
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { IngestQueue } from '../../../src/monitor/ingest-queue.ts';

const job = (id: number, byteLength: number) => ({ id, body: { byteLength } });

describe('IngestQueue', () => {
  it('is a bounded first-in first-out queue, as a plain array is', () => {
    const steps = fc.array(
      fc.oneof(fc.constant('take' as const), fc.integer({ min: 0, max: 60 })),
      {
        maxLength: 400,
        size: 'max',
      },
    );
    fc.assert(
      fc.property(steps, (input) => {
        const queue = new IngestQueue<ReturnType<typeof job>>({ maxJobs: 7, maxBytes: 100 });
        const naive: ReturnType<typeof job>[] = [];
        const bytes = () => naive.reduce((sum, each) => sum + each.body.byteLength, 0);
        for (const [id, step] of input.entries()) {
          if (step === 'take') {
            expect(queue.take()).toBe(naive.shift());
          } else {
            const fits = naive.length < 7 && bytes() + step <= 100;
            const next = job(id, step);
            expect(queue.offer(next)).toBe(fits);
            if (fits) naive.push(next);
          }
          expect([queue.length, queue.bytes]).toEqual([naive.length, bytes()]);
        }
      }),
    );
  });

  it('takes a body beyond its bytes when nothing waits, so that a legal one is not refused for ever', () => {
    const queue = new IngestQueue({ maxJobs: 7, maxBytes: 100 });
    expect(queue.offer(job(1, 500))).toBe(true);
    expect(queue.offer(job(2, 0))).toBe(false);
    queue.take();
    expect(queue.offer(job(3, 1))).toBe(true);
  });

  it('estimates the wait from the measured rate, between 1 and 30 seconds', () => {
    const queue = new IngestQueue({ maxJobs: 1_000, maxBytes: 1e9 });
    expect(queue.retryAfterMs()).toBe(1_000);
    for (let i = 0; i < 100; i++) queue.learn(100_000, 100);
    for (let i = 0; i < 50; i++) queue.offer(job(i, 100_000));
    // 50 bodies at 100 ms each.
    expect(queue.retryAfterMs()).toBeGreaterThan(4_800);
    expect(queue.retryAfterMs()).toBeLessThan(5_200);
    for (let i = 0; i < 100; i++) queue.learn(100_000, 10_000);
    expect(queue.retryAfterMs()).toBe(30_000);
    while (queue.take() !== undefined);
    expect(queue.retryAfterMs()).toBe(1_000);
  });

  it('does not learn from a clock that went backwards', () => {
    const queue = new IngestQueue({ maxJobs: 1, maxBytes: 1 });
    queue.learn(1, -1_000_000);
    queue.offer(job(1, 1));
    expect(queue.retryAfterMs()).toBe(1_000);
  });
});

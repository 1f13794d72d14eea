// SPDX-License-Identifier: Apache-2.0
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { backoffMs, LOW_PRIORITY, WorkQueue } from '../../../src/kube/work-queue.ts';
import { VirtualClock } from '../../rig/virtual-clock.ts';

function setUp() {
  const clock = new VirtualClock();
  return { clock, queue: new WorkQueue(clock) };
}

/** Takes everything that is ready, in order, and calls it done. */
async function takeAll(queue: WorkQueue): Promise<string[]> {
  const keys: string[] = [];
  while (queue.depth > 0) {
    const item = await queue.get();
    if (item === null) break;
    keys.push(item.key);
    queue.done(item.key);
  }
  return keys;
}

type Command =
  | { do: 'add'; key: string; afterMs: number; priority: number }
  | { do: 'take' }
  | { do: 'done'; which: number }
  | { do: 'pass'; ms: number };

const command: fc.Arbitrary<Command> = fc.oneof(
  fc.record({
    do: fc.constant('add' as const),
    key: fc.constantFrom('a', 'b', 'c', 'd'),
    afterMs: fc.constantFrom(0, 0, 3, 20),
    priority: fc.constantFrom(0, -100, 5),
  }),
  fc.record({ do: fc.constant('take' as const) }),
  fc.record({ do: fc.constant('done' as const), which: fc.nat(5) }),
  fc.record({ do: fc.constant('pass' as const), ms: fc.nat(10) }),
);

/** Works a queue by commands and keeps account of what it owes. */
class Driver {
  /** Keys added since they were last taken: each must come out again. */
  readonly owed = new Set<string>();
  readonly #clock = new VirtualClock();
  readonly #queue = new WorkQueue(this.#clock);
  #held: string[] = [];

  async run(step: Command): Promise<void> {
    switch (step.do) {
      case 'add':
        this.#queue.add(step.key, step);
        this.owed.add(step.key);
        return;
      case 'take':
        return this.#take();
      case 'done':
        for (const key of this.#held.splice(step.which % Math.max(1, this.#held.length), 1)) {
          this.#queue.done(key);
        }
        return;
      case 'pass':
        return this.#clock.advance(step.ms);
    }
  }

  async finish(): Promise<void> {
    this.#release();
    await this.#clock.advance(100);
    while (this.#queue.depth > 0) {
      await this.#take();
      this.#release();
    }
  }

  #release(): void {
    for (const key of this.#held.splice(0)) this.#queue.done(key);
  }

  async #take(): Promise<void> {
    if (this.#queue.depth === 0) return;
    const item = await this.#queue.get();
    if (item === null) return;
    expect(this.#held).not.toContain(item.key);
    this.#held.push(item.key);
    this.owed.delete(item.key);
  }
}

describe('WorkQueue', () => {
  it('TestDeduping, TestCollapse: holds a key once, in the order of the first add', async () => {
    const { queue } = setUp();
    for (const key of ['a', 'b', 'a', 'a', 'c', 'b']) queue.add(key);
    expect(queue.depth).toBe(3);
    expect(await takeAll(queue)).toEqual(['a', 'b', 'c']);
  });

  it('TestAddWhileProcessing, TestCollapseWhileProcessing: adds during processing become one more run', async () => {
    const { queue } = setUp();
    queue.add('a');
    await queue.get();
    queue.add('a');
    queue.add('a');
    expect(queue.depth).toBe(0);
    queue.done('a');
    expect(await takeAll(queue)).toEqual(['a']);
  });

  it('TestReinsert: a key that is done can be added again; done of a key not taken does nothing', async () => {
    const { queue } = setUp();
    queue.done('a');
    queue.add('a');
    expect(await takeAll(queue)).toEqual(['a']);
    queue.add('a');
    expect(await takeAll(queue)).toEqual(['a']);
  });

  it('gives each waiting taker one key', async () => {
    const { queue } = setUp();
    const takers = [queue.get(), queue.get()];
    queue.add('a');
    queue.add('b');
    expect((await Promise.all(takers)).map((item) => item?.key)).toEqual(['a', 'b']);
  });

  it('TestNoQueueDrainageUsingShutDown: hands out what is ready, then null, and ignores adds', async () => {
    const { clock, queue } = setUp();
    queue.add('a');
    queue.add('later', { afterMs: 10 });
    const waiting = new WorkQueue(clock);
    const taker = waiting.get();
    waiting.shutdown();
    expect(await taker).toBeNull();
    queue.shutdown();
    queue.add('b');
    await clock.advance(1_000);
    expect((await queue.get())?.key).toBe('a');
    expect(await queue.get()).toBeNull();
  });

  it('TestQueueDrainageUsingShutDownWithDrain (and WithDirtyItem): waits for what is being processed', async () => {
    const { clock, queue } = setUp();
    queue.add('a');
    await queue.get();
    queue.add('a');
    let drained = false;
    const draining = queue.drain().then(() => {
      drained = true;
    });
    await clock.advance(0);
    queue.done('a');
    await clock.advance(0);
    expect(drained).toBe(false);
    expect((await queue.get())?.key).toBe('a');
    queue.done('a');
    await draining;
    expect(drained).toBe(true);
  });

  it('TestAddTwoFireEarly: keeps the earliest time of a key and wakes in the order of times', async () => {
    const { clock, queue } = setUp();
    queue.add('late', { afterMs: 1_000 });
    queue.add('soon', { afterMs: 50 });
    queue.add('late', { afterMs: 300 });
    queue.add('late', { afterMs: 5_000 });
    await clock.advance(49);
    expect(queue.depth).toBe(0);
    await clock.advance(1);
    expect(await takeAll(queue)).toEqual(['soon']);
    await clock.advance(249);
    expect(queue.depth).toBe(0);
    await clock.advance(1);
    expect(await takeAll(queue)).toEqual(['late']);
    await clock.advance(10_000);
    expect(queue.depth).toBe(0);
    expect(clock.sleeping).toBe(0);
  });

  it('takes a key at once that waited, and does not run it again at its time', async () => {
    const { clock, queue } = setUp();
    queue.add('a', { afterMs: 100 });
    queue.add('a');
    expect(await takeAll(queue)).toEqual(['a']);
    await clock.advance(1_000);
    expect(queue.depth).toBe(0);
  });

  it('enqueues a locked item: a key that is due while it is processed runs after', async () => {
    const { clock, queue } = setUp();
    queue.add('a');
    await queue.get();
    queue.add('a', { afterMs: 100 });
    await clock.advance(200);
    expect(queue.depth).toBe(0);
    queue.done('a');
    expect(await takeAll(queue)).toEqual(['a']);
  });

  it('retains the highest priority, first come first served inside one', async () => {
    const { queue } = setUp();
    queue.add('a', { priority: LOW_PRIORITY });
    queue.add('b');
    queue.add('c', { priority: 5 });
    queue.add('d');
    queue.add('a', { priority: 5 });
    queue.add('c', { priority: -1 });
    expect(await takeAll(queue)).toEqual(['c', 'a', 'b', 'd']);
  });

  it('will not decrease the priority of a key that waits for its time', async () => {
    const { clock, queue } = setUp();
    queue.add('a', { priority: 7, afterMs: 100 });
    queue.add('a', { priority: 1, afterMs: 50 });
    await clock.advance(50);
    expect(await queue.get()).toEqual({ key: 'a', priority: 7 });
  });

  it('TestItemExponentialFailureRateLimiterOverFlow: doubles from 5 ms to 1000 s and stays there', async () => {
    expect([0, 1, 2, 17].map(backoffMs)).toEqual([5, 10, 20, 655_360]);
    for (const failures of [18, 30, 64, 1_000, 1e9]) expect(backoffMs(failures)).toBe(1_000_000);
    const { clock, queue } = setUp();
    queue.addRateLimited('a');
    await clock.advance(5);
    expect(await takeAll(queue)).toEqual(['a']);
    queue.addRateLimited('a');
    await clock.advance(5);
    expect(queue.depth).toBe(0);
    await clock.advance(5);
    expect(await takeAll(queue)).toEqual(['a']);
    queue.forget('a');
    queue.addRateLimited('a');
    await clock.advance(5);
    expect(await takeAll(queue)).toEqual(['a']);
  });

  it('never hands a key to two takers, and loses none, whatever is done in whatever order', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(command, { maxLength: 60 }), async (commands) => {
        const driver = new Driver();
        for (const each of commands) await driver.run(each);
        await driver.finish();
        expect([...driver.owed]).toEqual([]);
      }),
      { numRuns: 200 },
    );
  });
});

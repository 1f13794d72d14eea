// SPDX-License-Identifier: Apache-2.0
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../rig/seeded-random.ts';
import { VirtualClock } from '../../rig/virtual-clock.ts';
import {
  type Candidate,
  candidate,
  type Delivery,
  LeaseServer,
  Machine,
  PROMPT,
} from './lease-model.ts';

const RUN_MS = 150_000;

interface Trouble {
  readonly kind: 'freeze' | 'cut';
  readonly afterMs: number;
  readonly forMs: number;
}

interface Plan {
  readonly rate: number;
  readonly deliveries: readonly Delivery[];
  readonly trouble: readonly Trouble[];
}

const delivery: fc.Arbitrary<Delivery> = fc.record({
  fault: fc.oneof(
    { weight: 8, arbitrary: fc.constant('none' as const) },
    { weight: 1, arbitrary: fc.constantFrom('dropRequest' as const, 'loseReply' as const) },
  ),
  thereMs: fc.constantFrom(0, 0, 10, 1_200),
  backMs: fc.constantFrom(0, 0, 10, 1_200, 2_900),
});

const plan: fc.Arbitrary<Plan> = fc.record({
  // The slowest and the fastest clock differ by less than the 1.5 that is tolerated.
  rate: fc.constantFrom(0.82, 1, 1.2),
  deliveries: fc.array(delivery, { minLength: 1, maxLength: 12 }),
  trouble: fc.array(
    fc.record({
      kind: fc.constantFrom('freeze' as const, 'cut' as const),
      afterMs: fc.integer({ min: 3_000, max: 25_000 }),
      forMs: fc.oneof(fc.integer({ min: 6_000, max: 18_000 }), fc.constant(40_000)),
    }),
    { maxLength: 4 },
  ),
});

/** Some processes that restart when they lose their term, and the writes they send. */
class World {
  readonly clock = new VirtualClock();
  readonly server = new LeaseServer();
  readonly late: string[] = [];
  readonly terms: number[] = [];
  readonly #end = new AbortController();
  readonly #random: () => number;
  readonly #cut = new Set<Machine>();
  readonly #machines: Machine[] = [];
  readonly #current = new Map<Machine, Candidate>();
  readonly #running: Promise<void>[] = [];
  #recorded = 0;

  constructor(plans: readonly Plan[], seed: number) {
    this.#random = seededRandom(seed);
    for (const each of plans) this.#add(each);
  }

  async finish(): Promise<void> {
    this.#end.abort();
    this.#cut.clear();
    for (const machine of this.#machines) machine.thaw();
    const stops = [...this.#current.values()].map((one) => one.election.stop());
    await this.clock.advance(120_000);
    await Promise.all([...stops, ...this.#running]);
  }

  #add({ rate, deliveries, trouble }: Plan): void {
    const machine = new Machine(this.clock, this.server, rate);
    let index = 0;
    machine.deliver = () => {
      index += 1;
      if (this.#cut.has(machine)) return { ...PROMPT, fault: 'dropRequest' };
      return deliveries[index % deliveries.length] ?? PROMPT;
    };
    this.#machines.push(machine);
    this.#running.push(this.#live(machine), this.#suffer(machine, trouble));
  }

  /** Takes part in the election, as a new process after each term. */
  async #live(machine: Machine): Promise<void> {
    while (!this.#end.signal.aborted) {
      const one = candidate(machine, this.#random, {
        highestRecordedEpoch: () => Promise.resolve(this.#recorded),
      });
      this.#current.set(machine, one);
      const writing = this.#write(one);
      await one.result;
      await writing;
      this.terms.push(...one.epochs);
    }
  }

  /** Writes as often as it may; a write arrives at the end of its deadline at the latest. */
  async #write(one: Candidate): Promise<void> {
    let ended: boolean = false;
    void one.result.then(() => {
      ended = true;
    });
    while (!(ended || this.#end.signal.aborted)) {
      const epoch = one.election.epoch();
      if (epoch !== null && one.election.mayWrite()) this.#send(one, epoch);
      await one.machine.sleep(170, this.#end.signal);
    }
  }

  #send(one: Candidate, epoch: number): void {
    const { writeDeadlineMs, check } = one.election.fence();
    check();
    const onTheWay = ((0.5 + this.#random() / 2) * writeDeadlineMs) / one.machine.rate;
    void this.clock.sleep(onTheWay).then(() => {
      this.#recorded = Math.max(this.#recorded, epoch);
      if (this.server.epoch > epoch) this.late.push(`${epoch} arrived after ${this.server.epoch}`);
    });
  }

  async #suffer(machine: Machine, trouble: readonly Trouble[]): Promise<void> {
    for (const { kind, afterMs, forMs } of trouble) {
      await this.clock.sleep(afterMs, this.#end.signal);
      if (this.#end.signal.aborted) return;
      if (kind === 'freeze') machine.freeze();
      else this.#cut.add(machine);
      await this.clock.sleep(forMs, this.#end.signal);
      machine.thaw();
      this.#cut.delete(machine);
    }
  }
}

describe('LeaseElection: fencing under faults', () => {
  it('O7: no write arrives under an epoch that was superseded, and no epoch is used twice', async () => {
    let takeOvers = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.array(plan, { minLength: 2, maxLength: 3 }),
        fc.integer(),
        async (plans, seed) => {
          const world = new World(plans, seed);
          await world.clock.advance(RUN_MS);
          const { epochs } = world.server;
          takeOvers += epochs.length - 1;
          expect(world.late).toEqual([]);
          expect(epochs).toEqual([...new Set(epochs)].sort((a, b) => a - b));
          await world.finish();
          expect(new Set(world.terms).size).toBe(world.terms.length);
        },
      ),
      { numRuns: 60 },
    );
    expect(takeOvers).toBeGreaterThan(60);
  });
});

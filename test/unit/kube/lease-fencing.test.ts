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

describe('LeaseElection: fencing under faults', () => {
  const delivery: fc.Arbitrary<Delivery> = fc.record({
    fault: fc.constantFrom(
      'none' as const,
      'none' as const,
      'dropRequest' as const,
      'loseReply' as const,
    ),
    thereMs: fc.constantFrom(0, 10, 800, 2_900),
    backMs: fc.constantFrom(0, 10, 800, 2_900),
  });
  const machine = fc.record({
    rate: fc.constantFrom(0.82, 1, 1.2),
    deliveries: fc.array(delivery, { minLength: 1, maxLength: 12 }),
    freezeAt: fc.integer({ min: 0, max: 60_000 }),
    freezeMs: fc.constantFrom(0, 0, 3_000, 9_000, 40_000),
  });

  it('O7: no write arrives under an epoch that was superseded, and no epoch is used twice', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(machine, { minLength: 2, maxLength: 3 }),
        fc.integer(),
        async (machines, seed) => {
          const world = new VirtualClock();
          const server = new LeaseServer();
          const random = seededRandom(seed);
          const end = new AbortController();
          const late: string[] = [];
          let recorded = 0;
          const all = machines.map((each) => {
            const node = new Machine(world, server, each.rate);
            let index = 0;
            node.deliver = () => {
              index += 1;
              return each.deliveries[index % each.deliveries.length] ?? PROMPT;
            };
            const one = candidate(node, random, {
              highestRecordedEpoch: () => Promise.resolve(recorded),
            });
            void freeze(world, node, each);
            return one;
          });
          /** Each leader writes as often as it may; a write arrives at the end of its deadline at the latest. */
          const write = async (one: Candidate): Promise<void> => {
            while (!end.signal.aborted) {
              await one.machine.sleep(170, end.signal);
              const epoch = one.election.epoch();
              if (epoch === null || !one.election.mayWrite()) continue;
              const { writeDeadlineMs, check } = one.election.fence();
              check();
              const onTheWay = (random() * writeDeadlineMs) / one.machine.rate;
              void world.sleep(onTheWay).then(() => {
                recorded = Math.max(recorded, epoch);
                if (server.epoch > epoch) late.push(`${epoch} after ${server.epoch}`);
              });
            }
          };
          const writers = all.map(write);
          await world.advance(90_000);
          end.abort();
          expect(late).toEqual([]);
          const epochs = server.epochs;
          expect(epochs).toEqual([...new Set(epochs)].sort((a, b) => a - b));
          const terms = all.flatMap((one) => one.epochs);
          expect(new Set(terms).size).toBe(terms.length);
          for (const one of all) one.machine.thaw();
          const stops = all.map((one) => one.election.stop());
          await world.advance(60_000);
          await Promise.all([...stops, ...writers]);
        },
      ),
      { numRuns: 40 },
    );
  });

  async function freeze(
    world: VirtualClock,
    node: Machine,
    plan: { readonly freezeAt: number; readonly freezeMs: number },
  ): Promise<void> {
    await world.sleep(plan.freezeAt);
    if (plan.freezeMs === 0) return;
    node.freeze();
    await world.sleep(plan.freezeMs);
    node.thaw();
  }
});

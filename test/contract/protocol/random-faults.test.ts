// SPDX-License-Identifier: Apache-2.0
/**
 * Random histories: several lives of the operator with faults at random requests, and a world that
 * changes at random moments. After the faults have stopped everything must be over, and nothing that
 * must never be may have been at any time.
 *
 * `PROTOCOL_RUNS` sets the number of histories, `PROTOCOL_SEED` the seed.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Call, Fault } from '../../model/fault-port.ts';
import { isOver, settle } from '../../model/history.ts';
import { OperatorProcess } from '../../model/operator-process.ts';
import { livenessViolations, safetyViolations } from '../../model/oracles.ts';
import { BUDGETS, Shop, type ShopOptions } from '../../model/shop.ts';

const MINUTE = 60_000;
const RUNS = Number(process.env['PROTOCOL_RUNS'] ?? 1_000);
const SEED = Number(process.env['PROTOCOL_SEED'] ?? 20_260_301);
const PODS = { group: '', resource: 'pods' } as const;
const POLICIES = { group: 'homeostat.dev', resource: 'healingpolicies' } as const;

const when = fc.constantFrom('before' as const, 'after' as const);
const fault: fc.Arbitrary<Fault> = fc.oneof(
  fc.record({ kind: fc.constant('crash' as const), when }),
  fc.record({ kind: fc.constant('freeze' as const), when }),
  fc.constant<Fault>({ kind: 'lost' }),
  fc.constant<Fault>({ kind: 'dropped' }),
  fc.record({
    kind: fc.constant('refuse' as const),
    status: fc.constantFrom(403, 409, 429, 500, 503),
  }),
);

/** Faults of one life; half of them hit writes, which are few. */
const life = fc.array(fc.record({ isWrite: fc.boolean(), at: fc.nat(60), fault }), {
  maxLength: 5,
});

const deed = fc.constantFrom(
  'deleteTarget',
  'touchTarget',
  'blockByBudget',
  'allowByBudget',
  'silence',
  'tell',
  'pause',
  'unpause',
);

const history = fc.record({
  kind: fc.constantFrom('Deployment' as const, 'StatefulSet' as const),
  mode: fc.constantFrom('Auto' as const, 'Auto' as const, 'Auto' as const, 'DryRun' as const),
  lives: fc.array(life, { minLength: 1, maxLength: 3 }),
  deeds: fc.array(fc.record({ afterMs: fc.nat(60_000), deed }), { maxLength: 3 }),
  thawAfterMs: fc.nat(90_000),
});

type History = typeof history extends fc.Arbitrary<infer T> ? T : never;

const planOf =
  (faults: History['lives'][number]) =>
  ({ index, writeIndex }: Call): Fault | null =>
    faults.find((each) =>
      each.isWrite ? writeIndex === each.at % 12 : index === each.at && writeIndex === null,
    )?.fault ?? null;

const pauseRequests = (shop: Shop, requests: readonly string[]): void =>
  shop.server.update(POLICIES, { namespace: 'shop', name: 'web-leaks' }, (policy) => {
    policy.spec.pauseRequests = requests;
  });

const DEEDS: Readonly<Record<string, (shop: Shop) => void>> = {
  deleteTarget: (shop) => {
    const name = shop.target.metadata.name;
    shop.server.handle('human', {
      verb: 'delete',
      version: 'v1',
      ...PODS,
      namespace: 'shop',
      name,
    });
  },
  touchTarget: (shop) =>
    shop.server.update(PODS, { namespace: 'shop', name: shop.target.metadata.name }, (pod) => {
      pod.metadata.annotations = { touched: String(shop.clock.monoMs()) };
    }),
  blockByBudget: (shop) => {
    shop.server.put(BUDGETS, {
      metadata: { name: 'web', namespace: 'shop' },
      spec: { selector: { matchLabels: { app: 'web' } } },
      status: { disruptionsAllowed: 0 },
    });
  },
  allowByBudget: (shop) => shop.server.remove(BUDGETS, { namespace: 'shop', name: 'web' }),
  silence: (shop) => {
    shop.isTelling = false;
  },
  tell: (shop) => {
    shop.isTelling = true;
  },
  pause: (shop) => pauseRequests(shop, ['human']),
  unpause: (shop) => pauseRequests(shop, []),
};

const run = async (what: History): Promise<Shop> => {
  const options: ShopOptions = { mode: what.mode, workload: { kind: what.kind } };
  const shop = await Shop.open(options);
  for (const { afterMs, deed: name } of what.deeds) {
    void shop.clock.sleep(afterMs).then(() => DEEDS[name]?.(shop));
  }
  const processes: OperatorProcess[] = [];
  for (const [index, faults] of what.lives.entries()) {
    const plan = planOf(faults);
    const process = await OperatorProcess.start(shop, `operator-${index}`, { plan });
    processes.push(process);
    await shop.clock.until(() => process.isStopped || isOver(shop), 3 * MINUTE);
    if (!process.isStopped) process.kill();
    // One that stands still comes back at a random moment of a later leader's term.
    void shop.clock.sleep(18_000 + what.thawAfterMs).then(() => process.port.thaw());
    await shop.clock.advance(18_000);
  }
  for (const name of ['tell', 'unpause']) DEEDS[name]?.(shop);
  processes.push(await OperatorProcess.start(shop, 'operator-last'));
  await settle(shop);
  await shop.clock.advance(what.thawAfterMs);
  for (const process of processes) process.kill();
  return shop;
};

describe('any history of faults', () => {
  it(
    `is safe, and over when the faults are (seed ${SEED})`,
    async () => {
      console.log(`protocol: ${RUNS} histories, seed ${SEED}`);
      const endings = new Map<string, number>();
      await fc.assert(
        fc.asyncProperty(history, async (what) => {
          const shop = await run(what);
          expect(safetyViolations(shop)).toEqual([]);
          const { length } = shop.records();
          // A target that went, or a plan that was never allowed, before there was a record.
          const liveness = livenessViolations(shop);
          expect(length === 0 ? [] : liveness).toEqual([]);
          const { phase = 'none', reason = '' } = shop.records()[0]?.status ?? {};
          const ending = `${phase}(${reason})`;
          endings.set(ending, (endings.get(ending) ?? 0) + 1);
        }),
        { numRuns: RUNS, seed: SEED, endOnFailure: false },
      );
      console.log(Object.fromEntries([...endings].toSorted(([, a], [, b]) => b - a)));
      // The histories reach far: a run in which everything is refused at once would prove nothing.
      expect(endings.get('Succeeded(Effective)') ?? 0).toBeGreaterThan(RUNS / 5);
    },
    10 * MINUTE,
  );
});

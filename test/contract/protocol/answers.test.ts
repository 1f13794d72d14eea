// SPDX-License-Identifier: Apache-2.0
/** What the API server and the world may answer to a plan, and how the record ends. */
import { describe, expect, it } from 'vitest';
import { isWrite } from '../../model/fault-port.ts';
import { atWrite, isOver, settle } from '../../model/history.ts';
import { OperatorProcess, type ProcessOptions } from '../../model/operator-process.ts';
import { livenessViolations, safetyViolations } from '../../model/oracles.ts';
import { ACTIONS, BUDGETS, Shop, type ShopOptions } from '../../model/shop.ts';
import { MachineClock } from '../../model/virtual-clock.ts';

const MINUTE = 60_000;
const MIB = 2 ** 20;
const PODS = { group: '', resource: 'pods' } as const;
/** Number of the live eviction among the writes. */
const EVICTION = 4;

/** Calls back when a record reaches a phase; `Planned`: when it is created. */
const onPhase = (shop: Shop, phase: string, deed: () => void): void => {
  let isDone = false;
  shop.server.onChange(({ resource, object }) => {
    const isReached = (object.status?.phase ?? 'Planned') === phase;
    if (isDone || resource !== ACTIONS.resource || !isReached) return;
    isDone = true;
    deed();
  });
};

const blockByBudget = (shop: Shop): void => {
  shop.server.put(BUDGETS, {
    metadata: { name: 'web', namespace: 'shop' },
    spec: { selector: { matchLabels: { app: 'web' } } },
    status: { disruptionsAllowed: 0 },
  });
};

const place = (shop: Shop) => ({ namespace: 'shop', name: shop.target.metadata.name });

const run = async (
  options: ShopOptions,
  world: (shop: Shop) => void,
  process: ProcessOptions = {},
): Promise<Shop> => {
  const shop = await Shop.open(options);
  world(shop);
  const operator = await OperatorProcess.start(shop, 'operator', process);
  await settle(shop);
  operator.kill();
  expect(safetyViolations(shop)).toEqual([]);
  return shop;
};

const ending = (shop: Shop) => {
  const { phase, reason } = shop.records()[0]?.status ?? {};
  return { phase, reason, records: shop.records().length, evictions: shop.evictions().length };
};

describe('a PodDisruptionBudget', () => {
  it('is asked again for three minutes until it allows the eviction, and nothing is deleted', async () => {
    const shop = await run({}, (world) => {
      onPhase(world, 'Planned', () => {
        blockByBudget(world);
        void world.clock
          .sleep(3 * MINUTE)
          .then(() => world.server.remove(BUDGETS, { namespace: 'shop', name: 'web' }));
      });
    });
    const evictions = shop.server.audit.filter(
      ({ request }) => request.subresource === 'eviction' && request.dryRun !== true,
    );
    const tries = evictions.map(({ status }) => status);
    expect(tries.slice(0, -1).every((status) => status === 429)).toBe(true);
    // 5, 10, 20, 40, 60 s with jitter: six to eight tries in three minutes.
    expect(tries.length).toBeGreaterThanOrEqual(5);
    expect(tries.length).toBeLessThanOrEqual(9);
    expect(ending(shop)).toEqual({
      phase: 'Succeeded',
      reason: 'Effective',
      records: 1,
      evictions: 1,
    });
    expect(shop.records()[0]?.status?.steps?.map(({ httpStatus }) => httpStatus)).toEqual(tries);
    expect(shop.server.audit.some(({ request }) => request.verb === 'delete')).toBe(false);
  });

  it('that never allows it ends the record as Failed(PDBBlocked) when the timeout is over', async () => {
    const shop = await run({}, (world) => onPhase(world, 'Planned', () => blockByBudget(world)));
    expect(ending(shop)).toEqual({
      phase: 'Failed',
      reason: 'PDBBlocked',
      records: 1,
      evictions: 0,
    });
    const { admittedAt, finishedAt } = shop.records()[0]?.status ?? {};
    const tookMs = Date.parse(finishedAt ?? '') - Date.parse(admittedAt ?? '');
    expect(tookMs).toBeGreaterThanOrEqual(10 * MINUTE);
    expect(tookMs).toBeLessThan(11 * MINUTE);
  });

  it('that refuses the rehearsal leaves no record', async () => {
    const shop = await Shop.open();
    blockByBudget(shop);
    const operator = await OperatorProcess.start(shop, 'operator');
    await shop.clock.advance(3_000);
    operator.kill();
    expect(operator.submissions[0]).toMatchObject({
      kind: 'refused',
      verdict: { kind: 'Refuse', reason: 'PDBBlocked' },
      retryAfterMs: 10_000,
    });
    expect(shop.records()).toEqual([]);
  });
});

describe('a target that changes', () => {
  it.each(['Planned', 'Admitted', 'Executing'])(
    'blocks the record when somebody deletes it in phase %s',
    async (phase) => {
      const shop = await run({}, (world) =>
        onPhase(world, phase, () => {
          world.server.handle('human', { verb: 'delete', version: 'v1', ...PODS, ...place(world) });
        }),
      );
      expect(ending(shop)).toMatchObject({ phase: 'Blocked', reason: 'TargetChanged', records: 1 });
      expect(shop.evictions()).toEqual([]);
    },
  );

  it('is never touched when a pod of the same name took its place', async () => {
    const shop = await run({ workload: { kind: 'StatefulSet' } }, (world) =>
      onPhase(world, 'Executing', () => {
        const { labels, ownerReferences } = world.target.metadata;
        world.server.remove(PODS, place(world));
        world.server.put(PODS, {
          metadata: {
            namespace: 'shop',
            name: world.target.metadata.name,
            ...(labels && { labels }),
            ...(ownerReferences && { ownerReferences }),
          },
          spec: world.target.spec,
          status: world.target.status,
        });
      }),
    );
    expect(ending(shop)).toMatchObject({ phase: 'Blocked', reason: 'TargetChanged', evictions: 0 });
  });

  it('is judged again and evicted when only its version changed', async () => {
    const shop = await run({}, (world) =>
      onPhase(world, 'Executing', () =>
        world.server.update(PODS, place(world), (pod) => {
          pod.metadata.annotations = { touched: 'yes' };
        }),
      ),
    );
    expect(ending(shop)).toMatchObject({ phase: 'Succeeded', records: 1, evictions: 1 });
    const statuses = shop.records()[0]?.status?.steps?.map(({ httpStatus }) => httpStatus);
    expect(statuses).toEqual([409, 201]);
  });

  it('that a human protects meanwhile is left alone', async () => {
    const shop = await run({}, (world) =>
      onPhase(world, 'Admitted', () =>
        world.server.update(PODS, place(world), (pod) => {
          pod.metadata.annotations = { 'homeostat.dev/protected': 'true' };
        }),
      ),
    );
    // The decision was taken a moment before; the changed version makes the server refuse it.
    expect(ending(shop)).toMatchObject({ phase: 'Blocked', reason: 'Protected', evictions: 0 });
  });
});

describe('an answer to the eviction', () => {
  it.each([
    { status: 403, phase: 'Failed', reason: 'RBACDenied' },
    { status: 400, phase: 'Failed', reason: 'Refused' },
    { status: 422, phase: 'Failed', reason: 'Refused' },
  ])('$status ends the record as $phase($reason)', async ({ status, phase, reason }) => {
    const plan = atWrite(EVICTION, { kind: 'refuse', status });
    const shop = await run({}, () => undefined, { plan });
    expect(ending(shop)).toEqual({ phase, reason, records: 1, evictions: 0 });
  });

  it('that never comes, with the effect done, is resolved by the probe', async () => {
    const shop = await run({}, () => undefined, { plan: atWrite(EVICTION, { kind: 'lost' }) });
    expect(ending(shop)).toMatchObject({ phase: 'Succeeded', evictions: 1 });
    expect(shop.records()[0]?.status?.steps).toHaveLength(1);
    expect(shop.records()[0]?.status?.steps?.[0]?.note).toContain('probe: done');
  });

  it('5xx for ever ends the record as Failed(Timeout)', async () => {
    const shop = await run({}, () => undefined, {
      plan: ({ request }) =>
        request.subresource === 'eviction' && request.dryRun !== true
          ? { kind: 'refuse', status: 503 }
          : null,
    });
    expect(ending(shop)).toEqual({ phase: 'Failed', reason: 'Timeout', records: 1, evictions: 0 });
  });
});

describe('a replacement', () => {
  it('that is never Ready ends the record as Failed(SettleTimeout)', async () => {
    const shop = await run(
      { workload: { readyDelayMs: Number.POSITIVE_INFINITY } },
      () => undefined,
    );
    expect(ending(shop)).toMatchObject({ phase: 'Failed', reason: 'SettleTimeout', evictions: 1 });
    const { actedAt, finishedAt } = shop.records()[0]?.status ?? {};
    expect(Date.parse(finishedAt ?? '') - Date.parse(actedAt ?? '')).toBe(30_000);
  });

  it('that is never made ends the record as Failed(SettleTimeout)', async () => {
    const shop = await run({}, (world) =>
      onPhase(world, 'Executing', () => world.web.setReplacing(false)),
    );
    expect(ending(shop)).toMatchObject({ phase: 'Failed', reason: 'SettleTimeout', evictions: 1 });
  });

  it('without telemetry is Inconclusive, never success', async () => {
    const shop = await run({}, (world) =>
      onPhase(world, 'Settling', () => {
        world.isTelling = false;
      }),
    );
    expect(ending(shop)).toMatchObject({ phase: 'Inconclusive', reason: 'TooFewSamples' });
  });

  it('that is killed for memory is a failure', async () => {
    const shop = await run({}, (world) =>
      onPhase(world, 'Verifying', () => {
        const name = world.records()[0]?.status?.replacement?.name ?? '';
        void world.clock.sleep(6_000).then(() => {
          const pod = world.server.find(PODS, { namespace: 'shop', name });
          if (pod !== undefined) world.web.oomKill(pod);
        });
      }),
    );
    expect(ending(shop)).toMatchObject({ phase: 'Failed', reason: 'OOMKilled' });
  });

  it('that grows into the horizon is Ineffective', async () => {
    const shop = await run({ replacementSlope: 10 * MIB }, () => undefined);
    expect(ending(shop)).toMatchObject({ phase: 'Failed', reason: 'Ineffective' });
  });

  it('that was not Ready for a moment between two looks is a failure', async () => {
    const shop = await run({}, (world) =>
      onPhase(world, 'Verifying', () => {
        const name = world.records()[0]?.status?.replacement?.name ?? '';
        void world.clock.sleep(7_100).then(() => world.web.setReady(name, false));
        void world.clock.sleep(7_200).then(() => world.web.setReady(name, true));
      }),
    );
    expect(ending(shop)).toMatchObject({ phase: 'Failed', reason: 'ReplacementNotReady' });
  });

  it('that somebody deletes leaves the outcome open', async () => {
    const shop = await run({}, (world) =>
      onPhase(world, 'Verifying', () => {
        const name = world.records()[0]?.status?.replacement?.name ?? '';
        const request = {
          verb: 'delete',
          version: 'v1',
          ...PODS,
          namespace: 'shop',
          name,
        } as const;
        world.server.handle('human', request);
      }),
    );
    expect(ending(shop)).toMatchObject({ phase: 'Inconclusive', reason: 'ReplacementLost' });
  });
});

describe('a mode', () => {
  it('Observe writes nothing at all', async () => {
    const shop = await Shop.open({ mode: 'Observe' });
    const operator = await OperatorProcess.start(shop, 'operator');
    await shop.clock.advance(MINUTE);
    operator.kill();
    expect(operator.submissions[0]?.kind).toBe('observed');
    expect(shop.server.audit.filter(({ request }) => isWrite(request))).toEqual([]);
  });

  it('DryRun sends nothing but dry runs to the target, and ends Simulated', async () => {
    const shop = await run({ mode: 'DryRun' }, () => undefined);
    expect(ending(shop)).toEqual({
      phase: 'Simulated',
      reason: 'DryRunPassed',
      records: 1,
      evictions: 0,
    });
    const onTargets = shop.server.audit.filter(
      ({ request }) => isWrite(request) && request.resource !== ACTIONS.resource,
    );
    expect(onTargets.length).toBeGreaterThan(0);
    expect(onTargets.every(({ request }) => request.dryRun === true)).toBe(true);
  });

  it.each(['Observe', 'DryRun'])(
    'lowered to %s after the record exists blocks it',
    async (mode) => {
      const shop = await run({}, (world) =>
        onPhase(world, 'Planned', () =>
          world.server.update(
            { group: 'homeostat.dev', resource: 'healingpolicies' },
            { namespace: 'shop', name: 'web-leaks' },
            (policy) => {
              policy.spec.mode = mode;
            },
          ),
        ),
      );
      expect(ending(shop)).toEqual({
        phase: 'Blocked',
        reason: 'Paused',
        records: 1,
        evictions: 0,
      });
    },
  );
});

describe('a bad time', () => {
  it('the API server being away for 15 minutes is survived at any phase', async () => {
    for (const phase of ['Admitted', 'Executing', 'Settling', 'Verifying']) {
      let isAway = false;
      const shop = await run(
        {},
        (world) =>
          onPhase(world, phase, () => {
            isAway = true;
            void world.clock.sleep(15 * MINUTE).then(() => {
              isAway = false;
            });
          }),
        { plan: () => (isAway ? { kind: 'dropped' } : null) },
      );
      expect(livenessViolations(shop)).toEqual([]);
      expect(shop.evictions().length).toBeLessThanOrEqual(1);
      const away = shop.server.audit.length;
      // No hot loop: what reached the server is what a calm run needs, give or take retries.
      expect(away).toBeLessThan(1_500);
    }
  });

  it.each([-3_600_000, 3_600_000])(
    'a wall clock that jumps by %d ms changes no duration',
    async (ms) => {
      for (const phase of ['Settling', 'Verifying']) {
        let clock: MachineClock | null = null;
        const shop = await Shop.open();
        onPhase(shop, phase, () => clock?.jump(ms));
        clock = new MachineClock(shop.clock);
        const operator = await OperatorProcess.start(shop, 'operator', { ports: { clock } });
        const beganAtMs = shop.clock.monoMs();
        await shop.clock.until(() => isOver(shop), 30 * MINUTE);
        operator.kill();
        expect(safetyViolations(shop)).toEqual([]);
        expect(shop.evictions()).toHaveLength(1);
        // Settling takes 3 s, the verification 25 s, whatever the wall clock says.
        expect(shop.clock.monoMs() - beganAtMs).toBeGreaterThanOrEqual(25_000);
        expect(shop.clock.monoMs() - beganAtMs).toBeLessThan(40_000);
        // Samples carry wall times, so an hour ahead they look stale: open, never a wrong verdict.
        expect(['Succeeded', 'Inconclusive']).toContain(ending(shop).phase);
      }
    },
  );

  it('telemetry that is not back after a crash makes the record wait, not block', async () => {
    const shop = await Shop.open();
    const first = await OperatorProcess.start(shop, 'first', {
      plan: atWrite(2, { kind: 'crash', when: 'after' }),
    });
    await shop.clock.until(() => first.isStopped, MINUTE);
    shop.isTelling = false;
    await shop.clock.advance(18_000);
    const second = await OperatorProcess.start(shop, 'second');
    await shop.clock.advance(2 * MINUTE);
    expect(shop.records()[0]?.status?.phase).toBe('Admitted');
    expect(shop.evictions()).toEqual([]);
    shop.isTelling = true;
    await shop.clock.until(() => isOver(shop), 10 * MINUTE);
    second.kill();
    expect(ending(shop)).toEqual({
      phase: 'Succeeded',
      reason: 'Effective',
      records: 1,
      evictions: 1,
    });
  });

  it('telemetry that never comes back after a refused sending ends the record as Failed(Timeout)', async () => {
    const shop = await run({}, (world) =>
      onPhase(world, 'Admitted', () => {
        world.isTelling = false;
        // The decision before the announcement is young enough; a changed target asks for another.
        world.server.update(PODS, place(world), (pod) => {
          pod.metadata.annotations = { touched: 'yes' };
        });
      }),
    );
    expect(ending(shop)).toMatchObject({ phase: 'Failed', reason: 'Timeout', evictions: 0 });
  });

  it('telemetry that is silent before anything was sent ends the record as Blocked(FactMissing)', async () => {
    const shop = await run({}, (world) =>
      onPhase(world, 'Planned', () => {
        world.isTelling = false;
      }),
    );
    expect(ending(shop)).toMatchObject({ phase: 'Blocked', reason: 'FactMissing', evictions: 0 });
  });
});

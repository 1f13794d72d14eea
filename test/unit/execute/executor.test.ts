// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import type { HealingAction } from '../../../src/api/healing-action.ts';
import { Executor } from '../../../src/execute/executor.ts';
import type { ExecutionPorts } from '../../../src/execute/ports.ts';
import { judge } from '../../../src/plan/judge.ts';
import { type FaultPlan, FaultPort, isWrite } from '../../model/fault-port.ts';
import { ModelLeadership } from '../../model/lease.ts';
import { ACTIONS, Shop } from '../../model/shop.ts';

const executor = (shop: Shop, plan?: FaultPlan, ports: Partial<ExecutionPorts> = {}): Executor =>
  new Executor(
    {
      cluster: new FaultPort(shop.server.portFor('operator'), plan),
      analysis: shop.analysis,
      clock: shop.clock,
      leadership: new ModelLeadership(shop.clock, 'operator', 1),
      metrics: shop.metrics,
      judge,
      ...ports,
    },
    { operatorNamespace: 'homeostat-system', operatorMaxMode: 'Auto', writeDeadlineMs: 3_000 },
  );

const writes = (shop: Shop) => shop.server.audit.filter(({ request }) => isWrite(request));

describe('submit', () => {
  it('records a plan that passes, and nothing else happens before it is driven', async () => {
    const shop = await Shop.open();
    const submission = await executor(shop).submit(shop.plan());
    expect(submission).toMatchObject({ kind: 'recorded', adopted: false });
    await shop.clock.advance(60_000);
    expect(
      writes(shop).map(({ request }) => `${request.resource} ${request.dryRun ?? false}`),
    ).toEqual(['pods true', 'healingactions false']);
  });

  it('sends nothing that changes anything when a guard refuses', async () => {
    const shop = await Shop.open({ policy: { suspend: true } });
    const submission = await executor(shop).submit(shop.plan());
    expect(submission).toMatchObject({ kind: 'refused', verdict: { reason: 'Paused' } });
    expect(writes(shop)).toEqual([]);
  });

  it('meets its own record again when the same plan comes twice at once', async () => {
    const shop = await Shop.open();
    const execution = executor(shop);
    const [first, second] = await Promise.all([
      execution.submit(shop.plan()),
      execution.submit(shop.plan()),
    ]);
    expect(first).toMatchObject({ kind: 'recorded', adopted: false });
    expect(second).toMatchObject({ kind: 'recorded', adopted: true });
    expect(shop.records()).toHaveLength(1);
  });

  it('gives the last unit of a budget to one of two plans that come at once', async () => {
    const shop = await Shop.open({
      policy: {
        safety: {
          minHealthy: 0,
          maxConcurrent: 10,
          budgets: [{ name: 'one', max: 1, window: '1h', scope: 'Policy' }],
          cooldown: { perTarget: '0s', perAction: '0s' },
        },
      },
    });
    const execution = executor(shop);
    const other = shop.plan({ incident: 'another-incident' });
    const answers = await Promise.all([execution.submit(shop.plan()), execution.submit(other)]);
    expect(answers.map(({ kind }) => kind)).toEqual(['recorded', 'refused']);
    expect(shop.records()).toHaveLength(1);
  });

  it('adopts the record when the reply to its creation is lost', async () => {
    const shop = await Shop.open();
    const submission = await executor(shop, ({ writeIndex }) =>
      writeIndex === 1 ? { kind: 'lost' } : null,
    ).submit(shop.plan());
    expect(submission).toMatchObject({ kind: 'recorded', adopted: true });
    expect(shop.records()).toHaveLength(1);
  });

  it('says that it does not know when the creation may still arrive', async () => {
    const shop = await Shop.open();
    const submission = await executor(shop, ({ writeIndex }) =>
      writeIndex === 1 ? { kind: 'dropped' } : null,
    ).submit(shop.plan());
    expect(submission.kind).toBe('inDoubt');
  });

  it('says RBACDenied when records may not be created', async () => {
    const shop = await Shop.open();
    const submission = await executor(shop, ({ writeIndex }) =>
      writeIndex === 1 ? { kind: 'refuse', status: 403 } : null,
    ).submit(shop.plan());
    expect(submission).toMatchObject({ kind: 'refused', verdict: { reason: 'RBACDenied' } });
  });

  it('goes on with the next plan when a judge throws', async () => {
    const shop = await Shop.open();
    let isBroken = true;
    const execution = executor(shop, undefined, {
      judge: {
        ...judge,
        decide: (input) => {
          if (isBroken) throw new Error('a defect');
          return judge.decide(input);
        },
      },
    });
    await expect(execution.submit(shop.plan())).rejects.toThrow('a defect');
    isBroken = false;
    expect((await execution.submit(shop.plan())).kind).toBe('recorded');
  });

  it('writes what it was decided on into the record', async () => {
    const shop = await Shop.open();
    await executor(shop).submit(shop.plan());
    const { spec } = shop.records()[0]!;
    expect(spec).toMatchObject({
      target: { uid: shop.target.metadata.uid, container: 'app' },
      workload: { kind: 'Deployment', name: 'web', uid: shop.web.uid },
      peersBefore: shop.web.pods().map(({ metadata }) => metadata.uid),
      step: { index: 0, name: 'restart', attempt: 1 },
      mode: 'Auto',
      cause: { type: 'MemoryLeak', trigger: 'leak', measures: { lower80TimeToOomMs: '50000' } },
      predicted: { readyReplicas: [2, 3], desiredReplicas: 3 },
      lineageGeneration: 1,
      budgetsCharged: ['default'],
      limits: { timeout: '10m', settle: '30s', horizon: '60s', resolution: '2s' },
      fencing: { leaseName: 'homeostat', epoch: 1, holder: 'operator' },
    });
  });
});

describe('drive', () => {
  it('drives a record once, however often it is asked to', async () => {
    const shop = await Shop.open();
    const execution = executor(shop);
    const submission = await execution.submit(shop.plan());
    const { record } = submission as { record: HealingAction };
    const { signal } = new AbortController();
    const first = execution.drive(record, signal);
    expect(execution.drive(record, signal)).toBe(first);
    expect(execution.driving()).toEqual([record.metadata.uid]);
    await shop.clock.advance(60_000);
    expect(await first).toMatchObject({ kind: 'terminal' });
    expect(execution.driving()).toEqual([]);
    expect(shop.evictions()).toHaveLength(1);
  });

  it('stops when the signal aborts, and leaves the record as it stands', async () => {
    const shop = await Shop.open();
    const execution = executor(shop);
    const submission = await execution.submit(shop.plan());
    const { record } = submission as { record: HealingAction };
    const abort = new AbortController();
    const drive = execution.drive(record, abort.signal);
    await shop.clock.advance(10_000);
    abort.abort();
    expect(await drive).toMatchObject({ kind: 'stopped' });
    const { length } = shop.server.audit;
    await shop.clock.advance(60_000);
    expect(shop.server.audit.length).toBe(length);
    expect(shop.records()[0]?.status?.phase).toBe('Verifying');
  });

  it('tells of every phase once, and of writes that only a person can mend', async () => {
    const shop = await Shop.open();
    const phases: string[] = [];
    const refusals: number[] = [];
    let isDenied = true;
    const execution = executor(
      shop,
      ({ request }) =>
        isDenied && request.resource === ACTIONS.resource && request.subresource === 'status'
          ? { kind: 'refuse', status: 403 }
          : null,
      {
        observer: {
          phaseChanged: ({ status }) => phases.push(status?.phase ?? 'Planned'),
          writeRefused: (_record, status) => refusals.push(status),
        },
      },
    );
    const { record } = (await execution.submit(shop.plan())) as { record: HealingAction };
    const drive = execution.drive(record, new AbortController().signal);
    await shop.clock.advance(120_000);
    expect(refusals.length).toBeGreaterThan(2);
    expect(refusals.length).toBeLessThan(20);
    isDenied = false;
    await shop.clock.advance(120_000);
    expect(await drive).toMatchObject({ kind: 'terminal' });
    expect(phases).toEqual([
      'Planned',
      'Admitted',
      'Executing',
      'Settling',
      'Verifying',
      'Succeeded',
    ]);
  });

  it('looks for the replacement as soon as a pod has changed', async () => {
    const shop = await Shop.open();
    const podsChanged = (_namespace: string, signal: AbortSignal): Promise<void> =>
      new Promise((resolve) => {
        signal.addEventListener('abort', () => resolve());
        shop.server.onChange(({ resource }) => {
          if (resource === 'pods') resolve();
        });
      });
    const execution = executor(shop, undefined, { podsChanged });
    const { record } = (await execution.submit(shop.plan())) as { record: HealingAction };
    const drive = execution.drive(record, new AbortController().signal);
    await shop.clock.advance(60_000);
    await drive;
    const { actedAt, verification } = shop.records()[0]?.status ?? {};
    const tookMs = Date.parse(verification?.startedAt ?? '') - Date.parse(actedAt ?? '');
    // Made after 0.5 s, Ready after 2 s more.
    expect(tookMs).toBe(2_500);
  });
});

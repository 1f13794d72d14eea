// SPDX-License-Identifier: Apache-2.0
import { afterEach, describe, expect, it } from 'vitest';
import type { ModelObject } from '../../model/api-server.ts';
import { LoopWorld, type LoopWorldOptions } from '../../model/loop-world.ts';

const MINUTE = 60_000;

describe('the whole loop on a virtual clock', () => {
  let world: LoopWorld;
  const open = async (options: LoopWorldOptions = {}): Promise<ModelObject> => {
    world = new LoopWorld(options);
    await world.clock.advance(10_000);
    return world.web.pods()[0] as ModelObject;
  };
  const action = () => world.all('healingactions')[0];
  const incident = () => world.all('incidents')[0];
  const hasEnded = (object: ModelObject | undefined): boolean =>
    ['Succeeded', 'Failed', 'Inconclusive', 'Blocked', 'Simulated'].includes(object?.status?.phase);
  afterEach(() => world.stop());

  it('finds a leak, evicts the pod once, proves the effect and resolves the incident', async () => {
    const pod = await open();
    world.leak(pod);
    expect(await world.clock.until(() => hasEnded(action()), 5 * MINUTE)).toBe(true);
    await world.clock.advance(5_000);
    expect(action()?.status).toMatchObject({ phase: 'Succeeded', reason: 'Effective' });
    expect(world.evicted()).toEqual([pod.metadata.name]);
    expect(incident()?.status).toMatchObject({ state: 'Resolved', reason: 'Effective' });
    expect(world.foreignWrites()).toEqual(['create pods/eviction']);
  });

  it('acts before the container runs out of memory', async () => {
    const pod = await open();
    world.leak(pod);
    await world.clock.until(() => world.evicted().length > 0, 5 * MINUTE);
    expect(pod.status?.containerStatuses?.[0]?.restartCount ?? 0).toBe(0);
  });

  it('leaves a flat workload alone', async () => {
    await open();
    await world.clock.advance(10 * MINUTE);
    expect(world.all('incidents')).toEqual([]);
    expect(world.foreignWrites()).toEqual([]);
  });

  it('rehearses only in DryRun: no write on a target, a record that ends Simulated', async () => {
    world = new LoopWorld({ policy: { mode: 'DryRun' } });
    await world.clock.advance(10_000);
    world.leak(world.web.pods()[0] as ModelObject);
    expect(await world.clock.until(() => hasEnded(action()), 5 * MINUTE)).toBe(true);
    expect(action()?.status?.phase).toBe('Simulated');
    await world.clock.advance(10_000);
    expect(world.foreignWrites()).toEqual([]);
    expect(incident()?.status).toMatchObject({ state: 'Open' });
  });

  it('writes no record in Observe, only the incident', async () => {
    const pod = await open({ policy: { mode: 'Observe' } });
    world.leak(pod);
    expect(await world.clock.until(() => incident()?.status !== undefined, 5 * MINUTE)).toBe(true);
    await world.clock.advance(20_000);
    expect(world.all('healingactions')).toEqual([]);
    expect(world.foreignWrites()).toEqual([]);
  });

  it('refuses the fourth restart of a lineage, escalates and says so in one Warning', async () => {
    let pod = await open();
    const seen = new Set(world.web.pods().map(({ metadata }) => metadata.uid));
    const escalated = () =>
      world.all('incidents').some(({ status }) => status?.state === 'Escalated');
    for (let restart = 0; restart < 4; restart += 1) {
      world.leak(pod);
      const next = () => world.web.pods().find(({ metadata }) => !seen.has(metadata.uid));
      await world.clock.until(() => next() !== undefined || escalated(), 6 * MINUTE);
      const replacement = next();
      if (replacement === undefined) break;
      seen.add(replacement.metadata.uid);
      await world.clock.advance(40_000);
      pod = replacement;
    }
    expect(world.evicted()).toHaveLength(3);
    expect(
      world
        .all('healingactions')
        .map(({ spec }) => spec.lineageGeneration)
        .sort(),
    ).toEqual([1, 2, 3]);
    const [last] = world.all('incidents').filter(({ status }) => status?.state === 'Escalated');
    expect(last?.status?.reason).toBe('Recurrence');
    const warnings = world.events.filter(
      ({ type, reason }) => type === 'Warning' && reason === 'Recurrence',
    );
    expect(warnings).toHaveLength(1);
  });

  it('does nothing about a leak that only telemetry tells of', async () => {
    let lie = 0;
    let victim = '';
    const pod = await open({
      tell: (each, bytes) => (each.metadata.uid === victim ? bytes + lie : bytes),
    });
    victim = pod.metadata.uid;
    const forge = async (): Promise<void> => {
      for (let second = 0; second < 140; second += 1) {
        lie += 1.2 * 2 ** 20;
        await world.clock.advance(1_000);
      }
    };
    await forge();
    expect(world.all('incidents')).toHaveLength(1);
    expect(world.foreignWrites()).toEqual([]);
    expect(incident()?.status?.reason).toBe('NotCorroborated');
  });

  it('does nothing about a forged rising history that ends at the true value', async () => {
    let offset = -40 * 2 ** 20;
    let firstName = '';
    await open({
      tell: (each, bytes) => (each.metadata.name === firstName ? bytes + offset : bytes),
    });
    firstName = world.web.pods()[0]?.metadata.name ?? '';
    for (let second = 0; second < 120; second += 1) {
      offset = Math.min(0, offset + (40 * 2 ** 20) / 110);
      await world.clock.advance(1_000);
    }
    expect(world.foreignWrites()).toEqual([]);
    expect(world.all('healingactions')).toEqual([]);
  });

  it('does nothing while the policy is suspended, and heals when it no longer is', async () => {
    const pod = await open({ policy: { suspend: true } });
    world.leak(pod);
    expect(await world.clock.until(() => incident()?.status?.reason === 'Paused', 5 * MINUTE)).toBe(
      true,
    );
    expect(world.foreignWrites()).toEqual([]);
    const policy = world.all('healingpolicies')[0] as ModelObject;
    await world.server.portFor('user').send({
      verb: 'patch',
      group: 'homeostat.dev',
      version: 'v1alpha1',
      resource: 'healingpolicies',
      namespace: 'shop',
      name: policy.metadata.name,
      patchType: 'merge',
      body: { spec: { suspend: false } },
    });
    expect(await world.clock.until(() => world.evicted().length > 0, MINUTE)).toBe(true);
  });

  it('keeps the status of the policy true', async () => {
    const pod = await open();
    world.leak(pod);
    await world.clock.until(() => hasEnded(action()), 5 * MINUTE);
    await world.clock.advance(40_000);
    const status = world.all('healingpolicies')[0]?.status;
    expect(status).toMatchObject({
      effectiveMode: 'Auto',
      observedGeneration: 1,
      targets: { workloads: 1, pods: 3, healthy: 3 },
      lastAction: { phase: 'Succeeded' },
      counts: { planned: 1, executed: 1, effective: 1, ineffective: 0, blocked: 0 },
      budgets: [{ name: 'default', used: 1, max: 5 }],
    });
  });
});

// SPDX-License-Identifier: Apache-2.0
/** The status of a policy and the guards read the same marks: what the guards refuse on, it tells. */
import { afterEach, describe, expect, it } from 'vitest';
import type { ModelObject } from '../../model/api-server.ts';
import { LoopWorld, NAMESPACE } from '../../model/loop-world.ts';

const POLICIES = { group: 'homeostat.dev', resource: 'healingpolicies' } as const;

describe('the status of a policy', () => {
  let world: LoopWorld;
  afterEach(() => world.stop());

  const policy = (name = 'web-leaks') =>
    world.all('healingpolicies').find(({ metadata }) => metadata.name === name) as ModelObject;
  const condition = (type: string, name?: string) => {
    const conditions: readonly { readonly type: string }[] = policy(name).status?.conditions ?? [];
    return conditions.find((each) => each.type === type);
  };
  const addPolicy = (name: string, change: object) =>
    world.server.put(POLICIES, {
      apiVersion: 'homeostat.dev/v1alpha1',
      kind: 'HealingPolicy',
      metadata: { name, namespace: NAMESPACE },
      spec: { ...policy().spec, ...change },
    });

  it('is paused and not ready while the namespace is frozen', async () => {
    world = new LoopWorld();
    world.server.put(
      { group: '', resource: 'namespaces' },
      { metadata: { name: NAMESPACE, annotations: { 'homeostat.dev/freeze': 'true' } } },
    );
    await world.clock.advance(5_000);
    expect(condition('Paused')).toMatchObject({ status: 'True' });
    expect(condition('Ready')).toMatchObject({ status: 'False', reason: 'Paused' });
  });

  it.each([
    ['suspended', { suspend: true }],
    ['paused', { pauseRequests: ['a-person'] }],
  ])('names no conflict with a rival that is %s, as the guard does not', async (_, change) => {
    world = new LoopWorld();
    addPolicy('rival', change);
    await world.clock.advance(5_000);
    expect(condition('Conflicted')).toMatchObject({ status: 'False' });
    addPolicy('other-rival', {});
    await world.clock.advance(5_000);
    expect(condition('Conflicted')).toMatchObject({ status: 'True' });
  });

  it.each([
    ['the label with any value but false', { labels: { 'homeostat.dev/protected': 'yes' } }],
    ['the annotation', { annotations: { 'homeostat.dev/protected': 'true' } }],
    ['healing that is not enabled', { annotations: { 'homeostat.dev/heal': 'disabled' } }],
  ])('counts a workload as protected by %s', async (_, marks) => {
    world = new LoopWorld();
    const [web] = world.all('deployments');
    world.server.update(
      { group: 'apps', resource: 'deployments' },
      { namespace: NAMESPACE, name: 'web' },
      (object) => Object.assign(object.metadata, marks),
    );
    expect(web).toBeDefined();
    await world.clock.advance(31_000);
    expect(policy().status?.targets).toMatchObject({ protected: 1 });
  });

  it('says that a policy does not hold together, instead of ignoring it in silence', async () => {
    world = new LoopWorld();
    addPolicy('broken', { verify: { initialDelay: 'soon' } });
    await world.clock.advance(5_000);
    expect(condition('Ready', 'broken')).toMatchObject({ status: 'False', reason: 'Invalid' });
    const { resourceVersion } = policy('broken').metadata;
    await world.clock.advance(60_000);
    expect(policy('broken').metadata.resourceVersion).toBe(resourceVersion);
    expect(condition('Ready')).toMatchObject({ status: 'True' });
  });
});

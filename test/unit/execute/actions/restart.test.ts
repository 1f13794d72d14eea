// SPDX-License-Identifier: Apache-2.0
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { restart } from '../../../../src/execute/actions/restart.ts';
import { podFacts, workloadFacts } from '../../../../src/execute/pod-facts.ts';
import { rawDeployment, rawPod } from '../raw-objects.ts';

const facts = (replicas: { ready: number; desired: number }, isReady = true) => {
  const target = podFacts(rawPod({ ready: isReady }));
  const workload = workloadFacts(
    rawDeployment({ readyReplicas: replicas.ready, replicas: replicas.desired }),
    { apiVersion: 'apps/v1', kind: 'Deployment' },
  );
  if (target === null || workload === null) throw new Error('the fixture is broken');
  const others = Array.from(
    { length: Math.max(0, replicas.ready - (isReady ? 1 : 0)) },
    (_, i) => ({
      ...target,
      uid: `other-${i}`,
      ready: true,
    }),
  );
  return { target, workload, peers: [target, ...others] };
};

const intent = restart.intents(facts({ ready: 3, desired: 3 }))[0]!;

describe('restart', () => {
  it('asks for one eviction with the uid and version that were judged', () => {
    expect(restart.intents(facts({ ready: 3, desired: 3 }))).toEqual([
      {
        seq: 0,
        verb: 'evict',
        path: '/api/v1/namespaces/shop/pods/web-1/eviction',
        preconditions: { uid: 'pod-1', resourceVersion: '7' },
      },
    ]);
  });

  it('predicts one ready replica fewer in between, and all again', () => {
    expect(restart.predict(facts({ ready: 3, desired: 3 }))).toEqual([
      { readyReplicas: 2, desiredReplicas: 3 },
      { readyReplicas: 3, desiredReplicas: 3 },
    ]);
  });

  it('predicts no loss in between when the target is not ready', () => {
    expect(restart.predict(facts({ ready: 2, desired: 3 }, false))[0]?.readyReplicas).toBe(2);
  });

  it('believes the pods where the status of the workload lags behind them', () => {
    const before = facts({ ready: 3, desired: 3 });
    const [target, second, third] = before.peers;
    if (target === undefined || second === undefined || third === undefined) throw new Error();
    const lagging = [
      [target, { ...second, ready: false }, third],
      [target, { ...second, deleting: true }, third],
    ];
    for (const peers of lagging) {
      expect(restart.predict({ ...before, peers })[0]?.readyReplicas).toBe(1);
    }
  });

  it('never predicts more than is desired, nor less than nothing', () => {
    fc.assert(
      fc.property(fc.nat(9), fc.nat(9), fc.boolean(), (ready, desired, isReady) => {
        for (const state of restart.predict(facts({ ready, desired }, isReady))) {
          expect(state.readyReplicas).toBeGreaterThanOrEqual(0);
          expect(state.readyReplicas).toBeLessThanOrEqual(Math.max(ready, desired));
        }
      }),
    );
  });

  it.each([
    ['done', 'the API server says 404', null],
    ['done', 'another pod has the name', rawPod({ uid: 'pod-2' })],
    ['done', 'the pod is being deleted', rawPod({ deletionTimestamp: '2026-03-01T12:00:00Z' })],
    [
      'done',
      'the pod carries the mark of an eviction',
      rawPod({
        conditions: [{ type: 'DisruptionTarget', status: 'True', reason: 'EvictionByEvictionAPI' }],
      }),
    ],
    [
      'notDone',
      'the pod carries the mark of another disruption',
      rawPod({
        conditions: [
          { type: 'DisruptionTarget', status: 'True', reason: 'DeletionByTaintManager' },
        ],
      }),
    ],
    [
      'notDone',
      'the mark of an eviction was withdrawn',
      rawPod({
        conditions: [
          { type: 'DisruptionTarget', status: 'False', reason: 'EvictionByEvictionAPI' },
        ],
      }),
    ],
    ['notDone', 'the pod is as it was', rawPod()],
    ['notDone', 'only the version changed', rawPod({ resourceVersion: '8' })],
    ['unknown', 'the answer is no pod', {}],
    ['unknown', 'the answer is a text', 'pod'],
  ] as const)('probes %s when %s', (result, _, pod) => {
    expect(restart.probe(intent, pod)).toBe(result);
  });

  it('says why there is no undo', () => {
    expect(restart.undoUnavailableReason).toContain('cannot be brought back');
  });

  it('takes no parameters but an empty object', () => {
    expect(restart.params.parse({})).toEqual({});
    expect(restart.params.safeParse('now').success).toBe(false);
  });
});

// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import type { Evidence } from '../../../../src/domain/evidence.ts';
import type { Diagnosis } from '../../../../src/domain/healing.ts';
import { strategies } from '../../../../src/plan/strategies/index.ts';
import { restartLeaking } from '../../../../src/plan/strategies/restart-leaking.ts';
import { MINUTE, NOW, plan, policy, type SpecPatch } from '../valid-input.ts';

const { diagnosis } = plan;

const leak = (
  minutes: number,
  { pod = 'pod-1', workload = 'workload-1', evidence = {} as Partial<Evidence> } = {},
): Diagnosis => {
  const subject = {
    container: 'app',
    pod: { namespace: 'shop', name: pod, uid: pod },
    workload: { ...plan.target.workload, uid: workload },
  };
  return {
    incident: `leak-of-${pod}`,
    cause: 'MemoryLeak',
    subject,
    evidence: {
      ...diagnosis.evidence,
      subject,
      measures: { lower80TimeToOomMs: minutes * MINUTE },
      ...evidence,
    },
  };
};

const propose = (
  diagnoses: readonly Diagnosis[],
  { patch = {} as SpecPatch, mode = 'Auto' as 'Observe' | 'DryRun' | 'Auto' } = {},
) => restartLeaking.plan({ nowMs: NOW, policy: policy(patch), mode, diagnoses });
const podsOf = (diagnoses: readonly Diagnosis[]) =>
  propose(diagnoses).map(({ target }) => target.pod.uid);

describe('restartLeaking', () => {
  it('proposes a restart of the pod that leaks, with all that the guards need', () => {
    const one = leak(10);
    expect(propose([one])).toEqual([
      {
        policyUid: 'policy-1',
        incident: 'leak-of-pod-1',
        step: { index: 0, name: 'restart', action: 'restart' },
        target: one.subject,
        diagnosis: one,
        live: true,
      },
    ]);
  });

  it('names the step as the policy does', () => {
    const patch = { actions: [{ name: 'evict-it', restart: {} }] };
    expect(propose([leak(10)], { patch })[0]?.step.name).toBe('evict-it');
  });

  it('simulates in mode DryRun and proposes nothing in mode Observe', () => {
    expect(propose([leak(10)], { mode: 'DryRun' })[0]?.live).toBe(false);
    expect(propose([leak(10)], { mode: 'Observe' })).toEqual([]);
  });

  it('compares the time to OOM with the horizon of the policy', () => {
    expect(propose([leak(29.9)])).toHaveLength(1);
    expect(propose([leak(30)])).toEqual([]);
    const patch = {
      triggers: [{ name: 'leak', detector: { type: 'MemoryLeak', params: { horizon: '60m' } } }],
    };
    expect(propose([leak(59.9)], { patch })).toHaveLength(1);
  });

  it('takes the worst first, of all workloads', () => {
    const all = [
      leak(20, { pod: 'a' }),
      leak(5, { pod: 'b' }),
      leak(10, { pod: 'c', workload: 'workload-2' }),
      leak(7, { pod: 'd' }),
    ];
    expect(podsOf(all)).toEqual(['b', 'd', 'c', 'a']);
    expect(podsOf(all.toReversed())).toEqual(['b', 'd', 'c', 'a']);
  });

  it('chooses the same of two that are equally bad, in whatever order they come', () => {
    const twins = [leak(5, { pod: 'b' }), leak(5, { pod: 'a' })];
    expect(podsOf(twins)).toEqual(podsOf(twins.toReversed()));
  });

  it.each<[string, Diagnosis]>([
    ['does not fire', leak(5, { evidence: { firing: false } })],
    ['has no time to OOM', leak(5, { evidence: { measures: {} } })],
    ['never ends in OOM', leak(Number.POSITIVE_INFINITY)],
    ['has a time to OOM that is no number', leak(Number.NaN)],
    [
      'belongs to another policy',
      leak(5, { evidence: { trigger: { ...diagnosis.evidence.trigger, policyUid: 'policy-2' } } }),
    ],
    [
      'comes from a trigger that the policy has no more',
      leak(5, { evidence: { trigger: { ...diagnosis.evidence.trigger, trigger: 'old' } } }),
    ],
    ['comes from another detector', leak(5, { evidence: { detector: 'SlowQuery' } })],
    ['has another cause', { ...leak(5), cause: 'Deadlock' }],
    ['is about a bare pod', { ...leak(5), subject: { ...leak(5).subject, workload: null } }],
  ])('proposes nothing for evidence that %s', (_, each) => {
    expect(propose([each])).toEqual([]);
  });
});

describe('strategies', () => {
  it('are sorted by unique ids', () => {
    const ids = strategies.map(({ id }) => id);
    expect(ids).toEqual([...new Set(ids)].toSorted());
  });
});

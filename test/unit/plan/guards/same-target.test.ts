// SPDX-License-Identifier: Apache-2.0
import { describe } from 'vitest';
import type { PodFacts } from '../../../../src/domain/healing.ts';
import { sameTarget } from '../../../../src/plan/guards/same-target.ts';
import { container, HOUR, having, MINUTE, NOW, pod, policy, workload } from '../valid-input.ts';
import { itJudges, type Row } from './expect-verdict.ts';

const ofPod = (patch: Partial<PodFacts>) => having({ target: { ...pod, ...patch } });
const ofContainer = (patch: Partial<typeof container>) =>
  ofPod({ containers: [{ ...container, ...patch }] });

const web = { name: 'web', kind: 'Deployment' };
const targeting = (target: object) => having({ policy: policy({ targets: [target] }) });
/** Each field of a target, changed so that the workload or container is no longer selected. */
const targetRows: readonly Row[] = [
  {
    when: 'the policy names another workload now',
    input: targeting({ ...web, resourceName: 'other' }),
    says: ['TargetChanged', 'Deployment shop/web is no target'],
  },
  {
    when: 'the policy names another kind now',
    input: targeting({ ...web, kind: 'StatefulSet', resourceName: 'web' }),
    says: ['TargetChanged', 'no target'],
  },
  {
    when: 'the policy selects other labels now',
    input: targeting({ ...web, selector: { matchLabels: { tier: 'other' } } }),
    says: ['TargetChanged', 'no target'],
  },
  {
    when: 'the policy demands a label that is not there',
    input: targeting({
      ...web,
      selector: { matchExpressions: [{ key: 'x', operator: 'Exists' }] },
    }),
    says: ['TargetChanged', 'no target'],
  },
  {
    when: 'the policy excludes the workload now',
    input: targeting({ ...web, selector: {}, exclude: { names: ['web'] } }),
    says: ['TargetChanged', 'no target'],
  },
  {
    when: 'the policy selects all workloads',
    input: targeting({ ...web, selector: {} }),
    says: 'Pass',
  },
  {
    when: 'the policy watches another container now',
    input: targeting({ ...web, resourceName: 'web', containers: ['sidecar'] }),
    says: ['TargetChanged', 'container app', 'target web'],
  },
];

describe('sameTarget', () => {
  itJudges(
    sameTarget,
    ['target', 'workload', 'policy'],
    [
      {
        when: 'the pod is gone',
        input: having({ target: null }),
        says: ['TargetChanged', 'pod shop/web-1 is gone'],
      },
      {
        when: 'another pod has the same name',
        input: ofPod({ uid: 'pod-2' }),
        says: ['TargetChanged', 'pod-1', 'pod-2'],
      },
      {
        when: 'the pod is being deleted',
        input: ofPod({ deleting: true }),
        says: ['TargetChanged', 'already being deleted'],
      },
      {
        when: 'the pod has failed',
        input: ofPod({ phase: 'Failed' }),
        says: ['TargetChanged', 'Failed'],
      },
      {
        when: 'the pod is pending, so that an eviction would skip its disruption budget',
        input: ofPod({ phase: 'Pending' }),
        says: ['TargetChanged', 'Pending'],
      },
      {
        when: 'another workload has the same name',
        input: having({ workload: { ...workload, ref: { ...workload.ref, uid: 'workload-2' } } }),
        says: ['TargetChanged', 'Deployment shop/web'],
      },
      {
        when: 'the workload is gone, which ownership refuses',
        input: having({ workload: null }),
        says: 'Pass',
      },
      {
        when: 'the container is not in the pod',
        input: ofContainer({ name: 'sidecar' }),
        says: ['TargetChanged', 'container app', 'does not exist'],
      },
      {
        when: 'the container does not run',
        input: ofContainer({ startedAtMs: null }),
        says: ['TargetChanged', 'not running'],
      },
      {
        when: 'the container has restarted since the evidence',
        input: ofContainer({ restartCount: 1 }),
        says: ['TargetChanged', '1 restarts now, 0 then'],
      },
      {
        when: 'the container started in the first bucket of the window',
        input: ofContainer({ startedAtMs: NOW - 2 * HOUR + 5 * MINUTE }),
        says: 'Pass',
      },
      {
        when: 'the container started after the first bucket of the window',
        input: ofContainer({ startedAtMs: NOW - 2 * HOUR + 5 * MINUTE + 1 }),
        says: ['TargetChanged', 'started after the window'],
      },
      {
        when: 'the resolution is finer, so that the bucket of grace is shorter',
        input: having({
          target: {
            ...pod,
            containers: [{ ...container, startedAtMs: NOW - 2 * HOUR + MINUTE + 1 }],
          },
          policy: policy({
            triggers: [
              { name: 'leak', detector: { type: 'MemoryLeak', params: { resolution: '1m' } } },
            ],
          }),
        }),
        says: ['TargetChanged', 'started after the window'],
      },
      {
        when: 'the trigger was removed from the policy',
        input: having({
          policy: policy({ triggers: [{ name: 'other', detector: { type: 'MemoryLeak' } }] }),
        }),
        says: ['TargetChanged', 'no trigger leak'],
      },
      {
        when: 'the action was removed from the policy',
        input: having({ policy: policy({ actions: [{ name: 'other', restart: {} }] }) }),
        says: ['TargetChanged', 'no action restart'],
      },
      ...targetRows,
    ],
  );
});

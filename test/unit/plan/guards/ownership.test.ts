// SPDX-License-Identifier: Apache-2.0
import { describe } from 'vitest';
import type { WorkloadFacts } from '../../../../src/domain/healing.ts';
import { ownership } from '../../../../src/plan/guards/ownership.ts';
import { having, pod, workload } from '../valid-input.ts';
import { itJudges, type Row } from './expect-verdict.ts';

const owned = (patch: Partial<WorkloadFacts>) => having({ workload: { ...workload, ...patch } });
const ofKind = (kind: string, apiVersion = 'apps/v1') =>
  owned({ ref: { ...workload.ref, kind, apiVersion } });

describe('ownership', () => {
  itJudges(
    ownership,
    ['target', 'workload'],
    [
      { when: 'a StatefulSet owns the pod', input: ofKind('StatefulSet'), says: 'Pass' },
      {
        when: 'nothing owns the pod',
        input: having({ workload: null }),
        says: ['UnsupportedOwner', 'pod shop/web-1'],
      },
      ...(
        [
          ['DaemonSet', 'apps/v1'],
          ['ReplicaSet', 'apps/v1'],
          ['Job', 'batch/v1'],
          ['Deployment', 'example.com/v1'],
        ] as const
      ).map(
        ([kind, apiVersion]): Row => ({
          when: `a ${kind} of ${apiVersion} owns the pod`,
          input: ofKind(kind, apiVersion),
          says: ['UnsupportedOwner', `${kind} shop/web`],
        }),
      ),
      {
        when: 'the pod is static',
        input: having({ target: { ...pod, isStatic: true } }),
        says: ['UnsupportedOwner', 'static pod'],
      },
      {
        when: 'the controller has not seen the newest generation',
        input: owned({ generation: 5 }),
        says: ['TargetBusy', 'generation 5', 'observed 4'],
      },
      {
        when: 'not every replica is of the newest revision',
        input: owned({ updatedReplicas: 2 }),
        says: ['TargetBusy', '2 of 3'],
      },
      {
        when: 'more replicas are updated than desired: it is being scaled down',
        input: owned({ updatedReplicas: 4 }),
        says: ['TargetBusy', '4 of 3'],
      },
      {
        when: 'the observed generation is no number',
        input: owned({ observedGeneration: Number.NaN }),
        says: ['TargetBusy'],
      },
    ],
  );
});

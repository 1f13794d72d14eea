// SPDX-License-Identifier: Apache-2.0
import { describe } from 'vitest';
import type { GuardInput } from '../../../../src/plan/guard.ts';
import { protectedTarget } from '../../../../src/plan/guards/protected.ts';
import { having, plan, pod, valid, workload } from '../valid-input.ts';
import { itJudges, type Row } from './expect-verdict.ts';

const inNamespace = (namespace: string): GuardInput => ({
  ...valid,
  plan: { ...plan, target: { ...plan.target, pod: { ...plan.target.pod, namespace } } },
});

type Marks = Record<string, string>;
const PLACES: readonly (readonly [string, (labels: Marks, annotations: Marks) => GuardInput])[] = [
  ['pod shop/web-1', (labels, annotations) => having({ target: { ...pod, labels, annotations } })],
  [
    'Deployment shop/web',
    (labels, annotations) => having({ workload: { ...workload, labels, annotations } }),
  ],
  [
    'namespace shop',
    (labels, annotations) => having({ namespace: { name: 'shop', labels, annotations } }),
  ],
];

const onEveryPlace: readonly Row[] = PLACES.flatMap(([place, mark]): Row[] => [
  {
    when: `the ${place} is labelled as protected`,
    input: mark({ 'homeostat.dev/protected': 'true' }, {}),
    says: ['Protected', place, 'label'],
  },
  {
    when: `the ${place} is annotated as protected`,
    input: mark({}, { 'homeostat.dev/protected': 'true' }),
    says: ['Protected', place, 'annotation'],
  },
  {
    when: `the ${place} is protected by a value nobody defined`,
    input: mark({ 'homeostat.dev/protected': 'True' }, {}),
    says: ['Protected', place],
  },
  {
    when: `the ${place} says protected=false`,
    input: mark({ 'homeostat.dev/protected': 'false' }, {}),
    says: 'Pass',
  },
  {
    when: `healing is disabled on the ${place}`,
    input: mark({}, { 'homeostat.dev/heal': 'disabled' }),
    says: ['Protected', place, 'homeostat.dev/heal'],
  },
  {
    when: `healing is enabled on the ${place}`,
    input: mark({}, { 'homeostat.dev/heal': 'enabled' }),
    says: 'Pass',
  },
]);

describe('protectedTarget', () => {
  itJudges(
    protectedTarget,
    ['namespace', 'target', 'workload'],
    [
      ...['kube-system', 'kube-public', 'kube-node-lease', 'homeostat-system'].map(
        (name): Row => ({
          when: `the pod lives in ${name}`,
          input: inNamespace(name),
          says: ['Protected', name],
        }),
      ),
      ...onEveryPlace,
      {
        when: 'pod and workload are gone, which other guards refuse',
        input: having({ target: null, workload: null }),
        says: 'Pass',
      },
    ],
  );
});

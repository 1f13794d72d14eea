// SPDX-License-Identifier: Apache-2.0
import { describe } from 'vitest';
import { notPaused } from '../../../../src/plan/guards/not-paused.ts';
import { having, policy, simulated, valid } from '../valid-input.ts';
import { itJudges } from './expect-verdict.ts';

const annotated = (annotations: Record<string, string>) =>
  having({ namespace: { name: 'shop', labels: {}, annotations } });
const moded = (mode: string) => having({ policy: policy({ mode }) });
const { metadata, spec } = policy();

describe('notPaused', () => {
  itJudges(
    notPaused,
    ['policy', 'namespace'],
    [
      {
        when: 'the policy is suspended',
        input: having({ policy: policy({ suspend: true }) }),
        says: ['Paused', 'spec.suspend', 'shop/leaks'],
      },
      {
        when: 'somebody asked for a pause',
        input: having({ policy: policy({ pauseRequests: ['release-42', 'ops'] }) }),
        says: ['Paused', 'spec.pauseRequests', 'release-42', 'ops'],
      },
      {
        when: 'the namespace is frozen',
        input: annotated({ 'homeostat.dev/freeze': 'true' }),
        says: ['Paused', 'homeostat.dev/freeze', 'namespace shop'],
      },
      {
        when: 'the namespace is frozen by an empty annotation',
        input: annotated({ 'homeostat.dev/freeze': '' }),
        says: ['Paused'],
      },
      {
        when: 'the annotation says that nothing is frozen',
        input: annotated({ 'homeostat.dev/freeze': 'false' }),
        says: 'Pass',
      },
      {
        when: 'the policy is being deleted',
        input: having({
          policy: { metadata: { ...metadata, deletionTimestamp: '2026-06-01T12:00:00Z' }, spec },
        }),
        says: ['Paused', 'is being deleted'],
      },
      {
        when: 'another policy of the same name stands in its place',
        input: having({ policy: { metadata: { ...metadata, uid: 'policy-2' }, spec } }),
        says: ['Paused', 'made anew'],
      },
      {
        when: 'the mode of a live plan was lowered to DryRun',
        input: moded('DryRun'),
        says: ['Paused', 'DryRun', 'Auto'],
      },
      {
        when: 'the mode of a live plan was lowered to Observe',
        input: moded('Observe'),
        says: ['Paused', 'Observe'],
      },
      {
        when: 'a simulated plan meets mode DryRun',
        input: simulated(moded('DryRun')),
        says: 'Pass',
      },
      { when: 'a simulated plan meets mode Auto', input: simulated(), says: 'Pass' },
      {
        when: 'a simulated plan meets mode Observe',
        input: simulated(moded('Observe')),
        says: ['Paused', 'Observe'],
      },
      {
        when: 'the operator was capped since',
        input: { ...valid, operatorMaxMode: 'DryRun' },
        says: ['Paused', 'DryRun'],
      },
      {
        when: 'the namespace was capped since',
        input: annotated({ 'homeostat.dev/max-mode': 'DryRun' }),
        says: ['Paused', 'DryRun'],
      },
    ],
  );
});

// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import type { HealingAction } from '../../../src/api/healing-action.ts';
import type { PodFacts, WorkloadFacts } from '../../../src/domain/healing.ts';
import { population } from '../../../src/execute/population.ts';

const workload = (desiredReplicas: number) =>
  ({ ref: { uid: 'w' }, desiredReplicas }) as unknown as WorkloadFacts;

const pod = (change: Partial<PodFacts> = {}, workloadUid: string | null = 'w') => ({
  facts: { ready: true, deleting: false, phase: 'Running', ...change } as PodFacts,
  workloadUid,
});

const record = (phase: string, mode = 'Auto', uid = 'w') =>
  ({ spec: { mode, workload: { uid } }, status: { phase } }) as unknown as HealingAction;

describe('population', () => {
  it('counts a Ready replica as healthy', () => {
    expect(population([workload(2)], [pod(), pod()], [])).toEqual({ total: 2, healthy: 2 });
  });

  it('counts a replica that is wanted and missing as unhealthy', () => {
    expect(population([workload(3)], [pod()], [])).toEqual({ total: 3, healthy: 1 });
  });

  it('does not count a pod on its way out, nor one that has ended', () => {
    const pods = [pod(), pod({ deleting: true }), pod({ phase: 'Failed', ready: false })];
    expect(population([workload(1)], pods, [])).toEqual({ total: 1, healthy: 1 });
  });

  it('does not hold the replica against the cluster that our own action took', () => {
    const pods = [pod(), pod({ deleting: true }), pod({ ready: false })];
    for (const phase of ['Executing', 'Settling']) {
      expect(population([workload(2)], pods, [record(phase)])).toEqual({ total: 2, healthy: 2 });
    }
  });

  it.each([
    ['a record that has ended', record('Failed')],
    ['a record that has not begun', record('Admitted')],
    ['a rehearsed record', record('Executing', 'DryRun')],
    ['a record of another workload', record('Executing', 'Auto', 'other')],
  ])('gives no credit for %s', (_, each) => {
    expect(population([workload(2)], [pod(), pod({ ready: false })], [each])).toEqual({
      total: 2,
      healthy: 1,
    });
  });

  it('never counts more healthy than there are', () => {
    const records = [record('Executing'), record('Settling')];
    expect(population([workload(2)], [pod(), pod()], records)).toEqual({ total: 2, healthy: 2 });
  });

  it('looks at each pod once, however many workloads there are', () => {
    let looks = 0;
    const workloads = Array.from({ length: 50 }, (_, index) => ({
      ...workload(1),
      ref: { uid: `w${index}` } as WorkloadFacts['ref'],
    }));
    const pods = workloads.map(({ ref }) => ({
      ...pod(),
      get workloadUid() {
        looks += 1;
        return ref.uid;
      },
    }));
    expect(population(workloads, pods, [])).toEqual({ total: 50, healthy: 50 });
    expect(looks).toBeLessThanOrEqual(pods.length);
  });

  it('leaves out pods of workloads that are not selected', () => {
    expect(population([workload(1)], [pod(), pod({ ready: false }, 'x')], [])).toEqual({
      total: 1,
      healthy: 1,
    });
  });
});

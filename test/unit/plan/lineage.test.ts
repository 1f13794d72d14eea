// SPDX-License-Identifier: Apache-2.0
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ActionSummary } from '../../../src/domain/healing.ts';
import { lineageGeneration } from '../../../src/plan/lineage.ts';
import { HOUR, MINUTE, NOW, record, recordAged, SECOND } from './valid-input.ts';

const question = {
  workloadUid: record.workloadUid,
  container: 'app',
  cause: 'MemoryLeak',
  action: 'restart',
  podCreatedAtMs: NOW - HOUR,
  nowMs: NOW,
  windowMs: 6 * HOUR,
};

describe('lineageGeneration', () => {
  it('is one for a pod that no restart came before', () => {
    expect(lineageGeneration([], question)).toBe(1);
  });

  it('is one more than the highest that came before', () => {
    const records = [3, 1, 2].map((generation) =>
      recordAged((5 - generation) * HOUR, { lineageGeneration: generation }),
    );
    expect(lineageGeneration(records, question)).toBe(4);
  });

  it('bears a clock of ours that is ahead of the API server by seconds', () => {
    const createdAtMs = question.podCreatedAtMs;
    const ahead = { ...record, createdAtMs, actedAtMs: createdAtMs + 10 * SECOND };
    expect(lineageGeneration([ahead], question)).toBe(2);
    const farAhead = { ...ahead, actedAtMs: createdAtMs + 16 * SECOND };
    expect(lineageGeneration([farAhead], question)).toBe(1);
  });

  it('does not count a restart that waited until after the pod was there', () => {
    const waited = recordAged(2 * HOUR, { actedAtMs: NOW - 30 * MINUTE });
    expect(lineageGeneration([waited], question)).toBe(1);
  });

  it('refuses no first restart of a replica, and every replacement after `max`', () => {
    // Replicas leak in any order; each restart replaces the pod. The oracle counts each chain.
    const order = fc.array(fc.integer({ min: 0, max: 3 }), { minLength: 1, maxLength: 24 });
    fc.assert(
      fc.property(order, (replicas) => {
        const records: ActionSummary[] = [];
        const pods = [0, 1, 2, 3].map(() => ({ createdAtMs: NOW - 24 * HOUR, restarts: 0 }));
        for (const [i, replica] of replicas.entries()) {
          // A minute apart, so that the tolerance for clocks never bridges two restarts.
          const nowMs = NOW + i * MINUTE;
          const pod = pods[replica]!;
          const generation = lineageGeneration(records, {
            ...question,
            nowMs,
            podCreatedAtMs: pod.createdAtMs,
          });
          if (pod.restarts === 0) expect(generation).toBe(1);
          expect(generation).toBeGreaterThanOrEqual(pod.restarts + 1);
          records.push({
            ...record,
            name: `r-${i}`,
            lineageGeneration: generation,
            createdAtMs: nowMs,
            actedAtMs: nowMs + SECOND,
          });
          pods[replica] = { createdAtMs: nowMs + 2 * SECOND, restarts: pod.restarts + 1 };
        }
      }),
    );
  });
});

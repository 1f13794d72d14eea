// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { diagnose, incidentName } from '../../../src/analyze/diagnose.ts';
import { plan } from '../plan/valid-input.ts';

const { evidence } = plan.diagnosis;
const key = {
  policyUid: 'p',
  detector: 'MemoryLeak',
  workloadUid: 'w',
  container: 'app',
  podUid: 'u',
  restartCount: 0,
};

describe('incidentName', () => {
  it('is the same on every machine and in every version', () => {
    expect(incidentName(key)).toBe('memory-leak-abrphhbhctybzwjhtje6');
  });

  it.each([
    { policyUid: 'q' },
    { detector: 'SlowQuery' },
    { workloadUid: 'x' },
    { container: 'sidecar' },
    { podUid: 'v' },
    { restartCount: 1 },
  ])('depends on %j', (change) => {
    expect(incidentName({ ...key, ...change })).not.toBe(incidentName(key));
  });
});

describe('diagnose', () => {
  it('wraps the evidence: its detector is the cause', () => {
    expect(diagnose(evidence, 2)).toEqual({
      incident: incidentName({
        policyUid: 'policy-1',
        detector: 'MemoryLeak',
        workloadUid: 'workload-1',
        container: 'app',
        podUid: 'pod-1',
        restartCount: 2,
      }),
      cause: 'MemoryLeak',
      subject: evidence.subject,
      evidence,
    });
  });

  it('gives another life of the container another incident', () => {
    expect(diagnose(evidence, 1).incident).not.toBe(diagnose(evidence, 2).incident);
  });

  it('names the incident of a pod without a workload too', () => {
    const bare = { ...evidence, subject: { ...evidence.subject, workload: null } };
    expect(diagnose(bare, 0).incident).not.toBe(diagnose(evidence, 0).incident);
  });
});

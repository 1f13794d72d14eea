// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import type { Evidence } from '../../src/domain/evidence.ts';
import { createMetrics } from '../../src/instrumentation/metrics.ts';
import { observeEvidence } from '../../src/observers.ts';

const evidence = (classification: string): Evidence => ({
  detector: 'MemoryLeak',
  trigger: { policyUid: 'u', policyNamespace: 'shop', policyName: 'p', trigger: 't' },
  subject: {
    pod: { namespace: 'shop', name: 'web-0', uid: 'x' },
    workload: null,
    container: 'web',
  },
  classification,
  firing: false,
  quantity: 'container.memory.working_set',
  window: { fromMs: 0, toMs: 0 },
  newestSampleMs: 0,
  sampleIntervalMs: 0,
  samples: 0,
  summary: '',
  measures: {},
});

describe('observeEvidence', () => {
  it('counts each row by detector and class', async () => {
    const metrics = createMetrics();
    const observe = observeEvidence(metrics);
    observe([evidence('leak'), evidence('unknown')]);
    observe([evidence('leak')]);
    const { values } = await metrics.evidence.get();
    expect(values.map(({ labels, value }) => [labels['classification'], value])).toEqual([
      ['leak', 2],
      ['unknown', 1],
    ]);
  });
});

// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import type { ApiReply, ApiRequest } from '../../../src/domain/cluster.ts';
import type { ResourceReading } from '../../../src/knowledge/resource-metrics.ts';
import type { LoopPorts } from '../../../src/loop/ports.ts';
import { ResourceMetricsPoll } from '../../../src/loop/resource-metrics-poll.ts';
import { VirtualClock } from '../../model/virtual-clock.ts';

const body = {
  items: [
    {
      metadata: { name: 'web-1' },
      timestamp: '2100-01-01T00:00:00Z',
      containers: [{ name: 'app', usage: { memory: '64Mi' } }],
    },
  ],
};

describe('ResourceMetricsPoll', () => {
  it('does not hold a round up while metrics.k8s.io does not answer, and asks no second time', async () => {
    const clock = new VirtualClock();
    const asked: ApiRequest[] = [];
    const added: ResourceReading[] = [];
    const answer = Promise.withResolvers<ApiReply>();
    const ports = {
      clock,
      state: { pods: () => [{ facts: { name: 'web-1', uid: 'pod-1', createdAtMs: 0 } }] },
      cluster: {
        send: (request: ApiRequest) => {
          asked.push(request);
          return answer.promise;
        },
      },
      metrics: {
        add: (readings: readonly ResourceReading[]) => void added.push(...readings),
        retain: () => undefined,
      },
      log: { debug: () => undefined },
    } as unknown as LoopPorts;
    const poll = new ResourceMetricsPoll(ports, {
      operatorMaxMode: 'Auto',
      resourceMetricsIntervalMs: 10_000,
    });
    let rounds = 0;
    for (let round = 0; round < 3; round += 1) {
      void poll.round(new Set(['shop'])).then(() => {
        rounds += 1;
      });
      await clock.advance(12_000);
    }
    expect([rounds, asked.length]).toEqual([3, 1]);
    answer.resolve({ kind: 'ok', status: 200, body });
    await clock.advance(1);
    expect(added).toHaveLength(1);
    await poll.round(new Set(['shop']));
    expect([added.length, asked.length]).toEqual([2, 2]);
  });
});

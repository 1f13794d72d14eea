// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import type { ApiRequest } from '../../../src/domain/cluster.ts';
import { Expiry } from '../../../src/loop/expiry.ts';
import type { LoopPorts } from '../../../src/loop/ports.ts';
import { VirtualClock } from '../../model/virtual-clock.ts';
import { record } from '../execute/records.ts';

describe('Expiry', () => {
  it('keeps what a policy that cannot be read may count, and goes on in other namespaces', async () => {
    const clock = new VirtualClock();
    const sent: ApiRequest[] = [];
    const old = { phase: 'Succeeded', finishedAt: '2020-01-01T00:00:00Z' } as const;
    const records = ['broken', 'shop'].map((namespace) => {
      const ended = record(old);
      return { ...ended, metadata: { ...ended.metadata, namespace } };
    });
    const ports = {
      clock,
      state: {
        actions: () => records,
        incidents: () => [],
        policies: () => [],
        invalidPolicies: () => [{ metadata: { namespace: 'broken' } }],
      },
      cluster: {
        send: async (request: ApiRequest) => {
          sent.push(request);
          return { kind: 'ok', status: 200, body: {} };
        },
      },
      log: { debug: () => undefined, info: () => undefined },
    } as unknown as LoopPorts;
    await new Expiry(ports).round(new AbortController().signal);
    expect(sent.map(({ namespace }) => namespace)).toEqual(['shop']);
  });
});

// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { EvidenceBook } from '../../../src/loop/evidence-book.ts';
import { reconcileIncidents } from '../../../src/loop/incidents.ts';
import type { LoopPorts } from '../../../src/loop/ports.ts';
import { Refusals } from '../../../src/loop/refusals.ts';
import { VirtualClock } from '../../model/virtual-clock.ts';

const incident = (index: number) => ({
  metadata: { namespace: `n${index % 2}`, name: `i${index}`, uid: `u${index}`, generation: 1 },
  spec: {
    policyRef: { uid: 'p' },
    trigger: 'leak',
    subject: { pod: { uid: `pod-${index}` }, container: 'app' },
  },
});

describe('reconcileIncidents', () => {
  it('reads the pods and records of a namespace once a round, however many incidents are open', async () => {
    const reads = { pods: 0, actions: 0 };
    const written: unknown[] = [];
    const ports = {
      clock: new VirtualClock(),
      state: {
        incidents: () => Array.from({ length: 100 }, (_, index) => incident(index)),
        pods: () => {
          reads.pods += 1;
          return [{ facts: { uid: 'pod-7' } }];
        },
        actions: () => {
          reads.actions += 1;
          return [];
        },
      },
      cluster: {
        send: async ({ name, body }: { name: string; body: { value?: { reason?: string } }[] }) => {
          written.push([name, body[2]?.value?.reason]);
          return { kind: 'ok', status: 200, body: {} };
        },
      },
      events: { emit: () => undefined },
      log: { info: () => undefined },
    } as unknown as LoopPorts;
    const parts = { book: new EvidenceBook(), refusals: new Refusals() };
    await reconcileIncidents(ports, parts, new AbortController().signal);
    expect(reads).toEqual({ pods: 2, actions: 2 });
    expect(written).toHaveLength(100);
    expect(written).toContainEqual(['i7', 'Detected']);
    expect(written).toContainEqual(['i8', 'SubjectGone']);
  });
});

// SPDX-License-Identifier: Apache-2.0
import { beforeEach, describe, expect, it } from 'vitest';
import type { ApiRequest } from '../../../src/domain/cluster.ts';
import type { Evidence } from '../../../src/domain/evidence.ts';
import type { WatchedPolicy } from '../../../src/loop/bindings.ts';
import { Drives } from '../../../src/loop/drives.ts';
import { EvidenceBook } from '../../../src/loop/evidence-book.ts';
import { Healing } from '../../../src/loop/healing.ts';
import type { LoopPorts } from '../../../src/loop/ports.ts';
import { Refusals } from '../../../src/loop/refusals.ts';
import { VirtualClock } from '../../model/virtual-clock.ts';

const evidence = (trigger: string, restartCount: number, detector = 'MemoryLeak') =>
  ({
    detector,
    trigger: { policyUid: 'p', trigger },
    subject: {
      pod: { namespace: 'shop', name: 'web-1', uid: 'pod-1' },
      container: 'app',
      workload: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'web', uid: 'w' },
    },
    firing: true,
    measures: { restartCount },
  }) as unknown as Evidence;

/** The API server says that the container has restarted once. */
const watched = {
  policy: {
    metadata: { uid: 'p', name: 'web-leaks', namespace: 'shop', generation: 1 },
    spec: { mode: 'Auto', triggers: [{ name: 'leak', detector: { type: 'MemoryLeak' } }] },
  },
  targets: {
    pods: [{ pod: { facts: { uid: 'pod-1', containers: [{ name: 'app', restartCount: 1 }] } } }],
  },
} as unknown as WatchedPolicy;

describe('Healing', () => {
  let made: ApiRequest[];
  let book: EvidenceBook;
  let healing: Healing;
  beforeEach(() => {
    made = [];
    const ports = {
      clock: new VirtualClock(),
      state: { incidents: () => [], actions: () => [], namespaceAnnotations: () => ({}) },
      cluster: {
        send: async (request: ApiRequest) => {
          made.push(request);
          return { kind: 'ok', status: 201, body: {} };
        },
      },
      strategies: [],
    } as unknown as LoopPorts;
    book = new EvidenceBook();
    healing = new Healing(
      ports,
      { operatorMaxMode: 'Auto', resourceMetricsIntervalMs: 10_000 },
      { book, refusals: new Refusals(), drives: new Drives(ports) },
    );
  });
  const incidents = async (...found: readonly Evidence[]): Promise<number> => {
    book.add(found);
    await healing.round([watched], new AbortController().signal);
    return made.length;
  };

  it('opens an incident about the life that the evidence speaks of', async () => {
    expect(await incidents(evidence('leak', 1))).toBe(1);
  });

  it('opens none about the next life of a container whose last one leaked', async () => {
    expect(await incidents(evidence('leak', 0))).toBe(0);
  });

  it('opens none for a trigger that the policy no longer has, or that became another', async () => {
    expect(await incidents(evidence('removed', 1), evidence('leak', 1, 'Another'))).toBe(0);
  });
});

describe('EvidenceBook', () => {
  it('forgets the rows of a trigger that is gone', () => {
    const book = new EvidenceBook();
    book.add([evidence('leak', 1), evidence('removed', 1)]);
    const key = 'pod-1/app';
    const containers = new Set([key]);
    book.retain(new Map([['p', { containers, triggers: new Set(['leak']) }]]));
    expect(book.of('p').map(({ trigger }) => trigger.trigger)).toEqual(['leak']);
    book.retain(new Map([['p', { containers: new Set<string>(), triggers: new Set(['leak']) }]]));
    expect(book.of('p')).toEqual([]);
  });
});

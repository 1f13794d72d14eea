// SPDX-License-Identifier: Apache-2.0
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  controllerOf,
  observedPod,
  podFacts,
  workloadFacts,
} from '../../../src/execute/pod-facts.ts';
import { rawDeployment, rawPod } from './raw-objects.ts';

const DEPLOYMENT = { apiVersion: 'apps/v1', kind: 'Deployment' };
const container = (fields: Parameters<typeof rawPod>[0]) => podFacts(rawPod(fields))?.containers[0];

describe('podFacts', () => {
  it('reads a whole pod', () => {
    expect(podFacts(rawPod())).toEqual({
      namespace: 'shop',
      name: 'web-1',
      uid: 'pod-1',
      resourceVersion: '7',
      createdAtMs: Date.parse('2026-03-01T10:00:00Z'),
      deleting: false,
      ready: true,
      phase: 'Running',
      labels: { app: 'web', 'pod-template-hash': 'abc' },
      annotations: {},
      nodeName: 'node-1',
      isStatic: false,
      containers: [
        {
          name: 'app',
          restartCount: 0,
          startedAtMs: Date.parse('2026-03-01T10:00:02Z'),
          memoryLimitBytes: 256 * 2 ** 20,
          lastTermination: null,
        },
      ],
      templateHash: 'abc',
    });
  });

  it.each(['namespace', 'name', 'uid', 'resourceVersion', 'creationTimestamp'])(
    'says nothing about a pod without %s',
    (field) => {
      const raw = rawPod();
      delete (raw['metadata'] as Record<string, unknown>)[field];
      expect(podFacts(raw)).toBeNull();
    },
  );

  it('knows a pod that the kubelet made from a file', () => {
    const annotations = { 'kubernetes.io/config.mirror': '' };
    expect(podFacts(rawPod({ annotations }))?.isStatic).toBe(true);
  });

  it('takes the revision of a StatefulSet for the template', () => {
    const labels = { 'controller-revision-hash': 'web-5' };
    expect(podFacts(rawPod({ labels }))?.templateHash).toBe('web-5');
  });

  it.each([
    [
      'the limit in force after a resize in place',
      { container: { resources: { limits: { memory: '1Gi' } } } },
      2 ** 30,
    ],
    ['none when it is 0', { memory: '0' }, null],
    ['none when it cannot be read', { memory: 'lots' }, null],
  ])('reads the memory limit: %s', (_, fields, bytes) => {
    expect(container(fields)?.memoryLimitBytes).toBe(bytes);
  });

  it.each([
    [
      'the last state',
      { lastState: { terminated: { reason: 'OOMKilled', finishedAt: '2026-03-01T11:00:00Z' } } },
    ],
    [
      'the present state of a container that has not been started again',
      {
        state: { terminated: { reason: 'OOMKilled', finishedAt: '2026-03-01T11:00:00Z' } },
        lastState: { terminated: { reason: 'Error', finishedAt: '2026-03-01T10:30:00Z' } },
      },
    ],
  ])('reads the newest termination from %s', (_, status) => {
    expect(container({ container: status })?.lastTermination).toEqual({
      reason: 'OOMKilled',
      finishedAtMs: Date.parse('2026-03-01T11:00:00Z'),
    });
  });

  it('never throws, whatever the object is', () => {
    fc.assert(
      fc.property(fc.anything(), (raw) => {
        podFacts(raw);
        observedPod(raw);
        controllerOf(raw);
        workloadFacts(raw, DEPLOYMENT);
      }),
    );
  });

  it('never throws when any part of a pod is something else', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.nat(200), (value, at) => {
        let index = 0;
        const replaced = JSON.parse(JSON.stringify(rawPod()), (_, each) =>
          index++ === at ? value : each,
        );
        observedPod(replaced);
        workloadFacts(replaced, DEPLOYMENT);
      }),
    );
  });
});

describe('observedPod', () => {
  it('tells since when the pod is Ready', () => {
    expect(observedPod(rawPod())?.readySinceMs).toBe(Date.parse('2026-03-01T10:00:05Z'));
    expect(observedPod(rawPod({ ready: false }))?.readySinceMs).toBeNull();
  });
});

describe('controllerOf', () => {
  it('ignores an owner that does not control', () => {
    const raw = rawPod();
    (raw['metadata'] as { ownerReferences: unknown }).ownerReferences = [
      { apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'x', uid: 'x', controller: false },
    ];
    expect(controllerOf(raw)).toBeNull();
    expect(controllerOf(rawPod({ owner: null }))).toBeNull();
  });
});

describe('workloadFacts', () => {
  it('reads a whole Deployment', () => {
    expect(workloadFacts(rawDeployment(), DEPLOYMENT)).toEqual({
      ref: { ...DEPLOYMENT, namespace: 'shop', name: 'web', uid: 'web-uid' },
      desiredReplicas: 3,
      readyReplicas: 3,
      updatedReplicas: 3,
      generation: 2,
      observedGeneration: 2,
      labels: { app: 'web' },
      annotations: { note: 'x' },
    });
  });

  it('takes an absent number of replicas for one, and absent counts for none', () => {
    const raw = { ...rawDeployment(), spec: {}, status: {} };
    expect(workloadFacts(raw, DEPLOYMENT)).toMatchObject({
      desiredReplicas: 1,
      readyReplicas: 0,
      updatedReplicas: 0,
      observedGeneration: 0,
    });
  });
});

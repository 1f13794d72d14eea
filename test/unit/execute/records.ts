// SPDX-License-Identifier: Apache-2.0
import {
  type HealingAction,
  type HealingActionSpec,
  type HealingActionStatus,
  healingActionSpecSchema,
} from '../../../src/api/healing-action.ts';

/** A whole spec as the executor would write it. */
export const SPEC: HealingActionSpec = healingActionSpecSchema.parse({
  policyRef: { name: 'web-leaks', uid: 'policy-1', generation: 1 },
  incidentRef: { name: 'incident-1' },
  target: {
    apiVersion: 'v1',
    kind: 'Pod',
    namespace: 'shop',
    name: 'web-1',
    uid: 'pod-1',
    resourceVersion: '7',
    container: 'app',
    podCreatedAt: '2026-03-01T10:00:00Z',
  },
  workload: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'web', uid: 'web-uid' },
  peersBefore: ['pod-1', 'pod-2'],
  step: { index: 0, name: 'restart', attempt: 1 },
  action: { restart: {} },
  mode: 'Auto',
  cause: {
    type: 'MemoryLeak',
    trigger: 'leak',
    summary: 'the memory floor rises',
    quantity: 'container.memory.working_set',
    measures: {
      limitBytes: '1000',
      floorBytes: '600',
      headroomBytes: '300',
      slopeBytesPerSecond: '10',
      lower80TimeToOomMs: '25000',
    },
    observedAt: '2026-03-01T11:59:59Z',
  },
  intents: [
    {
      seq: 0,
      verb: 'evict',
      path: '/api/v1/namespaces/shop/pods/web-1/eviction',
      preconditions: { uid: 'pod-1', resourceVersion: '7' },
    },
  ],
  undoUnavailableReason: 'none',
  predicted: { readyReplicas: [2, 3], desiredReplicas: 3 },
  lineageGeneration: 1,
  budgetsCharged: ['default'],
  limits: {
    timeout: '10m',
    settle: '30s',
    verify: { initialDelay: '5s', window: '20s', interval: '2s', minSamples: 5 },
    horizon: '30s',
    resolution: '2s',
  },
  fencing: { leaseName: 'homeostat', epoch: 1, holder: 'a' },
});

/** A record; without a status it is Planned. */
export const record = (
  status?: HealingActionStatus,
  changes: { readonly spec?: Partial<HealingActionSpec>; readonly metadata?: object } = {},
): HealingAction => ({
  metadata: {
    name: 'web-leaks-x',
    namespace: 'shop',
    uid: 'record-1',
    resourceVersion: '100',
    generation: 1,
    creationTimestamp: '2026-03-01T12:00:00Z',
    ...changes.metadata,
  },
  spec: { ...SPEC, ...changes.spec },
  ...(status === undefined ? {} : { status }),
});

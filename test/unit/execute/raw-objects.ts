// SPDX-License-Identifier: Apache-2.0
/** Raw objects of the API server for tests: complete, and each field can be changed by name. */

interface PodFields {
  readonly uid?: string;
  readonly name?: string;
  readonly resourceVersion?: string;
  readonly creationTimestamp?: string;
  readonly deletionTimestamp?: string;
  readonly ready?: boolean;
  readonly readySince?: string;
  readonly conditions?: readonly unknown[];
  readonly labels?: unknown;
  readonly annotations?: unknown;
  readonly owner?: { readonly kind: string; readonly name: string; readonly uid: string } | null;
  readonly container?: Readonly<Record<string, unknown>>;
  readonly memory?: string;
  readonly phase?: string;
}

/** A running pod `web-1` of ReplicaSet `web-abc`. */
export const rawPod = (fields: PodFields = {}): Record<string, unknown> => {
  const { owner = { kind: 'ReplicaSet', name: 'web-abc', uid: 'rs-1' } } = fields;
  const lastTransitionTime = fields.readySince ?? '2026-03-01T10:00:05Z';
  return {
    metadata: {
      namespace: 'shop',
      name: fields.name ?? 'web-1',
      uid: fields.uid ?? 'pod-1',
      resourceVersion: fields.resourceVersion ?? '7',
      creationTimestamp: fields.creationTimestamp ?? '2026-03-01T10:00:00Z',
      ...(fields.deletionTimestamp === undefined
        ? {}
        : { deletionTimestamp: fields.deletionTimestamp }),
      labels: fields.labels ?? { app: 'web', 'pod-template-hash': 'abc' },
      annotations: fields.annotations ?? {},
      ownerReferences:
        owner === null ? [] : [{ apiVersion: 'apps/v1', controller: true, ...owner }],
    },
    spec: {
      nodeName: 'node-1',
      containers: [{ name: 'app', resources: { limits: { memory: fields.memory ?? '256Mi' } } }],
    },
    status: {
      phase: fields.phase ?? 'Running',
      conditions: [
        { type: 'Ready', status: fields.ready === false ? 'False' : 'True', lastTransitionTime },
        ...(fields.conditions ?? []),
      ],
      containerStatuses: [
        {
          name: 'app',
          restartCount: 0,
          state: { running: { startedAt: '2026-03-01T10:00:02Z' } },
          ...fields.container,
        },
      ],
    },
  };
};

/** Deployment `web`. */
export const rawDeployment = (
  fields: { readonly replicas?: number; readonly readyReplicas?: number } = {},
): Record<string, unknown> => ({
  metadata: {
    namespace: 'shop',
    name: 'web',
    uid: 'web-uid',
    resourceVersion: '3',
    generation: 2,
    labels: { app: 'web' },
    annotations: { note: 'x' },
  },
  spec: { replicas: fields.replicas ?? 3 },
  status: {
    observedGeneration: 2,
    readyReplicas: fields.readyReplicas ?? 3,
    updatedReplicas: 3,
  },
});

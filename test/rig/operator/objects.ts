// SPDX-License-Identifier: Apache-2.0
// The objects that an operator beside the cluster needs, as the chart would install them, and small
// workloads and policies for it. Several operators live in one cluster, each with namespaces of its own.
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { type Grant, LEASE_NAME, rbac } from '../../../src/rbac.ts';
import type { ControlPlane } from '../control-plane/control-plane.ts';

const CRDS = join(import.meta.dirname, '../../../crds');

/** Name of the ServiceAccount, the roles and the Lease of every operator. */
export const OPERATOR = 'homeostat';

/** Applies objects in one call; throws what kubectl complains about. */
export const apply = async (
  cluster: Pick<ControlPlane, 'kubectl'>,
  objects: readonly unknown[],
): Promise<void> => {
  const { code, stderr } = await cluster.kubectl(['apply', '--server-side', '-f', '-'], {
    input: JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects }),
  });
  if (code !== 0) throw new Error(stderr);
};

/** Installs the CustomResourceDefinitions and resolves when they are served. */
export const installKinds = async (cluster: Pick<ControlPlane, 'kubectl'>): Promise<void> => {
  const names = (await readdir(CRDS)).map((name) => `crd/${name.replace(/\.yaml$/, '')}`);
  for (const args of [
    ['apply', '-f', CRDS],
    ['wait', '--for=condition=Established', ...names, '--timeout=60s'],
  ]) {
    const { code, stderr } = await cluster.kubectl(args);
    if (code !== 0) throw new Error(stderr);
  }
};

/** A namespace by name. */
export const namespaceObject = (name: string) => ({
  apiVersion: 'v1',
  kind: 'Namespace',
  metadata: { name },
});

/** One rule of the operator and where it is granted. */
export interface ScopedGrant {
  readonly scope: keyof typeof rbac;
  readonly grant: Grant;
}

/** Every rule that the chart grants, one for each resource and scope. */
export const allGrants: readonly ScopedGrant[] = (['watched', 'cluster', 'own'] as const).flatMap(
  (scope) => rbac[scope].map((grant) => ({ scope, grant })),
);

interface RoleOptions {
  readonly kind: 'Role' | 'ClusterRole';
  readonly name: string;
  readonly namespace?: string;
  readonly account: { readonly namespace: string };
  readonly grants: readonly Grant[];
}

const roleWithBinding = ({ kind, name, namespace, account, grants }: RoleOptions) => {
  const apiVersion = 'rbac.authorization.k8s.io/v1';
  const metadata = { name, ...(namespace === undefined ? {} : { namespace }) };
  const rules = grants.map(({ apiGroups, resources, verbs, resourceNames }) => ({
    apiGroups,
    resources,
    verbs,
    ...(resourceNames === undefined
      ? {}
      : {
          resourceNames: resourceNames.map((each) => (each === LEASE_NAME ? OPERATOR : each)),
        }),
  }));
  return [
    { apiVersion, kind, metadata, rules },
    {
      apiVersion,
      kind: `${kind}Binding`,
      metadata,
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind, name },
      subjects: [{ kind: 'ServiceAccount', name: OPERATOR, namespace: account.namespace }],
    },
  ];
};

/** How an operator is let in. */
export interface Admission {
  /** Namespace of its ServiceAccount and Lease. */
  readonly namespace: string;
  /** The one namespace that it watches. */
  readonly watches: string;
  /** A rule that is left out. */
  readonly without?: ScopedGrant | undefined;
}

/** ServiceAccount, Lease and roles of one operator, as the chart with `watchNamespaces` has them. */
export const operatorObjects = ({ namespace, watches, without }: Admission) => {
  const granted = (scope: keyof typeof rbac): readonly Grant[] =>
    rbac[scope].filter((grant) => grant !== without?.grant);
  const account = { namespace };
  return [
    { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: OPERATOR, namespace } },
    {
      apiVersion: 'coordination.k8s.io/v1',
      kind: 'Lease',
      metadata: { name: OPERATOR, namespace },
    },
    ...roleWithBinding({
      ...{ kind: 'Role', name: `${OPERATOR}-watched`, namespace: watches, account },
      grants: granted('watched'),
    }),
    ...roleWithBinding({
      ...{ kind: 'ClusterRole', name: `${OPERATOR}-${namespace}`, account },
      grants: granted('cluster'),
    }),
    ...roleWithBinding({
      ...{ kind: 'Role', name: `${OPERATOR}-own`, namespace, account },
      grants: granted('own'),
    }),
  ];
};

/** A Deployment of three with the container `web`, for simulated nodes; its pods have the label `app`. */
export const webDeployment = (namespace: string, name = 'web') => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name, namespace },
  spec: {
    replicas: 3,
    selector: { matchLabels: { app: name } },
    template: {
      metadata: { labels: { app: name } },
      spec: {
        containers: [{ name: 'web', image: 'web', resources: { limits: { memory: '256Mi' } } }],
      },
    },
  },
});

/** A policy for it in Auto on a clock of one second; `change` goes over its spec. */
export const fastPolicy = (namespace: string, change: Readonly<Record<string, unknown>> = {}) => ({
  apiVersion: 'homeostat.dev/v1alpha1',
  kind: 'HealingPolicy',
  metadata: { name: 'leaks', namespace },
  spec: {
    mode: 'Auto',
    targets: [{ name: 'web', kind: 'Deployment', selector: {} }],
    triggers: [
      {
        name: 'leak',
        detector: { type: 'MemoryLeak', params: { horizon: '60s', resolution: '1s' } },
      },
    ],
    actions: [{ name: 'restart', restart: {}, timeout: '60s', settle: '30s' }],
    safety: { cooldown: { perTarget: '10s', perAction: '5s' } },
    verify: { initialDelay: '1s', window: '10s', interval: '1s', minSamples: 3 },
    ...change,
  },
});

/** A pod as these tests look at it. */
export interface SeenPod {
  readonly metadata: {
    readonly name: string;
    readonly uid: string;
    readonly namespace: string;
    readonly labels: Readonly<Record<string, string>>;
    readonly creationTimestamp: string;
    readonly deletionTimestamp?: string;
  };
  readonly status: {
    readonly conditions?: readonly { readonly type: string; readonly status: string }[];
  };
}

/** Lists the pods of a namespace, those that are being deleted left out, oldest first. */
export const podsOf = async (
  cluster: Pick<ControlPlane, 'request'>,
  namespace: string,
): Promise<readonly SeenPod[]> => {
  const { status, body } = await cluster.request<{ items: readonly SeenPod[] }>(
    'GET',
    `/api/v1/namespaces/${namespace}/pods?labelSelector=app`,
  );
  if (status !== 200) throw new Error(`pods of ${namespace}: ${status}`);
  return body.items
    .filter(({ metadata }) => metadata.deletionTimestamp === undefined)
    .toSorted((a, b) =>
      a.metadata.creationTimestamp + a.metadata.name <
      b.metadata.creationTimestamp + b.metadata.name
        ? -1
        : 1,
    );
};

/** Tells whether a pod is Ready. */
export const isReady = ({ status }: SeenPod): boolean =>
  status.conditions?.some((each) => each.type === 'Ready' && each.status === 'True') === true;

interface Condition {
  readonly type: string;
  readonly status: string;
  readonly reason: string;
  readonly message: string;
}

/** An object of ours as these tests look at it. */
export interface SeenObject {
  readonly metadata: { readonly name: string; readonly namespace: string };
  readonly spec: Readonly<Record<string, unknown>>;
  readonly status?: {
    readonly phase?: string;
    readonly state?: string;
    readonly reason?: string;
    readonly message?: string;
    readonly conditions?: readonly Condition[];
    readonly triggers?: readonly { readonly name: string; readonly state: string }[];
  };
}

/** Lists one of our kinds in a namespace. */
export const ourObjects = async (
  cluster: Pick<ControlPlane, 'request'>,
  plural: 'healingactions' | 'incidents' | 'healingpolicies',
  namespace: string,
): Promise<readonly SeenObject[]> => {
  const { body } = await cluster.request<{ items?: readonly SeenObject[] }>(
    'GET',
    `/apis/homeostat.dev/v1alpha1/namespaces/${namespace}/${plural}`,
  );
  return body.items ?? [];
};

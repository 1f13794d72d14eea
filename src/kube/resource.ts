// SPDX-License-Identifier: Apache-2.0
import { HomeostatError } from '../errors.ts';

/** Names one resource of the API: where it is served and what its objects are called. */
export interface ResourceType {
  /** Empty for the core group. */
  readonly group: string;
  readonly version: string;
  /** Plural, lower case, as in the URL. */
  readonly resource: string;
  readonly kind: string;
  readonly namespaced: boolean;
}

/** One entry of `metadata.ownerReferences`. */
export interface OwnerReference {
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
  readonly uid: string;
  readonly controller?: boolean;
  readonly blockOwnerDeletion?: boolean;
}

/** The part of `metadata` that Homeostat reads; unknown fields stay in the object untouched. */
export interface ObjectMeta {
  readonly name: string;
  readonly namespace?: string;
  readonly uid?: string;
  readonly resourceVersion?: string;
  readonly generation?: number;
  /** RFC 3339. */
  readonly creationTimestamp?: string;
  /** RFC 3339; present: the object is being deleted. */
  readonly deletionTimestamp?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly ownerReferences?: readonly OwnerReference[];
  readonly finalizers?: readonly string[];
  readonly managedFields?: readonly unknown[];
}

/** Any object of the API as raw JSON: only `metadata` is typed, the rest is for the caller to check. */
export interface KubeObject {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly metadata: ObjectMeta;
  readonly [field: string]: unknown;
}

/** A page of objects. */
export interface KubeList<T extends KubeObject = KubeObject> {
  readonly metadata: { readonly resourceVersion?: string; readonly continue?: string };
  readonly items: readonly T[];
}

/** Points at one object by name; cluster-scoped objects have no namespace. */
export interface ObjectName {
  readonly namespace?: string | undefined;
  readonly name: string;
}

/** Points at one life of an object in one state: what a guarded write demands to find. */
export interface ObjectState extends ObjectName {
  readonly uid: string;
  readonly resourceVersion: string;
}

const builtIn = (
  group: string,
  resource: string,
  kind: string,
  namespaced = true,
): ResourceType => ({
  group,
  version: 'v1',
  resource,
  kind,
  namespaced,
});

/** Lists the built-in resources that Homeostat reads or writes, all in version v1. */
export const BUILT_IN = {
  configMaps: builtIn('', 'configmaps', 'ConfigMap'),
  crds: builtIn(
    'apiextensions.k8s.io',
    'customresourcedefinitions',
    'CustomResourceDefinition',
    false,
  ),
  deployments: builtIn('apps', 'deployments', 'Deployment'),
  events: builtIn('events.k8s.io', 'events', 'Event'),
  leases: builtIn('coordination.k8s.io', 'leases', 'Lease'),
  namespaces: builtIn('', 'namespaces', 'Namespace', false),
  nodes: builtIn('', 'nodes', 'Node', false),
  podDisruptionBudgets: builtIn('policy', 'poddisruptionbudgets', 'PodDisruptionBudget'),
  pods: builtIn('', 'pods', 'Pod'),
  replicaSets: builtIn('apps', 'replicasets', 'ReplicaSet'),
  statefulSets: builtIn('apps', 'statefulsets', 'StatefulSet'),
} as const;

/** Writes `apiVersion` as objects of this resource carry it. */
export const apiVersionOf = (type: ResourceType): string =>
  type.group === '' ? type.version : `${type.group}/${type.version}`;

/** Writes the base path of an API group and version. */
export const groupPath = (group: string, version: string): string =>
  group === '' ? `/api/${version}` : `/apis/${group}/${version}`;

/**
 * Refuses what the API server refuses as a path segment (apimachinery, IsValidPathSegmentName), so that a
 * name taken from telemetry can never reach another path.
 */
function segment(name: string): string {
  if (name === '' || name === '.' || name === '..' || /[/%]/.test(name) || name.length > 253) {
    throw new HomeostatError('HOMEO_KUBE_BAD_NAME', { details: { name } });
  }
  return encodeURIComponent(name);
}

/**
 * Writes the path of a collection.
 *
 * @param namespace absent or empty: all namespaces
 */
export function collectionPath(type: ResourceType, namespace?: string): string {
  const base = groupPath(type.group, type.version);
  if (!type.namespaced || namespace === undefined || namespace === '') {
    return `${base}/${type.resource}`;
  }
  return `${base}/namespaces/${segment(namespace)}/${type.resource}`;
}

/**
 * Writes the path of one object, or of one of its subresources.
 *
 * @throws HomeostatError when a name is no name, or a namespaced object has no namespace
 */
export function objectPath(type: ResourceType, at: ObjectName, subresource?: string): string {
  if (type.namespaced && (at.namespace === undefined || at.namespace === '')) {
    throw new HomeostatError('HOMEO_KUBE_BAD_NAME', {
      details: { kind: type.kind, name: at.name },
    });
  }
  const path = `${collectionPath(type, at.namespace)}/${segment(at.name)}`;
  return subresource === undefined ? path : `${path}/${subresource}`;
}

/** Names an object in a cache and a work queue: `namespace/name`, or `name` when it has no namespace. */
export const objectKey = (at: ObjectName): string =>
  at.namespace === undefined || at.namespace === '' ? at.name : `${at.namespace}/${at.name}`;

/** Splits what `objectKey` wrote. */
export function nameOfKey(key: string): ObjectName {
  const slash = key.indexOf('/');
  return slash < 0 ? { name: key } : { namespace: key.slice(0, slash), name: key.slice(slash + 1) };
}

// SPDX-License-Identifier: Apache-2.0
//
// Writes, and the reads that go with them. Every write to an object that others may touch carries a
// precondition that the server checks; nothing here is resent after a lost reply.
//
//   await jsonPatch(transport, pods, pod, [{ op: 'replace', path: '/spec/x', value: 1 }], { guard });
//
// An effect (eviction, patch of somebody else's object) is sent once: 429 and 5xx come back to the caller,
// who judges again. `Guard` is where fencing enters: it is asked right before the bytes leave.
import { type ApiError, isNotFound } from './api-error.ts';
import type { Priority } from './rate-limit.ts';
import {
  apiVersionOf,
  BUILT_IN,
  collectionPath,
  type KubeObject,
  type ObjectMeta,
  type ObjectName,
  type ObjectState,
  objectPath,
  type ResourceType,
} from './resource.ts';
import type { ApiRequest, Transport } from './transport.ts';

/** What must hold for a write to leave: the lease gives one. */
export interface Guard {
  /** Throws when no write may leave now. Runs in the turn in which the first byte is written. */
  check(): void;
  /** Milliseconds that one write may take. */
  readonly writeDeadlineMs: number;
  /** Aborts when leadership ends. */
  readonly signal: AbortSignal;
}

/** How to send a write. */
export interface WriteOptions {
  readonly guard?: Guard | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Milliseconds; the guard's deadline holds as well. */
  readonly deadlineMs?: number | undefined;
  readonly priority?: Priority | undefined;
  /** Judged and admitted by the server, never stored. */
  readonly dryRun?: boolean | undefined;
  /** For example `status`. */
  readonly subresource?: string | undefined;
  /** Default `homeostat`; at most 128 printable characters. */
  readonly fieldManager?: string | undefined;
  /** `Strict` refuses unknown fields; for our own kinds. */
  readonly fieldValidation?: 'Strict' | 'Warn' | 'Ignore' | undefined;
}

/** One operation of RFC 6902. */
export type PatchOperation =
  | { readonly op: 'add' | 'replace' | 'test'; readonly path: string; readonly value: unknown }
  | { readonly op: 'remove'; readonly path: string };

const DEFAULT_MANAGER = 'homeostat';

function anySignal(...signals: readonly (AbortSignal | undefined)[]): AbortSignal | undefined {
  const given = signals.filter((signal) => signal !== undefined);
  return given.length > 1 ? AbortSignal.any(given) : given[0];
}

function shortest(...deadlines: readonly (number | undefined)[]): number | undefined {
  const given = deadlines.filter((ms) => ms !== undefined);
  return given.length === 0 ? undefined : Math.min(...given);
}

function sendOptions(
  options: WriteOptions,
): Pick<ApiRequest, 'beforeSend' | 'deadlineMs' | 'priority' | 'signal'> {
  const { guard } = options;
  return {
    beforeSend: guard === undefined ? undefined : () => guard.check(),
    deadlineMs: shortest(options.deadlineMs, guard?.writeDeadlineMs),
    priority: options.priority,
    signal: anySignal(options.signal, guard?.signal),
  };
}

const queryOf = (options: WriteOptions): Record<string, string | undefined> => ({
  dryRun: options.dryRun === true ? 'All' : undefined,
  fieldManager: options.fieldManager ?? DEFAULT_MANAGER,
  fieldValidation: options.fieldValidation,
});

/** Escapes one key for a JSON pointer (RFC 6901). */
export const pointerSegment = (key: string): string =>
  key.replaceAll('~', '~0').replaceAll('/', '~1');

/** Gives the body of an answer as an object of the API; the server is trusted to send one. */
export const asObject = <T extends KubeObject = KubeObject>(body: unknown): T => body as T;

/** Reads one object from the store behind the API server, never from a cache. @throws ApiError */
export async function getObject<T extends KubeObject = KubeObject>(
  transport: Transport,
  type: ResourceType,
  at: ObjectName,
  options: Pick<ApiRequest, 'deadlineMs' | 'priority' | 'signal'> = {},
): Promise<T> {
  const answer = await transport.request({ ...options, method: 'GET', path: objectPath(type, at) });
  return asObject<T>(answer.body);
}

/** Creates an object; the name in it decides whether it exists already (409 AlreadyExists). @throws ApiError */
export async function createObject<T extends KubeObject = KubeObject>(
  transport: Transport,
  type: ResourceType,
  object: KubeObject,
  options: WriteOptions = {},
): Promise<T> {
  const answer = await transport.request({
    ...sendOptions(options),
    method: 'POST',
    path: collectionPath(type, object.metadata.namespace),
    query: queryOf(options),
    body: { apiVersion: apiVersionOf(type), kind: type.kind, ...object },
  });
  return asObject<T>(answer.body);
}

/**
 * Applies an object of our own by server-side apply. The object states the full intent: a field left out is
 * given up. It is an upsert: with `metadata.uid` in it a deleted object is not made again (409).
 *
 * @param options.force take over fields of other managers; default true, for our own objects only
 * @throws ApiError 409 with a cause per contested field when not forced
 */
export async function applyObject<T extends KubeObject = KubeObject>(
  transport: Transport,
  type: ResourceType,
  object: {
    readonly metadata: Partial<ObjectMeta> & ObjectName;
    readonly [field: string]: unknown;
  },
  options: WriteOptions & { readonly force?: boolean } = {},
): Promise<T> {
  const answer = await transport.request({
    ...sendOptions(options),
    method: 'PATCH',
    path: objectPath(type, object.metadata, options.subresource),
    query: { ...queryOf(options), force: options.force === false ? undefined : 'true' },
    contentType: 'application/apply-patch+yaml',
    body: { apiVersion: apiVersionOf(type), kind: type.kind, ...object },
  });
  return asObject<T>(answer.body);
}

/**
 * Changes an object of somebody else by JSON patch, guarded by `test` operations on its uid and
 * resourceVersion. A failed test is a 422; `explainRefusal` tells it from an invalid value.
 *
 * @param options.testVersion false leaves out the resourceVersion, for objects whose status never rests; the
 *   operations must then test every field that the decision used
 * @throws ApiError
 */
export async function jsonPatch<T extends KubeObject = KubeObject>(
  transport: Transport,
  target: { readonly type: ResourceType; readonly state: ObjectState },
  operations: readonly PatchOperation[],
  options: WriteOptions & { readonly testVersion?: boolean } = {},
): Promise<T> {
  const { type, state } = target;
  const tests: PatchOperation[] = [{ op: 'test', path: '/metadata/uid', value: state.uid }];
  if (options.testVersion !== false) {
    tests.push({ op: 'test', path: '/metadata/resourceVersion', value: state.resourceVersion });
  }
  const answer = await transport.request({
    ...sendOptions(options),
    method: 'PATCH',
    path: objectPath(type, state, options.subresource),
    query: queryOf(options),
    contentType: 'application/json-patch+json',
    body: [...tests, ...operations],
    retries: 0,
  });
  return asObject<T>(answer.body);
}

/**
 * Changes the status of an object by merge patch; `null` removes a field. The resourceVersion in `state`
 * makes the server refuse (409) when anybody wrote since.
 *
 * @throws ApiError
 */
export async function mergePatchStatus<T extends KubeObject = KubeObject>(
  transport: Transport,
  target: { readonly type: ResourceType; readonly state: ObjectState },
  status: Readonly<Record<string, unknown>>,
  options: WriteOptions = {},
): Promise<T> {
  return mergePatch<T>(transport, target, { status }, { ...options, subresource: 'status' });
}

/** Changes an object by merge patch, guarded by uid and resourceVersion (409). @throws ApiError */
export async function mergePatch<T extends KubeObject = KubeObject>(
  transport: Transport,
  target: { readonly type: ResourceType; readonly state: ObjectState },
  change: {
    readonly metadata?: Readonly<Record<string, unknown>>;
    readonly [field: string]: unknown;
  },
  options: WriteOptions = {},
): Promise<T> {
  const { type, state } = target;
  const { uid, resourceVersion } = state;
  const answer = await transport.request({
    ...sendOptions(options),
    method: 'PATCH',
    path: objectPath(type, state, options.subresource),
    query: queryOf(options),
    contentType: 'application/merge-patch+json',
    body: { ...change, metadata: { ...change.metadata, uid, resourceVersion } },
  });
  return asObject<T>(answer.body);
}

/** Deletes one life of an object: 409 when uid or resourceVersion differ, 404 when it is gone. @throws ApiError */
export async function deleteObject(
  transport: Transport,
  type: ResourceType,
  state: ObjectState,
  options: WriteOptions & { readonly gracePeriodSeconds?: number } = {},
): Promise<void> {
  const { uid, resourceVersion } = state;
  await transport.request({
    ...sendOptions(options),
    method: 'DELETE',
    path: objectPath(type, state),
    body: {
      apiVersion: 'v1',
      kind: 'DeleteOptions',
      preconditions: { uid, resourceVersion },
      ...(options.gracePeriodSeconds === undefined
        ? {}
        : { gracePeriodSeconds: options.gracePeriodSeconds }),
      ...(options.dryRun === true ? { dryRun: ['All'] } : {}),
    },
    retries: 0,
  });
}

/**
 * Evicts a pod by the eviction API, so that disruption budgets are kept: 429 when one forbids it, 409 when
 * uid or resourceVersion differ.
 *
 * @throws ApiError
 */
export async function evictPod(
  transport: Transport,
  pod: ObjectState,
  options: WriteOptions = {},
): Promise<void> {
  const { uid, resourceVersion } = pod;
  await transport.request({
    ...sendOptions(options),
    method: 'POST',
    path: objectPath(BUILT_IN.pods, pod, 'eviction'),
    query: { dryRun: options.dryRun === true ? 'All' : undefined },
    body: {
      apiVersion: 'policy/v1',
      kind: 'Eviction',
      metadata: { name: pod.name, namespace: pod.namespace },
      deleteOptions: {
        apiVersion: 'v1',
        kind: 'DeleteOptions',
        preconditions: { uid, resourceVersion },
        ...(options.dryRun === true ? { dryRun: ['All'] } : {}),
      },
    },
    retries: 0,
  });
}

/** Why a guarded write was refused, by what the object is now. */
export type Refusal =
  | { readonly kind: 'gone' }
  /** Another life of the same name. */
  | { readonly kind: 'replaced'; readonly object: KubeObject }
  /** The same life, written since. */
  | { readonly kind: 'changed'; readonly object: KubeObject }
  /** Nothing moved: the request itself is wrong. */
  | { readonly kind: 'invalid'; readonly object: KubeObject };

/**
 * Tells why the server refused a guarded write with 422 or 409, by reading the object again and comparing,
 * never by reading the message. What it reads may be newer than what the server judged; `invalid` is
 * therefore sure, `changed` is likely.
 *
 * @throws the given error when it is no 404, 409 or 422; ApiError when the re-read fails
 */
export async function explainRefusal(
  transport: Transport,
  target: { readonly type: ResourceType; readonly state: ObjectState },
  error: ApiError,
  options: Pick<ApiRequest, 'deadlineMs' | 'signal'> = {},
): Promise<Refusal> {
  if (error.code === 404) return { kind: 'gone' };
  if (error.code !== 409 && error.code !== 422) throw error;
  const { type, state } = target;
  let object: KubeObject;
  try {
    object = await getObject(transport, type, state, options);
  } catch (again) {
    if (isNotFound(again)) return { kind: 'gone' };
    throw again;
  }
  if (object.metadata.uid !== state.uid) return { kind: 'replaced', object };
  if (object.metadata.resourceVersion !== state.resourceVersion) return { kind: 'changed', object };
  return { kind: 'invalid', object };
}

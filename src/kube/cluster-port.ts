// SPDX-License-Identifier: Apache-2.0
import type { ApiReply, ClusterPort, ApiRequest as PortRequest } from '../domain/cluster.ts';
import { ApiError, apiErrorFromStatus } from './api-error.ts';
import type { Guard } from './apply.ts';
import { collectionPath, objectPath, type ResourceType } from './resource.ts';
import type { ApiRequest, Method, Transport } from './transport.ts';

const METHODS: Readonly<Record<PortRequest['verb'], Method>> = {
  get: 'GET',
  list: 'GET',
  create: 'POST',
  patch: 'PATCH',
  delete: 'DELETE',
};

const PATCH_TYPES = {
  merge: 'application/merge-patch+json',
  json: 'application/json-patch+json',
  apply: 'application/apply-patch+yaml',
} as const;

/** Reads need no fence: they change nothing. */
const isRead = (request: PortRequest): boolean => request.verb === 'get' || request.verb === 'list';

function pathOf(request: PortRequest): string {
  const type: ResourceType = {
    group: request.group,
    version: request.version,
    resource: request.resource,
    kind: '',
    namespaced: request.namespace !== undefined,
  };
  if (request.name === undefined) return collectionPath(type, request.namespace);
  return objectPath(
    type,
    { namespace: request.namespace, name: request.name },
    request.subresource,
  );
}

function bodyOf(request: PortRequest): unknown {
  if (request.verb !== 'delete' || request.dryRun !== true) return request.body;
  return { apiVersion: 'v1', kind: 'DeleteOptions', ...(request.body ?? {}), dryRun: ['All'] };
}

function callOf(request: PortRequest, guard: Guard): ApiRequest {
  const read = isRead(request);
  return {
    method: METHODS[request.verb],
    path: pathOf(request),
    query: {
      dryRun: request.dryRun === true && request.verb !== 'delete' ? 'All' : undefined,
      fieldManager: request.verb === 'create' || request.verb === 'patch' ? 'homeostat' : undefined,
      force: request.patchType === 'apply' ? 'true' : undefined,
      labelSelector: request.labelSelector,
    },
    contentType: request.patchType === undefined ? undefined : PATCH_TYPES[request.patchType],
    body: bodyOf(request),
    // An effect is judged again before it is sent again.
    retries: read ? undefined : 0,
    deadlineMs: read ? undefined : guard.writeDeadlineMs,
    beforeSend: read ? undefined : () => guard.check(),
    priority: read ? 'normal' : 'critical',
  };
}

function replyOf(error: ApiError, read: boolean): ApiReply {
  const { message, code, reason, retryAfterMs } = error;
  if (error.sent === 'no') return { kind: 'notSent', message: `${reason}: ${message}` };
  if (code === 0 || (!read && error.outcome === 'unknown')) {
    return { kind: 'unknown', message: `${reason}: ${message}` };
  }
  return { kind: 'refused', status: code, reason, message, retryAfterMs };
}

/** Older servers answer an eviction with 201 and a `Status` that says Failure. */
function isFailure(body: unknown): boolean {
  if (typeof body !== 'object' || body === null) return false;
  const { kind, status } = body as Readonly<Record<string, unknown>>;
  return kind === 'Status' && status === 'Failure';
}

/**
 * Sends the requests of decisions and effects over a transport. Every write is fenced by `guard` right
 * before its bytes leave, has the guard's deadline, and is sent once.
 */
export function createClusterPort(transport: Transport, guard: Guard): ClusterPort {
  return {
    send: async (request, signal) => {
      const read = isRead(request);
      const signals = [signal, read ? undefined : guard.signal].filter(
        (each) => each !== undefined,
      );
      try {
        const call = callOf(request, guard);
        const answer = await transport.request({ ...call, signal: AbortSignal.any(signals) });
        // Without a code in it the outcome is unknown, as after a 500.
        if (isFailure(answer.body)) return replyOf(apiErrorFromStatus(answer.body, 500), read);
        return { kind: 'ok', status: answer.status, body: answer.body };
      } catch (error) {
        if (error instanceof ApiError) return replyOf(error, read);
        return { kind: 'notSent', message: error instanceof Error ? error.message : String(error) };
      }
    },
  };
}

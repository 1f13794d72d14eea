// SPDX-License-Identifier: Apache-2.0
// What a write is: verb, resource and phase. The same for a request at the proxy and for a line of the
// audit log, so that what was enumerated from the one can be struck at the other.
import type { AuditEvent } from '../../rig/control-plane/audit.ts';
import type { RequestInfo } from '../../rig/fault-proxy/request-info.ts';

interface Status {
  readonly phase?: string;
  readonly state?: string;
  readonly triggers?: readonly { readonly state: string }[];
  readonly lastAction?: { readonly phase: string };
}

const OPEN: ReadonlySet<string> = new Set([
  'Planned',
  'Admitted',
  'Executing',
  'Settling',
  'Verifying',
]);

/** Finds the status that a merge patch or a JSON patch writes. */
const statusOf = (body: unknown): Status => {
  if (Array.isArray(body)) {
    const row = body.find((each: { path?: string }) => each.path === '/status');
    return (row as { value?: Status } | undefined)?.value ?? {};
  }
  return (body as { status?: Status } | null)?.status ?? {};
};

/**
 * The phase of a write. Views are told by what they are about, not by each phase on the way: a round
 * may see two phases at once, and then writes but the second.
 */
const phaseOf = (resource: string, query: string, body: unknown): string => {
  const { phase = '', state = '', triggers = [], lastAction } = statusOf(body);
  switch (resource) {
    case 'pods/eviction':
      return query.includes('dryRun=All') ? 'rehearsal' : 'live';
    case 'healingactions/status':
      return phase;
    case 'incidents/status':
      return state;
    case 'healingpolicies/status': {
      const last =
        lastAction === undefined ? 'none' : OPEN.has(lastAction.phase) ? 'open' : 'ended';
      return `trigger ${triggers[0]?.state ?? 'none'}, action ${last}`;
    }
    default:
      return '';
  }
};

const EXCEPTED: ReadonlySet<string> = new Set(['leases', 'events']);

const keyOf = (write: { verb: string; resource: string; query: string }, body: unknown): string =>
  `${write.verb} ${write.resource} ${phaseOf(write.resource, write.query, body)}`.trim();

/** Names the write that a request at the proxy is. */
export const keyOfRequest = (info: RequestInfo, body: string): string => {
  try {
    return keyOf(info, JSON.parse(body));
  } catch {
    return keyOf(info, null);
  }
};

/** Tells whether an answered write took effect. */
export const isAccepted = ({ responseStatus }: AuditEvent): boolean => {
  const code = responseStatus?.code ?? 0;
  return code >= 200 && code < 300;
};

/** Returns the plural with its subresource. */
export const resourceOf = ({ objectRef }: AuditEvent): string =>
  objectRef?.subresource === undefined
    ? (objectRef?.resource ?? '')
    : `${objectRef.resource}/${objectRef.subresource}`;

/** Lists the different accepted writes of operators in a namespace, in the order of their first time. */
export const enumerateWrites = (
  audit: readonly AuditEvent[],
  namespace: string,
): readonly string[] => {
  const writes = audit.filter(
    (event) =>
      event.userAgent?.startsWith('homeostat/') === true &&
      event.objectRef?.namespace === namespace &&
      !EXCEPTED.has(event.objectRef.resource) &&
      isAccepted(event),
  );
  const keys = writes.map((event) => {
    const query = new URL(event.requestURI, 'http://server').search;
    return keyOf({ verb: event.verb, resource: resourceOf(event), query }, event.requestObject);
  });
  return [...new Set(keys)];
};

/** Counts accepted live evictions by the uid that they were bound to. */
export const evictionsByUid = (audit: readonly AuditEvent[]): ReadonlyMap<string, number> => {
  const counts = new Map<string, number>();
  for (const event of audit) {
    const isLive =
      event.verb === 'create' &&
      resourceOf(event) === 'pods/eviction' &&
      !event.requestURI.includes('dryRun=All') &&
      isAccepted(event);
    if (!isLive) continue;
    const body = event.requestObject as {
      deleteOptions?: { preconditions?: { uid?: string } };
    } | null;
    const uid = body?.deleteOptions?.preconditions?.uid ?? 'without a uid';
    counts.set(uid, (counts.get(uid) ?? 0) + 1);
  }
  return counts;
};

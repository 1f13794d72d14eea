// SPDX-License-Identifier: Apache-2.0
/**
 * What must hold of every history of the protocol, whatever went wrong in it. All of it is read from
 * the audit log and the objects, nothing from the operator.
 */
import type { AuditEntry, ModelObject } from './api-server.ts';
import { PODS } from './api-server.ts';
import { ACTIONS, type Shop } from './shop.ts';

const TERMINAL = new Set(['Succeeded', 'Failed', 'Inconclusive', 'Blocked', 'Simulated']);

/** Where a record may go from a phase; staying is always allowed. */
const NEXT: Readonly<Record<string, readonly string[]>> = {
  Planned: ['Admitted', 'Blocked', 'Simulated'],
  Admitted: ['Executing', 'Settling', 'Blocked', 'Failed'],
  Executing: ['Admitted', 'Settling', 'Blocked', 'Failed'],
  Settling: ['Verifying', 'Failed'],
  Verifying: ['Succeeded', 'Failed', 'Inconclusive'],
};

const isLiveEviction = ({ request }: AuditEntry): boolean =>
  request.subresource === 'eviction' && request.dryRun !== true;

const isStatusWrite = ({ request }: AuditEntry): boolean =>
  request.resource === ACTIONS.resource && request.subresource === 'status';

const isAccepted = ({ status }: AuditEntry): boolean => status < 300;

interface StatusBody {
  readonly metadata?: { readonly resourceVersion?: string };
  readonly status?: {
    readonly phase?: string;
    readonly fence?: { readonly epoch: number };
    readonly steps?: readonly { readonly sentAt: string; readonly observedAt?: string }[];
  };
}

const statusOf = ({ request }: AuditEntry) => (request.body as StatusBody).status ?? {};

const repeatedEvictions = (shop: Shop): string[] => {
  const uids = shop.evictions();
  return uids
    .filter((uid, index) => uids.indexOf(uid) !== index)
    .map((uid) => `evicted twice: ${uid}`);
};

/** One plan may end one pod, whatever the requests said. */
const wronglyDisrupted = (shop: Shop): string[] =>
  [...shop.disrupted]
    .filter((uid) => uid !== shop.target.metadata.uid)
    .map((uid) => `disrupted a pod that nobody planned to: ${uid}`);

const unguardedWrites = (shop: Shop): string[] =>
  shop.server.audit.flatMap((entry) => {
    const body = entry.request.body as
      | (StatusBody & {
          deleteOptions?: { preconditions?: { uid?: string; resourceVersion?: string } };
        })
      | undefined;
    if (isStatusWrite(entry) && body?.metadata?.resourceVersion === undefined) {
      return [`#${entry.index}: status write without resourceVersion`];
    }
    const { uid, resourceVersion } = body?.deleteOptions?.preconditions ?? {};
    return entry.request.subresource === 'eviction' && !(uid && resourceVersion)
      ? [`#${entry.index}: eviction without preconditions`]
      : [];
  });

/** Each live sending stands behind an announcement of the same process that nobody has answered yet. */
const unannouncedEvictions = (shop: Shop): string[] =>
  shop.server.audit.filter(isLiveEviction).flatMap((entry) => {
    const before = shop.server.audit
      .slice(0, entry.index)
      .filter((each) => isStatusWrite(each) && isAccepted(each) && each.user === entry.user)
      .at(-1);
    const status = before === undefined ? {} : statusOf(before);
    const isAnnounced =
      status.phase === 'Executing' && status.steps?.at(-1)?.observedAt === undefined;
    return isAnnounced ? [] : [`#${entry.index}: eviction without an announcement`];
  });

/** One announcement may be followed by one sending of its process only. */
const repeatedSendings = (shop: Shop): string[] =>
  shop.server.audit.filter(isLiveEviction).flatMap((entry) => {
    const earlier = shop.server.audit
      .slice(0, entry.index)
      .filter((each) => each.user === entry.user && (isLiveEviction(each) || isStatusWrite(each)));
    const last = earlier.at(-1);
    return last !== undefined && isLiveEviction(last)
      ? [`#${entry.index}: sent again without a new announcement`]
      : [];
  });

const byRecord = (shop: Shop): ReadonlyMap<string, readonly AuditEntry[]> =>
  Map.groupBy(
    shop.server.audit.filter((entry) => isStatusWrite(entry) && isAccepted(entry)),
    ({ request }) => request.name ?? '',
  );

const epochsGoingBack = (shop: Shop): string[] =>
  [...byRecord(shop)].flatMap(([name, entries]) => {
    let highest = 0;
    return entries.flatMap((entry) => {
      const epoch = statusOf(entry).fence?.epoch ?? 0;
      const isOld = epoch < highest;
      highest = Math.max(highest, epoch);
      return isOld ? [`#${entry.index}: epoch ${epoch} wrote ${name} after ${highest}`] : [];
    });
  });

const impossibleTransitions = (shop: Shop): string[] =>
  [...byRecord(shop)].flatMap(([name, entries]) => {
    let phase = 'Planned';
    return entries.flatMap((entry) => {
      const from = phase;
      phase = statusOf(entry).phase ?? '';
      return phase === from || NEXT[from]?.includes(phase) === true
        ? []
        : [`#${entry.index}: ${name} went from ${from} to ${phase}`];
    });
  });

/** Everything about a history that must never be, whether it is over or not. */
export const safetyViolations = (shop: Shop): string[] => [
  ...repeatedEvictions(shop),
  ...wronglyDisrupted(shop),
  ...unguardedWrites(shop),
  ...unannouncedEvictions(shop),
  ...repeatedSendings(shop),
  ...epochsGoingBack(shop),
  ...impossibleTransitions(shop),
];

/** What is still open when everything should be over. */
export const livenessViolations = (shop: Shop): string[] => {
  const records = shop.records();
  const open = records.filter(({ status }) => !TERMINAL.has(status?.phase ?? 'Planned'));
  return [
    ...(records.length === 1 ? [] : [`${records.length} records instead of one`]),
    ...open.map(
      ({ metadata, status }) => `${metadata.name} is still ${status?.phase ?? 'Planned'}`,
    ),
  ];
};

const MASKED = new Set([
  'uid',
  'resourceVersion',
  'epoch',
  'holder',
  'steps',
  'samples',
  'name',
  'pod-template-hash',
]);
const isTime = (value: unknown): boolean =>
  typeof value === 'string' && /^\d{4}-\d\d-\d\dT/.test(value);

const masked = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(masked);
  if (isTime(value)) return '<time>';
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, each]) => [key, MASKED.has(key) ? `<${key}>` : masked(each)]),
  );
};

/** The end of a history with times, uids, versions, epochs and generated names masked. */
export const endState = (shop: Shop): unknown => {
  const kinds = [
    ACTIONS,
    PODS,
    { group: 'apps', resource: 'deployments' },
    { group: 'apps', resource: 'statefulsets' },
  ];
  const objects: ModelObject[] = kinds.flatMap((kind) => shop.server.all(kind));
  return objects.map(masked);
};

// SPDX-License-Identifier: Apache-2.0
/** The proof: what the API server's own audit log and the records say, row by row. */
import type { AuditEvent } from '../test/rig/control-plane/audit.ts';
import type { Narrator } from './narrator.ts';
import { look, type ObservedAction, type ObservedPolicy } from './observed.ts';
import type { Story } from './play.ts';
import type { Stage } from './stage.ts';

/** One thing that must have happened. */
export interface ProofRow {
  readonly claim: string;
  readonly holds: boolean;
  readonly figure: string;
}

const isEvictionOf = (event: AuditEvent, podName: string): boolean =>
  event.verb === 'create' &&
  event.objectRef?.resource === 'pods' &&
  event.objectRef.subresource === 'eviction' &&
  event.objectRef.name === podName;

const isDryRun = ({ requestURI }: AuditEvent): boolean => requestURI.includes('dryRun=All');

const isSuccess = ({ responseStatus }: AuditEvent): boolean =>
  (responseStatus?.code ?? 0) >= 200 && (responseStatus?.code ?? 0) < 300;

const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`;

const healRows = (action: ObservedAction, audit: readonly AuditEvent[]): readonly ProofRow[] => {
  const { target, cause, lineageGeneration } = action.spec;
  const evictions = audit.filter(
    (event) => isEvictionOf(event, target.name) && isSuccess(event) && !isDryRun(event),
  );
  const sentAt = action.status?.steps?.[0]?.sentAt;
  const { verification, replacement } = action.status ?? {};
  const after = verification?.afterTimeToOom ?? 'unknown';
  const name = `restart ${lineageGeneration}`;
  return [
    {
      claim: `${name}: exactly one eviction of ${target.name} in the audit log`,
      holds: evictions.length === 1,
      figure: String(evictions.length),
    },
    {
      claim: `${name}: the replacement became Ready`,
      holds: replacement?.readyAt !== undefined,
      figure: replacement?.name ?? 'none',
    },
    {
      claim: `${name}: effective, time to OOM beyond the horizon`,
      holds: action.status?.phase === 'Succeeded' && verification?.verdict === 'Effective',
      figure: `${verification?.beforeTimeToOom ?? '?'} before, ${after} after, ${verification?.samples ?? 0} samples`,
    },
    {
      claim: `${name}: time from evidence to API call`,
      holds: sentAt !== undefined,
      figure:
        sentAt === undefined ? 'none' : seconds(Date.parse(sentAt) - Date.parse(cause.observedAt)),
    },
  ];
};

/**
 * Counts evictions from before the user set `mode: Auto`; `null` when nobody did. Both times are the
 * API server's, in microseconds: the creation time of a record has whole seconds only.
 */
export const evictionsBeforeAuto = (audit: readonly AuditEvent[]): number | null => {
  const goLive = audit.find(
    ({ verb, objectRef, requestObject }) =>
      verb === 'patch' &&
      objectRef?.resource === 'healingpolicies' &&
      objectRef.subresource === undefined &&
      JSON.stringify(requestObject).includes('"mode":"Auto"'),
  );
  if (goLive === undefined) return null;
  return audit.filter(
    (event) =>
      event.objectRef?.subresource === 'eviction' &&
      !isDryRun(event) &&
      event.requestReceivedTimestamp < goLive.requestReceivedTimestamp,
  ).length;
};

/** The operator reports each call that the API server forbids in the policy's own conditions. */
const rightsRow = ({ status }: ObservedPolicy): ProofRow => {
  const found = status?.conditions?.find(({ type }) => type === 'RBACSatisfied');
  return {
    claim: 'the rights of its ServiceAccount sufficed: no call was forbidden',
    holds: found?.status === 'True',
    figure: found?.message || (found?.status ?? 'not reported'),
  };
};

/** Checks every claim of the story against the cluster. */
export const prove = async (
  stage: Stage,
  story: Story,
  restarts: number,
): Promise<readonly ProofRow[]> => {
  const audit = await stage.cluster.audit.read();
  const seen = await look(stage.cluster);
  const rehearsed = story.simulated[0];
  const liveBefore = evictionsBeforeAuto(audit);
  const allLive = audit.filter(
    (event) => event.objectRef?.subresource === 'eviction' && isSuccess(event) && !isDryRun(event),
  );
  return [
    {
      claim: 'DryRun: the plan was rehearsed and nothing was evicted',
      holds: rehearsed !== undefined && liveBefore === 0,
      figure: rehearsed?.metadata.name ?? 'no plan',
    },
    ...story.healed.flatMap((action) => healRows(action, audit)),
    {
      claim: `evictions in all: one for each of ${restarts} restarts`,
      holds: allLive.length === restarts,
      figure: String(allLive.length),
    },
    {
      claim: 'no container was OOMKilled or restarted in place',
      holds: seen.pods.every(({ restartCount }) => restartCount === 0),
      figure: `${seen.pods.length} pods`,
    },
    rightsRow(seen.policy),
    ...(restarts < 3
      ? []
      : [
          {
            claim: 'the fourth restart was refused and the incident escalated',
            holds: story.escalated?.status?.reason === 'Recurrence',
            figure: story.escalated?.status?.message ?? 'not escalated',
          },
        ]),
  ];
};

/** Shows the rows. */
export const show = (narrator: Narrator, rows: readonly ProofRow[]): void => {
  for (const { claim, holds, figure } of rows) {
    narrator.list([`${holds ? '✓' : '✗'} ${claim.padEnd(66)} ${figure}`]);
  }
};

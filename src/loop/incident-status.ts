// SPDX-License-Identifier: Apache-2.0
/**
 * What the status of an incident says, as one pure function of what is known: the objects, the
 * newest evidence, the last decision. Level-triggered: run again it gives the same answer.
 *
 * ```
 *   Open --record exists--> Mitigating --Succeeded--> Resolved
 *    |  \                       |
 *    |   \--subject gone------> Resolved
 *    |    \-signal gone-------> Resolved --signal is back--> Flapping (open again)
 *    |                          +--failed, subject gone--> Escalated
 *    +--recurrence refused--> Escalated
 * ```
 */
import type { HealingAction } from '../api/healing-action.ts';
import type { Incident, IncidentState, IncidentStatus } from '../api/incident.ts';
import type { UnixMs } from '../domain/clock.ts';
import type { Evidence } from '../domain/evidence.ts';

/** Reason of an incident whose evidence is known and says that there is nothing any more. */
const SIGNAL_CLEARED = 'SignalCleared';

/** Everything that an incident's status is computed from. */
export interface IncidentInput {
  readonly incident: Pick<Incident, 'metadata' | 'spec'> & {
    readonly status?: IncidentStatus | undefined;
  };
  /** Newest evidence about the subject, whatever its class; `null`: none is known. */
  readonly evidence: Evidence | null;
  /** Records of this incident, oldest first. */
  readonly actions: readonly HealingAction[];
  /** The last decision that led to no record; `null`: none. */
  readonly refusal: { readonly reason: string; readonly message: string } | null;
  /** The API server no longer has the subject's pod. */
  readonly subjectGone: boolean;
  readonly nowMs: UnixMs;
}

/** Tells whether an incident never changes again; one whose signal merely went away may come back. */
export const isFinal = (status: Pick<IncidentStatus, 'state' | 'reason'> | undefined): boolean =>
  status?.state === 'Escalated' ||
  (status?.state === 'Resolved' && status.reason !== SIGNAL_CLEARED);

/** Writes a moment as Kubernetes does. */
export const timeText = (ms: UnixMs): string => new Date(ms).toISOString();

interface Finding {
  readonly state: IncidentState;
  readonly reason: string;
  readonly message: string;
}

const OPEN_PHASES: ReadonlySet<string> = new Set([
  'Planned',
  'Admitted',
  'Executing',
  'Settling',
  'Verifying',
]);

const fromAction = (action: HealingAction, subjectGone: boolean): Finding | null => {
  const { phase = 'Planned', reason = '', message = '' } = action.status ?? {};
  if (action.spec.mode === 'DryRun') {
    return phase === 'Simulated'
      ? {
          state: 'Open',
          reason: 'DryRunPassed',
          message: message || `would restart ${action.spec.target.name}`,
        }
      : null;
  }
  if (OPEN_PHASES.has(phase)) {
    return { state: 'Mitigating', reason: phase, message: `${action.metadata.name} is ${phase}` };
  }
  if (phase === 'Succeeded') return { state: 'Resolved', reason: 'Effective', message };
  // A failed action whose target is gone cannot be tried again under this incident: a person must look.
  const state = subjectGone && phase !== 'Blocked' ? 'Escalated' : 'Open';
  return { state, reason: reason === '' ? phase : reason, message };
};

/** No confirmation is left: one round without a finding is no all-clear. */
const hasCleared = ({ firing, classification, measures }: Evidence): boolean =>
  !firing && classification !== 'unknown' && (measures['confirmations'] ?? 0) === 0;

/** What is open after its signal went away once is flapping. */
const openState = (before: IncidentStatus | undefined, { state }: Finding): IncidentState =>
  state === 'Open' && (before?.state === 'Resolved' || before?.state === 'Flapping')
    ? 'Flapping'
    : state;

const findingOf = (input: IncidentInput): Finding => {
  const last = input.actions.at(-1);
  const acted = last === undefined ? null : fromAction(last, input.subjectGone);
  if (acted !== null && acted.state !== 'Open') return acted;
  if (input.refusal?.reason === 'Recurrence') return { state: 'Escalated', ...input.refusal };
  if (input.subjectGone) {
    return { state: 'Resolved', reason: 'SubjectGone', message: 'the pod was replaced without us' };
  }
  const { evidence, incident } = input;
  const summary = evidence?.summary ?? '';
  const staysResolved = incident.status?.state === 'Resolved' && evidence?.firing !== true;
  if (staysResolved || (evidence !== null && hasCleared(evidence))) {
    return { state: 'Resolved', reason: SIGNAL_CLEARED, message: summary };
  }
  // After a rehearsal the cooldown refuses the next one: what was rehearsed is still the news.
  const isRehearsed = acted?.reason === 'DryRunPassed' && input.refusal?.reason === 'Cooldown';
  if (input.refusal !== null && !isRehearsed) return { state: 'Open', ...input.refusal };
  return acted ?? { state: 'Open', reason: 'Detected', message: summary };
};

/** Writes figures as decimal text: a CRD has no floats. */
export const measuresText = (measures: Readonly<Record<string, number>>): Record<string, string> =>
  Object.fromEntries(
    Object.entries(measures)
      .slice(0, 48)
      .map(([name, value]) => [name, String(value)]),
  );

const evidenceRow = (evidence: Evidence) => ({
  quantity: evidence.quantity,
  classification: evidence.classification,
  observedAt: timeText(evidence.newestSampleMs),
  summary: evidence.summary.slice(0, 1024),
  measures: measuresText(evidence.measures),
});

const actionNames = (actions: readonly HealingAction[]) =>
  actions.length === 0 ? {} : { actions: actions.slice(-16).map(({ metadata }) => metadata.name) };

const withoutEnd = (status: IncidentStatus | undefined): Partial<IncidentStatus> => {
  const { closedAt: _, ...rest } = status ?? {};
  return rest;
};

/** The parts that change only together with state or reason. */
const account = (evidence: Evidence | null, message: string) => ({
  message: message.slice(0, 2048),
  ...(evidence === null
    ? {}
    : {
        cause: { type: evidence.detector, summary: evidence.summary.slice(0, 1024) },
        evidence: [evidenceRow(evidence)],
      }),
});

/**
 * Computes the status. A final state is kept as it is. Message, cause and evidence are renewed only
 * together with a change of state or reason, so that a long-lived incident does not write once a
 * round.
 */
export const incidentStatus = (input: IncidentInput): IncidentStatus => {
  const { incident, evidence, actions, nowMs } = input;
  const before = incident.status;
  if (before !== undefined && isFinal(before)) return before;
  const finding = findingOf(input);
  const { reason, message } = finding;
  const state = openState(before, finding);
  const isSame = before?.state === state && before.reason === reason;
  return {
    ...withoutEnd(before),
    state,
    reason,
    openedAt: before?.openedAt ?? timeText(nowMs),
    ...(isSame ? {} : account(evidence, message)),
    ...(state === 'Resolved' || state === 'Escalated'
      ? { closedAt: isSame ? (before.closedAt ?? timeText(nowMs)) : timeText(nowMs) }
      : {}),
    ...actionNames(actions),
    observedGeneration: incident.metadata.generation,
  };
};

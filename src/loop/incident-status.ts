// SPDX-License-Identifier: Apache-2.0
/**
 * What the status of an incident says, as one pure function of what is known: the objects, the
 * newest evidence, the last decision. Level-triggered: run again it gives the same answer.
 *
 * ```
 *   Open --record exists--> Mitigating --Succeeded--> Resolved
 *    |  \                       |
 *    |   \--signal or subject gone--> Resolved
 *    |                          +--failed, subject gone--> Escalated
 *    +--recurrence refused--> Escalated
 * ```
 */
import type { HealingAction } from '../api/healing-action.ts';
import type { Incident, IncidentState, IncidentStatus } from '../api/incident.ts';
import type { UnixMs } from '../domain/clock.ts';
import type { Evidence } from '../domain/evidence.ts';

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

/** States that never change again. */
export const isFinal = (state: IncidentState | undefined): boolean =>
  state === 'Resolved' || state === 'Escalated';

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

const findingOf = (input: IncidentInput): Finding => {
  const last = input.actions.at(-1);
  const acted = last === undefined ? null : fromAction(last, input.subjectGone);
  if (acted !== null && acted.state !== 'Open') return acted;
  if (input.refusal?.reason === 'Recurrence') return { state: 'Escalated', ...input.refusal };
  if (input.subjectGone) {
    return { state: 'Resolved', reason: 'SubjectGone', message: 'the pod was replaced without us' };
  }
  const { evidence } = input;
  if (evidence !== null && !evidence.firing && evidence.classification !== 'unknown') {
    return { state: 'Resolved', reason: 'SignalCleared', message: evidence.summary.slice(0, 2048) };
  }
  if (input.refusal !== null) return { state: 'Open', ...input.refusal };
  return (
    acted ?? { state: 'Open', reason: 'Detected', message: evidence?.summary.slice(0, 2048) ?? '' }
  );
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
  if (before !== undefined && isFinal(before.state)) return before;
  const { state, reason, message } = findingOf(input);
  const isSame = before?.state === state && before.reason === reason;
  return {
    ...before,
    state,
    reason,
    openedAt: before?.openedAt ?? timeText(nowMs),
    ...(isSame ? {} : account(evidence, message)),
    ...(isFinal(state) ? { closedAt: timeText(nowMs) } : {}),
    ...actionNames(actions),
    observedGeneration: incident.metadata.generation,
  };
};

// SPDX-License-Identifier: Apache-2.0
/**
 * The part of the protocol around the one effect: announce it, send it, and read its answer.
 *
 * `sentAt` is written before the call, so a crash at any point leaves either no announcement and
 * certainly no effect, or an announcement and a doubt that a probe resolves. After every answer that
 * says "not done" the record goes back to Admitted: Executing always means that the effect is in doubt.
 */
import type { HealingAction, HealingActionSpec } from '../api/healing-action.ts';
import type { ApiReply } from '../domain/cluster.ts';
import { durationMs } from '../domain/duration.ts';
import type { ProbeResult } from './action.ts';
import { actionById } from './actions/index.ts';
import { intentRequest, targetRead } from './intent-request.ts';
import {
  announceStep,
  ask,
  completeStep,
  cut,
  type Ending,
  finish,
  type IfNotDone,
  iso,
  type Now,
  type ProtocolState,
  retryLater,
  since,
  stepsOf,
  type Transition,
  writeStatus,
} from './protocol-state.ts';

type Refused = Extract<ApiReply, { kind: 'refused' }>;
type Step = ReturnType<typeof stepsOf>[number];
type Probe = Extract<ProtocolState['awaiting'], { for: 'probe' }>;

/** `httpStatus` of a sending that certainly never reached the server. */
const NOT_SENT = 0;
/** Backoff between two sendings in ms: doubled from the first to the second. */
const FIRST_BACKOFF_MS = 5_000;
const MAX_BACKOFF_MS = 60_000;

/** Tells whether a sending may still take, or have taken, effect: no answer, or one that leaves it open. */
const isInDoubt = ({ httpStatus }: Step): boolean => httpStatus === undefined || httpStatus >= 500;

/** Tells whether the record's own sendings may be the reason why the target is gone. */
const mayHaveActed = (record: HealingAction): boolean => stepsOf(record).some(isInDoubt);

/** What is left in ms of the time that the step gives for Admitted to Settling; before that, for Planned. */
export const timeLeftMs = (state: ProtocolState, now: Now): number => {
  const { status, spec, metadata } = state.record;
  const start = status?.admittedAt ?? metadata.creationTimestamp;
  return durationMs(spec.limits.timeout) - since(state, start, now);
};

/** Tells whether the time that the step gives is over. */
export const isTimedOut = (state: ProtocolState, now: Now): boolean => timeLeftMs(state, now) <= 0;

/** Spreads retries without a random number: the same record always waits the same. */
const jitter = (text: string): number => {
  let hash = 2_166_136_261;
  for (const character of text) {
    hash = Math.imul(hash ^ (character.codePointAt(0) ?? 0), 16_777_619) >>> 0;
  }
  return 0.8 + (0.4 * hash) / 2 ** 32;
};

const backoffMs = (record: HealingAction): number => {
  const sendings = stepsOf(record).length;
  const base = Math.min(MAX_BACKOFF_MS, FIRST_BACKOFF_MS * 2 ** Math.max(0, sendings - 1));
  return Math.round(base * jitter(`${record.metadata.uid}/${sendings}`));
};

/** Announces the sending in the record. */
export const announce = (state: ProtocolState, now: Now): Transition => {
  const sentAt = iso(now.wallMs);
  const note = `resourceVersion ${state.pass?.resourceVersion ?? ''}`;
  const steps = announceStep(state.record, sentAt, note);
  return writeStatus(state, now, { phase: 'Executing', steps }, sentAt);
};

/** Sends the effect, with the preconditions of the target that the guards have judged. */
export const sendEffect = (state: ProtocolState): Transition => {
  const { record, pass } = state;
  const intent = record.spec.intents[0];
  if (intent === undefined || pass === null) return startProbe(state, AFTER_DOUBT);
  const preconditions = { uid: record.spec.target.uid, resourceVersion: pass.resourceVersion };
  return ask(
    { ...state, pass: null, announced: null },
    { for: 'effect' },
    intentRequest(intent, record.spec.target, { preconditions, dryRun: false }),
  );
};

/** What follows a probe that found nothing done after a crash or a lost answer. */
export const AFTER_DOUBT: Omit<Probe, 'for'> = {
  isOurs: true,
  ifNotDone: { kind: 'again', httpStatus: null, note: 'probe: not done' },
};

/** Reads the target, to find out whether the effect is done. */
export const startProbe = (state: ProtocolState, probe: Omit<Probe, 'for'>): Transition =>
  ask(
    { ...state, announced: null },
    { for: 'probe', ...probe },
    targetRead(state.record.spec.target),
  );

/** Back to Admitted: the guards are asked again, and the effect sent again when they pass. */
const again = (
  state: ProtocolState,
  now: Now,
  result: { readonly httpStatus: number | null; readonly note: string; readonly waitMs: number },
): Transition =>
  writeStatus(state, now, {
    phase: 'Admitted',
    steps: completeStep(state.record, now, result),
    ...(result.waitMs > 0 ? { nextAttemptAt: iso(now.wallMs + result.waitMs) } : {}),
  });

/** The effect is known to be done. */
const settle = (
  state: ProtocolState,
  now: Now,
  result: { readonly httpStatus: number | null; readonly note: string },
): Transition =>
  writeStatus(state, now, {
    phase: 'Settling',
    steps: completeStep(state.record, now, result),
    actedAt: iso(now.wallMs),
  });

const failWith = (
  state: ProtocolState,
  now: Now,
  ending: Ending & { readonly httpStatus: number },
): Transition => {
  const { httpStatus, ...rest } = ending;
  const steps = completeStep(state.record, now, { httpStatus, note: rest.message });
  return finish(state, rest, now, { steps });
};

const onRefusedEffect = (state: ProtocolState, reply: Refused, now: Now): Transition => {
  const { status: httpStatus, message } = reply;
  const note = cut(`${httpStatus} ${reply.reason} ${message}`);
  if (httpStatus >= 500) {
    return startProbe(state, { isOurs: true, ifNotDone: { kind: 'again', httpStatus, note } });
  }
  switch (httpStatus) {
    case 429:
    case 401: {
      const waitMs = Math.max(reply.retryAfterMs ?? 0, backoffMs(state.record));
      return again(state, now, { httpStatus, note, waitMs });
    }
    case 404:
    case 409: {
      // Only an earlier sending of ours can have moved the target: this one certainly did not.
      const isOurs = stepsOf(state.record).slice(0, -1).some(isInDoubt);
      return startProbe(state, { isOurs, ifNotDone: { kind: 'again', httpStatus, note } });
    }
    case 403:
      return failWith(state, now, { phase: 'Failed', reason: 'RBACDenied', message, httpStatus });
    default:
      return failWith(state, now, {
        phase: 'Failed',
        reason: 'Refused',
        message: note,
        httpStatus,
      });
  }
};

/** Reads the answer to the effect. */
export const onEffect = (state: ProtocolState, reply: ApiReply, now: Now): Transition => {
  switch (reply.kind) {
    case 'ok':
      return settle(state, now, { httpStatus: reply.status, note: 'done' });
    case 'refused':
      return onRefusedEffect(state, reply, now);
    case 'unknown':
      return startProbe(state, AFTER_DOUBT);
    case 'notSent': {
      const note = cut(`not sent: ${reply.message}`);
      const waitMs = backoffMs(state.record);
      return again(state, now, { httpStatus: NOT_SENT, note, waitMs });
    }
  }
};

const judgeProbe = (spec: HealingActionSpec, reply: ApiReply): ProbeResult => {
  const intent = spec.intents[0];
  const action = actionById(Object.keys(spec.action)[0] ?? '');
  if (intent === undefined || action === undefined) return 'unknown';
  if (reply.kind === 'ok') return action.probe(intent, reply.body);
  return reply.kind === 'refused' && reply.status === 404 ? action.probe(intent, null) : 'unknown';
};

const onNotDone = (state: ProtocolState, ifNotDone: IfNotDone, now: Now): Transition => {
  if (ifNotDone.kind === 'end') return finish(state, ifNotDone.ending, now);
  const { httpStatus, note } = ifNotDone;
  // The first doubt is resolved at once; whoever keeps failing waits.
  const waitMs =
    stepsOf(state.record).length > 1 || httpStatus !== null ? backoffMs(state.record) : 0;
  const isConflict = httpStatus === 409 && stepsOf(state.record).length <= 2;
  return again(state, now, { httpStatus, note, waitMs: isConflict ? 0 : waitMs });
};

/** Reads the answer to a probe. While it stays open, the record stays in doubt and is probed again. */
export const onProbe = (
  state: ProtocolState,
  reply: ApiReply,
  context: { readonly probe: Probe; readonly now: Now },
): Transition => {
  const { probe, now } = context;
  const { ifNotDone } = probe;
  switch (judgeProbe(state.record.spec, reply)) {
    case 'unknown':
      return retryLater(state);
    case 'notDone':
      return onNotDone({ ...state, failures: 0 }, ifNotDone, now);
    case 'done': {
      const httpStatus = ifNotDone.kind === 'again' ? ifNotDone.httpStatus : null;
      if (probe.isOurs) return settle(state, now, { httpStatus, note: 'probe: done' });
      return failWith(state, now, {
        phase: 'Blocked',
        reason: 'TargetChanged',
        message: 'the target was deleted or replaced by somebody else',
        httpStatus: httpStatus ?? NOT_SENT,
      });
    }
  }
};

/** Ends a record whose time is over before the effect was done. */
export const giveUp = (state: ProtocolState, now: Now): Transition => {
  const { timeout } = state.record.spec.limits;
  const last = stepsOf(state.record).at(-1);
  const ending = ((): Ending => {
    if (last === undefined) {
      const message = `not decided within ${timeout}: ${state.missing ?? 'no decision passed'}`;
      return { phase: 'Blocked', reason: 'FactMissing', message };
    }
    if (last.httpStatus === 429) {
      const message = `the PodDisruptionBudget did not allow it within ${timeout}`;
      return { phase: 'Failed', reason: 'PDBBlocked', message };
    }
    const missing = state.missing === null ? '' : `: ${state.missing}`;
    return { phase: 'Failed', reason: 'Timeout', message: `not done within ${timeout}${missing}` };
  })();
  if (!mayHaveActed(state.record)) return finish(state, ending, now);
  return startProbe(state, { isOurs: true, ifNotDone: { kind: 'end', ending } });
};

/** Refuses after the record exists; an own sending in doubt is looked into first. */
export const block = (
  state: ProtocolState,
  refusal: Pick<Ending, 'reason' | 'message'>,
  now: Now,
): Transition => {
  const ending: Ending = { phase: 'Blocked', reason: refusal.reason, message: refusal.message };
  if (!mayHaveActed(state.record)) return finish(state, ending, now);
  return startProbe(state, { isOurs: true, ifNotDone: { kind: 'end', ending } });
};

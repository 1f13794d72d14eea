// SPDX-License-Identifier: Apache-2.0
/**
 * The protocol of a *once* action (DESIGN 4.8) as a pure function: a state and a reply in, the next
 * state and the next request out. No I/O, no clock, no randomness; a thin driver does what is asked.
 *
 * ```
 *  Planned ──guards──► Admitted ──guards, sentAt──► Executing ──done──► Settling ──Ready──► Verifying
 *    │  │                │   ▲                       │   │                │                   │
 *    │  └─DryRun─► Simulated └──429, 409, not done───┘   │                │                   ▼
 *    └──────────► Blocked ◄──┘        other pod ► Blocked └► Failed ◄─────┘     Succeeded │ Failed │ Inconclusive
 * ```
 *
 * - What to do next follows from the record alone ({@link proceed}); the rest of the state only saves
 *   questions. A crash at any point therefore loses nothing: the next leader goes on from the record.
 * - Every status write carries the record's resourceVersion and the writer's epoch. A conflict means:
 *   read again; a higher epoch in it means: stop, for good.
 * - `limits.timeout` bounds Admitted to Settling, `limits.settle` bounds Settling. A deadline ends
 *   something only on a fresh answer of the API server: while that is away, nothing is concluded.
 * - Unknown facts and a lost lease do not block a record, they make it wait, until `timeout` is over.
 */
import type { HealingAction } from '../api/healing-action.ts';
import type { ApiReply } from '../domain/cluster.ts';
import { parseHealingAction } from './parse-kinds.ts';
import type { Decision } from './ports.ts';
import {
  AFTER_DOUBT,
  announce,
  block,
  giveUp,
  isTimedOut,
  onEffect,
  onProbe,
  sendEffect,
  startProbe,
  timeLeftMs,
} from './protocol-effect.ts';
import {
  done,
  finish,
  iso,
  type Now,
  nap,
  type ProtocolState,
  type Reply,
  readRecord,
  retryLater,
  since,
  stepsOf,
  type Transition,
  withRecord,
  writeLater,
  writeStatus,
} from './protocol-state.ts';
import {
  lookForReplacement,
  onEvidence,
  onObservation,
  onRecentSamples,
  onReplacement,
  onSamples,
  startCheck,
} from './protocol-verify.ts';
import { fenceEpochOf, isOpen, phaseOf } from './record.ts';

/** A decision older than this in ms is not acted on: the process may have stood still. */
const DECISION_FRESH_MS = 10_000;

/** Begins, or goes on after a crash: both look the same. */
export const begin = (record: HealingAction, self: ProtocolState['self'], now: Now): Transition => {
  const state: ProtocolState = {
    record,
    self,
    begunAtMs: now.monoMs,
    awaiting: { for: 'wake' },
    pass: null,
    announced: null,
    failures: 0,
    writeFailures: 0,
    missing: null,
    anchors: {},
  };
  return takeRecord(state, record, now);
};

/** Takes a newer copy of the record; ends when it is over, another one, or a newer leader's. */
const takeRecord = (
  state: ProtocolState,
  record: HealingAction,
  now: Now,
  goOn: typeof proceed = proceed,
): Transition => {
  const taken = withRecord(state, record, now);
  if (record.metadata.uid !== state.record.metadata.uid) return done(state, 'gone');
  if (!isOpen(record)) return done(taken, 'terminal');
  if (fenceEpochOf(record) > state.self.epoch) return done(taken, 'fenced');
  return goOn(taken, now);
};

const isPassFresh = ({ pass }: ProtocolState, now: Now): boolean =>
  pass !== null && now.monoMs - pass.atMs <= DECISION_FRESH_MS;

const askGuards = (state: ProtocolState, now: Now): Transition => {
  if (isTimedOut(state, now)) return giveUp(state, now);
  return {
    state: { ...state, pass: null, awaiting: { for: 'decision' } },
    request: { kind: 'decide' },
  };
};

const planned = (state: ProtocolState, now: Now): Transition => {
  if (state.record.spec.mode === 'DryRun') {
    const message = 'the dry run was accepted; nothing was changed';
    return finish(state, { phase: 'Simulated', reason: 'DryRunPassed', message }, now);
  }
  if (!isPassFresh(state, now)) return askGuards(state, now);
  return writeStatus(state, now, { phase: 'Admitted', admittedAt: iso(now.wallMs) });
};

const admitted = (state: ProtocolState, now: Now): Transition => {
  if (isTimedOut(state, now)) return giveUp(state, now);
  const waitMs = -since(state, state.record.status?.nextAttemptAt, now);
  if (waitMs > 0) {
    return nap(state, Math.min(waitMs, timeLeftMs(state, now)), 'time');
  }
  return isPassFresh(state, now) ? announce(state, now) : askGuards(state, now);
};

const executing = (state: ProtocolState, now: Now): Transition => {
  const last = stepsOf(state.record).at(-1);
  const isAnnounced = last !== undefined && last.sentAt === state.announced;
  return isAnnounced && isPassFresh(state, now)
    ? sendEffect(state)
    : startProbe(state, AFTER_DOUBT);
};

/** Derives what to do next from the record. */
const proceed = (state: ProtocolState, now: Now): Transition => {
  switch (phaseOf(state.record)) {
    case 'Planned':
      return planned(state, now);
    case 'Admitted':
      return admitted(state, now);
    case 'Executing':
      return executing(state, now);
    case 'Settling':
      return lookForReplacement(state);
    case 'Verifying':
      return startCheck(state);
    case 'Succeeded':
    case 'Failed':
    case 'Inconclusive':
    case 'Blocked':
    case 'Simulated':
      return done(state, 'terminal');
  }
};

const onDecision = (state: ProtocolState, decision: Decision, now: Now): Transition => {
  const { verdict, target } = decision;
  switch (verdict.kind) {
    case 'Pass': {
      const missing = 'the target was not read';
      if (target === null) return retryLater({ ...state, missing });
      if (target.uid !== state.record.spec.target.uid) {
        const message = 'another pod has the name of the target now';
        return block(state, { reason: 'TargetChanged', message }, now);
      }
      const pass = { ...target, atMs: now.monoMs };
      return proceed({ ...state, pass, failures: 0, missing: null }, now);
    }
    case 'Refuse':
      // Nothing can be written without the lease; whoever holds it goes on from the record.
      if (verdict.reason === 'NotLeader') return retryLater({ ...state, missing: verdict.message });
      return block(state, verdict, now);
    case 'Unknown':
      return retryLater({ ...state, missing: verdict.missing });
  }
};

const onWritten = (
  state: ProtocolState,
  reply: ApiReply,
  context: { readonly announces: string | null; readonly now: Now },
): Transition => {
  const { announces, now } = context;
  const failed = { ...state, writeFailures: state.writeFailures + 1 };
  switch (reply.kind) {
    case 'ok': {
      const record = parseHealingAction(reply.body);
      if (record === null) return readRecord(failed);
      return takeRecord({ ...state, announced: announces, writeFailures: 0 }, record, now);
    }
    case 'unknown':
      return readRecord(failed);
    case 'notSent':
      return writeLater(failed);
    case 'refused': {
      const { status } = reply;
      const mayBeWritten = status === 409 || status === 404 || status >= 500;
      return mayBeWritten ? readRecord(failed) : writeLater(failed, reply.retryAfterMs);
    }
  }
};

const onRecord = (state: ProtocolState, reply: ApiReply, now: Now): Transition => {
  if (reply.kind === 'refused' && reply.status === 404) return done(state, 'gone');
  const record = reply.kind === 'ok' ? parseHealingAction(reply.body) : null;
  if (record === null) return retryLater(state);
  // One conflict is resolved at once; whoever keeps failing to write waits.
  const goOn = state.writeFailures > 1 ? (taken: ProtocolState) => writeLater(taken) : proceed;
  return takeRecord({ ...state, failures: 0 }, record, now, goOn);
};

const onKube = (state: ProtocolState, reply: ApiReply, now: Now): Transition => {
  const { awaiting } = state;
  switch (awaiting.for) {
    case 'write':
      return onWritten(state, reply, { announces: awaiting.announces, now });
    case 'record':
      return onRecord(state, reply, now);
    case 'effect':
      return onEffect(state, reply, now);
    case 'probe':
      return onProbe(state, reply, { probe: awaiting, now });
    case 'replacement':
      return onReplacement(state, reply, now);
    default:
      return proceed(state, now);
  }
};

const onAnswer = (
  state: ProtocolState,
  answer: Extract<Reply, { kind: 'answer' }>['answer'],
  now: Now,
): Transition => {
  const { awaiting } = state;
  switch (awaiting.for) {
    case 'samples':
      return onSamples(state, answer, { check: awaiting.check, now });
    case 'recentSamples':
      return onRecentSamples(state, answer, { check: awaiting.check, now });
    case 'evidence':
      return onEvidence(state, answer, { check: awaiting.check, now });
    default:
      return proceed(state, now);
  }
};

/**
 * Takes one reply and says what is wanted next. Total: a reply of another kind than was asked for
 * is ignored, and the record alone decides how to go on.
 */
export const step = (state: ProtocolState, reply: Reply, now: Now): Transition => {
  switch (reply.kind) {
    case 'kube':
      return onKube(state, reply.reply, now);
    case 'decision':
      return state.awaiting.for === 'decision'
        ? onDecision(state, reply.decision, now)
        : proceed(state, now);
    case 'observation':
      return onObservation(state, reply.pods, now);
    case 'answer':
      return onAnswer(state, reply.answer, now);
    case 'woken':
      return proceed(state, now);
  }
};

// SPDX-License-Identifier: Apache-2.0
/**
 * What the protocol of a record knows between two steps, and the words it speaks with its driver.
 *
 * Everything that must survive a crash stands in the record. The rest, the few fields of
 * {@link ProtocolState} beside it, may be lost at any moment: without them the protocol reads, probes
 * and decides once more.
 */
import type { HealingAction, HealingActionStatus } from '../api/healing-action.ts';
import type { AnalysisAnswer, AnalysisQuery } from '../domain/analysis.ts';
import type { MonoMs, UnixMs } from '../domain/clock.ts';
import type { ApiReply, ApiRequest } from '../domain/cluster.ts';
import type { Fact } from '../domain/fact.ts';
import { conditionsFor } from './conditions.ts';
import type { Preconditions } from './intent-request.ts';
import type { ObservedPod } from './pod-facts.ts';
import type { Decision } from './ports.ts';
import { RECORDS } from './record.ts';
import type { SampleFacts } from './verify.ts';

/** Both clocks at one moment: wall time goes into records, durations come from the other. */
export interface Now {
  readonly wallMs: UnixMs;
  readonly monoMs: MonoMs;
}

/** What the protocol wants next. */
export type Request =
  | { readonly kind: 'kube'; readonly request: ApiRequest }
  /** Gather again and ask the guards again, for this record. */
  | { readonly kind: 'decide' }
  /** Read the pods of the record's workload. */
  | { readonly kind: 'observe' }
  | { readonly kind: 'query'; readonly query: AnalysisQuery }
  /** Come back after so many ms, or with `wake: 'pods'` already when a pod has changed. */
  | { readonly kind: 'wait'; readonly ms: number; readonly wake: 'time' | 'pods' }
  | { readonly kind: 'done'; readonly end: 'terminal' | 'fenced' | 'gone' };

/** What the driver answers; the kind follows from the request. */
export type Reply =
  | { readonly kind: 'kube'; readonly reply: ApiReply }
  | { readonly kind: 'decision'; readonly decision: Decision }
  | { readonly kind: 'observation'; readonly pods: Fact<readonly ObservedPod[]> }
  /** `null`: the analysis side could not be asked. */
  | { readonly kind: 'answer'; readonly answer: AnalysisAnswer | null }
  | { readonly kind: 'woken' };

/** What follows when a probe finds that the effect was not done. */
export type IfNotDone =
  | { readonly kind: 'again'; readonly httpStatus: number | null; readonly note: string }
  | { readonly kind: 'end'; readonly ending: Ending };

/** A terminal phase with its reason. */
export interface Ending {
  readonly phase: 'Succeeded' | 'Failed' | 'Inconclusive' | 'Blocked' | 'Simulated';
  readonly reason: NonNullable<HealingActionStatus['reason']>;
  readonly message: string;
}

/** What a check of the verification has read so far. */
export interface Check {
  readonly pod: ObservedPod;
  readonly sinceMs: UnixMs;
  readonly samples: SampleFacts | null;
}

/** What the next reply answers. */
export type Awaiting =
  | { readonly for: 'decision' }
  /** `sentAt` of the step that this write announces; `null`: it announces none. */
  | { readonly for: 'write'; readonly announces: string | null }
  | { readonly for: 'record' }
  | { readonly for: 'effect' }
  /** `isOurs`: when the target is found gone, the record's own sending may have been the reason. */
  | { readonly for: 'probe'; readonly isOurs: boolean; readonly ifNotDone: IfNotDone }
  | { readonly for: 'observation' }
  | { readonly for: 'replacement' }
  | { readonly for: 'samples' | 'recentSamples' | 'evidence'; readonly check: Check }
  | { readonly for: 'wake' };

/** The state of one record's protocol. */
export interface ProtocolState {
  readonly record: HealingAction;
  readonly self: { readonly epoch: number; readonly holder: string };
  /** When this process began to drive it. */
  readonly begunAtMs: MonoMs;
  readonly awaiting: Awaiting;
  /** A decision that passed and has not been acted on yet. */
  readonly pass: (Preconditions & { readonly atMs: MonoMs }) | null;
  /** `sentAt` of a step that this process announced and has certainly not sent yet. */
  readonly announced: string | null;
  /** Failed reads and undecided decisions in a row. */
  readonly failures: number;
  /** Failed writes of the record in a row. */
  readonly writeFailures: number;
  /** What the last undecided decision missed. */
  readonly missing: string | null;
  /** The record's times on the monotonic clock of this process. */
  readonly anchors: Readonly<Record<string, MonoMs>>;
}

/** A step: the new state and what is wanted next. */
export interface Transition {
  readonly state: ProtocolState;
  readonly request: Request;
}

const MAX_NOTE = 1000;
const MAX_MESSAGE = 2000;
const MAX_STEPS = 48;
/** How far a time of the record may lie ahead before it is taken for another machine's clock. */
const MAX_AHEAD_MS = 120_000;

/** Writes a moment as records carry it. */
export const iso = (ms: UnixMs): string => new Date(ms).toISOString();

/** Cuts a text to what the schema takes. */
export const cut = (text: string, length: number = MAX_NOTE): string => text.slice(0, length);

/**
 * Places a time of a record on the monotonic clock. Seen for the first time it is compared with the
 * wall clock, once; from then on a jump of the wall clock changes nothing.
 */
const place = (text: string, now: Now): MonoMs => {
  const ms = Date.parse(text);
  if (Number.isNaN(ms)) return now.monoMs;
  return now.monoMs + Math.min(ms - now.wallMs, MAX_AHEAD_MS);
};

/** Takes a record over and places its times. */
export const withRecord = (
  state: ProtocolState,
  record: HealingAction,
  now: Now,
): ProtocolState => {
  const { status, metadata } = record;
  const texts = [
    metadata.creationTimestamp,
    status?.admittedAt,
    status?.actedAt,
    status?.nextAttemptAt,
    status?.verification?.startedAt,
  ].filter((text): text is string => text !== undefined);
  const anchors = Object.fromEntries(
    texts.map((text) => [text, state.anchors[text] ?? place(text, now)]),
  );
  return { ...state, record, anchors };
};

/** Time since a moment of the record in ms, by the monotonic clock; negative: it lies ahead. */
export const since = (state: ProtocolState, text: string | undefined, now: Now): number => {
  const anchor = text === undefined ? undefined : state.anchors[text];
  return anchor === undefined ? 0 : now.monoMs - anchor;
};

/** Asks for a wait. */
export const nap = (state: ProtocolState, ms: number, wake: 'time' | 'pods'): Transition => ({
  state: { ...state, awaiting: { for: 'wake' } },
  request: { kind: 'wait', ms: Math.max(0, Math.ceil(ms)), wake },
});

/** How long to wait after so many failures in a row, in ms: 0.5 s, doubled up to 30 s. */
const pauseMs = (failures: number): number => Math.min(30_000, 500 * 2 ** Math.min(failures, 6));

/** Waits longer after each failure in a row. */
export const retryLater = (state: ProtocolState): Transition =>
  nap({ ...state, failures: state.failures + 1 }, pauseMs(state.failures), 'time');

/** Waits longer after each failed write in a row, or as long as the server asked for. */
export const writeLater = (state: ProtocolState, askedMs: number | null = null): Transition =>
  nap(state, Math.max(askedMs ?? 0, pauseMs(state.writeFailures)), 'time');

/** Asks the API server. */
export const ask = (state: ProtocolState, awaiting: Awaiting, request: ApiRequest): Transition => ({
  state: { ...state, awaiting },
  request: { kind: 'kube', request },
});

/** Ends the drive. */
export const done = (state: ProtocolState, end: 'terminal' | 'fenced' | 'gone'): Transition => ({
  state,
  request: { kind: 'done', end },
});

/** Reads the record again: after a conflict, or when it is not known whether a write arrived. */
export const readRecord = (state: ProtocolState): Transition => {
  const { name, namespace } = state.record.metadata;
  const request: ApiRequest = { verb: 'get', ...RECORDS, namespace, name };
  return ask({ ...state, announced: null }, { for: 'record' }, request);
};

/**
 * Builds the write of a record's status, guarded by its resourceVersion: whoever wrote it meanwhile
 * wins. Each write carries the writer's epoch and the conditions of the new phase; `nextAttemptAt`
 * stands only in the write that sets it.
 */
export const statusPatch = (
  record: HealingAction,
  self: ProtocolState['self'],
  change: Partial<HealingActionStatus> & Pick<HealingActionStatus, 'phase'>,
): ApiRequest => {
  const { nextAttemptAt: _past, conditions: _old, ...kept } = record.status ?? { phase: 'Planned' };
  const status: HealingActionStatus = {
    ...kept,
    ...change,
    fence: self,
    observedGeneration: record.metadata.generation,
    ...(change.message === undefined ? {} : { message: cut(change.message, MAX_MESSAGE) }),
  };
  return {
    verb: 'patch',
    ...RECORDS,
    namespace: record.metadata.namespace,
    name: record.metadata.name,
    subresource: 'status',
    patchType: 'merge',
    body: {
      metadata: { resourceVersion: record.metadata.resourceVersion },
      status: {
        ...status,
        nextAttemptAt: status.nextAttemptAt ?? null,
        conditions: conditionsFor({ ...record, status }),
      },
    },
  };
};

/**
 * Writes the record's status, see {@link statusPatch}. The times in it are placed on the monotonic
 * clock now, not when the answer comes: the wall clock may be set in between.
 */
export const writeStatus = (
  state: ProtocolState,
  now: Now,
  change: Partial<HealingActionStatus> & Pick<HealingActionStatus, 'phase'>,
  announces: string | null = null,
): Transition => {
  const { nextAttemptAt } = change;
  const anchors = {
    ...state.anchors,
    ...(nextAttemptAt === undefined ? {} : { [nextAttemptAt]: place(nextAttemptAt, now) }),
    [iso(now.wallMs)]: now.monoMs,
  };
  return ask(
    { ...state, anchors, announced: null },
    { for: 'write', announces },
    statusPatch(state.record, state.self, change),
  );
};

/** Ends the record. */
export const finish = (
  state: ProtocolState,
  ending: Ending,
  now: Now,
  change: Partial<HealingActionStatus> = {},
): Transition => {
  const { phase, reason, message } = ending;
  return writeStatus(state, now, {
    ...change,
    phase,
    reason,
    message,
    finishedAt: iso(now.wallMs),
  });
};

type Steps = NonNullable<HealingActionStatus['steps']>;

/** The sendings so far. */
export const stepsOf = (record: HealingAction): Steps => record.status?.steps ?? [];

/** Adds a sending; of very many the first and the newest stay. */
export const announceStep = (record: HealingAction, sentAt: string, note: string): Steps => {
  const steps = stepsOf(record);
  const kept =
    steps.length < MAX_STEPS ? steps : [...steps.slice(0, 1), ...steps.slice(2 - MAX_STEPS)];
  return [...kept, { seq: 0, sentAt, note: cut(note) }];
};

/** Writes what became of the newest sending. */
export const completeStep = (
  record: HealingAction,
  now: Now,
  result: { readonly httpStatus: number | null; readonly note: string },
): Steps => {
  const steps = stepsOf(record);
  const last = steps.at(-1);
  if (last === undefined || last.observedAt !== undefined) return steps;
  const completed = {
    ...last,
    observedAt: iso(now.wallMs),
    ...(result.httpStatus === null ? {} : { httpStatus: result.httpStatus }),
    note: cut(`${last.note ?? ''}; ${result.note}`),
  };
  return [...steps.slice(0, -1), completed];
};

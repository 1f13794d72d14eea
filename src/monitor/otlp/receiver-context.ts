// SPDX-License-Identifier: Apache-2.0
import type { MonoMs, UnixMs } from '../../domain/clock.ts';
import { Budget, type Reservation } from './budget.ts';
import { createReceiverCounters, type Refusal } from './counters.ts';
import type { Outcome } from './export-response.ts';
import type { ExportJob, ReceiverAnswer } from './port-messages.ts';
import { CODE, type Refused } from './rpc-status.ts';

/** Bounds of the receiver. */
export interface ReceiverLimits {
  /** Largest body, before and after decompression; default 64 MiB, as OTLP recommends. */
  readonly bodyBytes: number;
  /** Bodies in flight over both servers, at least {@link bodyBytes}; default 128 MiB. */
  readonly budgetBytes: number;
  /** Requests in flight over both servers, from their headers to their answer; default 512. */
  readonly requests: number;
  /** Connections of each server; default 1,024. */
  readonly connections: number;
  /** Open calls of one gRPC connection; default 128. */
  readonly concurrentStreams: number;
  /** Header block of one request; default 16 KiB. */
  readonly headerBytes: number;
  /** From the headers to the end of the body; default 30 s. */
  readonly bodyTimeoutMs: number;
  /** From the end of the body to the answer of the analysis; default 30 s. */
  readonly answerTimeoutMs: number;
  /** An idle connection is closed after this; at least 120 s, or clients race it; default 180 s. */
  readonly idleTimeoutMs: number;
  /** Time for open requests when the receiver stops; default 10 s. */
  readonly drainTimeoutMs: number;
}

/** The limits when nothing else is said. */
export const DEFAULT_LIMITS: ReceiverLimits = {
  bodyBytes: 64 * 2 ** 20,
  budgetBytes: 128 * 2 ** 20,
  requests: 512,
  connections: 1_024,
  concurrentStreams: 128,
  headerBytes: 16_384,
  bodyTimeoutMs: 30_000,
  answerTimeoutMs: 30_000,
  idleTimeoutMs: 180_000,
  drainTimeoutMs: 10_000,
};

/** Hands a request to the analysis; a rejected promise means that its fate is unknown. */
export type Forward = (job: ExportJob) => Promise<ReceiverAnswer>;

/** The time as the receiver needs it. */
export interface ReceiverClock {
  wallMs(): UnixMs;
  monoMs(): MonoMs;
}

const MIN_RETRY_MS = 1_000;
const MAX_RETRY_MS = 30_000;
/** Weight of the newest answer in the moving average of the time to answer. */
const NEWEST_WEIGHT = 0.2;

/** What both servers share: limits, budget, counters, the way to the analysis. */
export class ReceiverContext {
  readonly limits: ReceiverLimits;
  readonly counters = createReceiverCounters();
  readonly #budget: Budget;
  readonly #forward: Forward;
  readonly clock: ReceiverClock;
  #answerMs = 0;
  /** Set when the receiver stops; from then on every new request is refused. */
  isDraining = false;

  constructor(limits: ReceiverLimits, forward: Forward, clock: ReceiverClock) {
    if (limits.budgetBytes < limits.bodyBytes) {
      throw new RangeError('`budgetBytes` must be at least `bodyBytes`');
    }
    this.limits = limits;
    this.#budget = new Budget(limits.budgetBytes, limits.requests, this.counters);
    this.#forward = forward;
    this.clock = clock;
  }

  /** About twice what an answer takes now, at least 1 s and at most 30 s. */
  retryAfterMs(): number {
    return Math.round(Math.min(MAX_RETRY_MS, Math.max(MIN_RETRY_MS, 2 * this.#answerMs)));
  }

  /**
   * Reserves room for the first bytes of a body, or says why not. Nothing is allocated before.
   * @param declared the length of the whole body as its sender says
   */
  admit(bytes: number, declared: number): Reservation | Refused {
    if (declared > this.limits.bodyBytes) return this.tooLarge();
    if (this.isDraining) {
      return {
        reason: 'draining',
        code: CODE.unavailable,
        message: 'the receiver is stopping',
        retryAfterMs: MIN_RETRY_MS,
      };
    }
    return this.#budget.reserve(bytes, declared) ?? this.overBudget();
  }

  /** The refusal of a body beyond the limit: sending it again is useless. */
  tooLarge(): Refused {
    return {
      reason: 'tooLarge',
      code: CODE.resourceExhausted,
      message: `the body must have at most ${this.limits.bodyBytes} bytes`,
    };
  }

  /** The refusal of a body for which there is no room now. */
  overBudget(): Refused {
    return {
      reason: 'budget',
      code: CODE.unavailable,
      message: 'too many requests are in flight',
      retryAfterMs: this.retryAfterMs(),
    };
  }

  /** Counts a refusal. */
  countRefusal(reason: Refusal): void {
    this.counters.refused[reason] += 1;
  }

  /**
   * Hands a complete body to the analysis. The reservation is given back when the analysis answers,
   * even if that is after the deadline: the body is in memory as long.
   */
  dispatch(
    job: Omit<ExportJob, 'receivedAtMs'>,
    reservation: Reservation,
    deadlineMs: number = Number.POSITIVE_INFINITY,
  ): Promise<Outcome> {
    const { counters, limits } = this;
    counters.bodyBytes += job.body.byteLength;
    const startedMs = this.clock.monoMs();
    return new Promise((resolve) => {
      const isOwnLimit = limits.answerTimeoutMs <= deadlineMs;
      const timer = setTimeout(
        () =>
          resolve(
            isOwnLimit
              ? { kind: 'unavailable', message: 'the analysis did not answer in time' }
              : { kind: 'deadline' },
          ),
        Math.min(limits.answerTimeoutMs, deadlineMs),
      );
      const settle = (outcome: Outcome) => {
        clearTimeout(timer);
        reservation.release();
        const tookMs = this.clock.monoMs() - startedMs;
        this.#answerMs += NEWEST_WEIGHT * (tookMs - this.#answerMs);
        resolve(outcome);
      };
      this.#forward({ ...job, receivedAtMs: this.clock.wallMs() }).then(settle, () =>
        settle({ kind: 'unavailable', message: 'the analysis was lost' }),
      );
    });
  }
}

/** Tells a refusal from a reservation. */
export const isRefused = (admitted: Reservation | Refused): admitted is Refused =>
  'reason' in admitted;

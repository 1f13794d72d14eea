// SPDX-License-Identifier: Apache-2.0
//
// Lease election with fencing. It answers: may this process write now, and as which term (epoch)?
//
//                 expired, released or absent                    stop(): effects ended
//   following ------------------------------> leading ------------------------------> released
//       ^  renewed by somebody else              |  no renewal for renewDeadlineMs,
//       +--------(keep watching)                 |  another holder, or the Lease is gone
//                                                v
//                                              lost: the process must exit
//
// It never compares a time in the Lease with a local clock: a follower counts how long it has not seen the
// record change, a leader how long ago it sent the last renewal that succeeded. Leadership alone is no
// permission to write: `mayWrite` ends 7/15 of the lease duration after that sending, and each write may take
// 1/5, so that writes end at 2/3 and a clock that runs 1.5 times too slow still fits before a take-over.
//
// Source: client-go tools/leaderelection; the epoch and the fence are ours.
import type { Clock, MonoMs } from '../domain/clock.ts';
import { HomeostatError } from '../errors.ts';
import { isConflict, isNotFound } from './api-error.ts';
import type { Guard } from './apply.ts';
import { LeaseClient } from './lease-client.ts';
import type { LeaseRecord } from './lease-record.ts';
import { watchLease } from './lease-watch.ts';
import { isOlder } from './resource-version.ts';
import type { Transport } from './transport.ts';

/** Times of an election, in milliseconds. */
export interface LeaseTimes {
  /** Silence after which followers take over; whole seconds. */
  readonly leaseMs: number;
  /** Time without a renewal after which a leader steps down. */
  readonly renewDeadlineMs: number;
  readonly retryMs: number;
}

/** 15, 10 and 2 s, as client-go. */
export const DEFAULT_LEASE_TIMES: LeaseTimes = {
  leaseMs: 15_000,
  renewDeadlineMs: 10_000,
  retryMs: 2_000,
};

/** Why a term ended. */
export type StopReason =
  /** `stop` was called; the Lease was released if every effect had ended. */
  | 'stopped'
  /** No renewal succeeded in time. */
  | 'overdue'
  /** Somebody else holds the Lease. */
  | 'replaced'
  /** The Lease was deleted. */
  | 'deleted'
  /** What was started with the term failed. */
  | 'failed';

/** What an election is made of. */
export interface LeaseOptions {
  readonly transport: Transport;
  readonly clock: Clock;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  readonly namespace: string;
  readonly name: string;
  /** Unique per process: host name, `_`, a UUID. */
  readonly identity: string;
  readonly times?: LeaseTimes | undefined;
  /**
   * Highest epoch in any record, by a quorum read. When it rejects, no term begins: an epoch that is not
   * surely new does not fence.
   */
  readonly highestRecordedEpoch: (signal: AbortSignal) => Promise<number>;
  /**
   * Runs the term: first writes the epoch into every open record, then works. Must end soon after `signal`
   * aborts, with no effect under way; until it has ended the Lease is kept, so that what was begun can still
   * be recorded. Its rejection ends the term.
   */
  readonly onStartedLeading: (epoch: number, signal: AbortSignal) => Promise<void>;
  readonly onStoppedLeading: (reason: StopReason) => void;
  readonly onNewLeader?: ((identity: string) => void) | undefined;
  /** Hears of attempts that failed. */
  readonly onError?: ((error: unknown) => void) | undefined;
  /** Default true: hear of a release at once instead of at the next attempt. */
  readonly watch?: boolean | undefined;
  /** Milliseconds that `stop` waits for the term to end before it leaves the Lease to expire. Default 30 000. */
  readonly gracefulStopMs?: number | undefined;
}

/** Spread of the pauses of followers: up to 2.2 times `retryMs`. */
const RETRY_JITTER = 1.2;
const FENCE_SHARE = 7 / 15;
const WRITE_SHARE = 1 / 5;
const RELEASE_TRIES = 5;
const DEFAULT_GRACEFUL_STOP_MS = 30_000;

/** Refuses times that cannot work (client-go, NewLeaderElector). @throws HomeostatError */
function checkTimes(times: LeaseTimes): LeaseTimes {
  const { leaseMs, renewDeadlineMs, retryMs } = times;
  const fits =
    leaseMs > renewDeadlineMs &&
    renewDeadlineMs > retryMs * RETRY_JITTER &&
    retryMs > 0 &&
    leaseMs >= 1000 &&
    leaseMs % 1000 === 0;
  if (!fits) throw new HomeostatError('HOMEO_KUBE_LEASE_TIMES', { details: { ...times } });
  return times;
}

interface Term {
  readonly epoch: number;
  /** Aborts when the term should end, gracefully or not. */
  readonly ending: AbortController;
  /** Aborts when nothing of the term may be written any more. */
  readonly over: AbortController;
  /** When the last renewal that succeeded was sent. */
  renewedAt: MonoMs;
  record: LeaseRecord;
}

type Loss = 'overdue' | 'replaced' | 'deleted';

/** See the top of this file. One election per process; `run` is called once. */
export class LeaseElection {
  readonly identity: string;
  readonly leaseName: string;
  readonly times: LeaseTimes;
  readonly #options: LeaseOptions;
  readonly #clock: Clock;
  readonly #lease: LeaseClient;
  readonly #stop = new AbortController();
  #running: Promise<StopReason> | null = null;
  #term: Term | null = null;
  #lost: boolean = false;
  #observed: { readonly record: LeaseRecord; readonly at: MonoMs } | null = null;
  #leader = '';
  #lastEpoch = 0;
  #wakeUp = new AbortController();
  #renewed = Promise.withResolvers<void>();

  /** @throws HomeostatError `HOMEO_KUBE_LEASE_TIMES` */
  constructor(options: LeaseOptions) {
    this.#options = options;
    this.#clock = options.clock;
    this.times = checkTimes(options.times ?? DEFAULT_LEASE_TIMES);
    this.identity = options.identity;
    this.leaseName = options.name;
    const { leaseMs } = this.times;
    this.#lease = new LeaseClient({ ...options, leaseMs, deadlineMs: leaseMs * WRITE_SHARE });
  }

  /** Epoch of the present term; null when this process does not lead. */
  epoch(): number | null {
    return this.#term?.epoch ?? null;
  }

  /** Says whether a write may leave now: within 7/15 of the lease duration after the last renewal was sent. */
  mayWrite(now: MonoMs = this.#clock.monoMs()): boolean {
    return this.#term !== null && now - this.#term.renewedAt < this.times.leaseMs * FENCE_SHARE;
  }

  /** Waits for a renewal that allows writes; false when the term, or `signal`, ends first. */
  async whenWritable(signal: AbortSignal): Promise<boolean> {
    const term = this.#term;
    if (term === null) return false;
    const stop = AbortSignal.any([signal, term.over.signal]);
    const stopped = new Promise<void>((resolve) => {
      stop.addEventListener('abort', () => resolve(), { once: true });
    });
    while (!this.mayWrite()) {
      if (stop.aborted) return false;
      await Promise.race([this.#renewed.promise, stopped]);
    }
    return !stop.aborted;
  }

  /**
   * Gives the guard of every write of the present term. It stays bound to that term: after it, it refuses for
   * ever.
   *
   * @throws HomeostatError `HOMEO_KUBE_FENCED` when this process does not lead
   */
  fence(): Guard {
    const term = this.#term;
    if (term === null) throw new HomeostatError('HOMEO_KUBE_FENCED');
    return {
      writeDeadlineMs: this.times.leaseMs * WRITE_SHARE,
      signal: term.over.signal,
      check: () => {
        if (term === this.#term && this.mayWrite()) return;
        throw new HomeostatError('HOMEO_KUBE_FENCED', { details: { epoch: term.epoch } });
      },
    };
  }

  /** True when this process should not run any more: its term was lost, or the Lease is long overdue. */
  get isOverdue(): boolean {
    if (this.#lost) return true;
    const term = this.#term;
    return term !== null && this.#clock.monoMs() - term.renewedAt > this.times.leaseMs;
  }

  /**
   * Takes part in the election until a term ends or `stop` is called. One term per process: who lost
   * leadership exits, so that nothing of the term survives.
   *
   * @throws HomeostatError `HOMEO_KUBE_ALREADY_STARTED`
   */
  run(): Promise<StopReason> {
    if (this.#running !== null) {
      return Promise.reject(new HomeostatError('HOMEO_KUBE_ALREADY_STARTED'));
    }
    this.#running = this.#run();
    return this.#running;
  }

  /** Ends the term, releases the Lease once every effect ended, and resolves when both are done. */
  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  async #run(): Promise<StopReason> {
    const following = new AbortController();
    const watch =
      this.#options.watch === false
        ? null
        : this.#watch(following.signal).catch((error: unknown) => this.#report(error));
    const term = await this.#acquire();
    following.abort();
    await watch;
    if (term === null) return 'stopped';
    const reason = await this.#lead(term);
    this.#options.onStoppedLeading(reason);
    return reason;
  }

  #watch(signal: AbortSignal): Promise<void> {
    const { transport, namespace, name } = this.#options;
    return watchLease({
      transport,
      clock: this.#clock,
      namespace,
      name,
      retryMs: this.times.retryMs,
      signal: AbortSignal.any([signal, this.#stop.signal]),
      onRecord: (record) => {
        this.#observe(record);
        if (record.holder === '') this.#wakeUp.abort();
      },
      onDeleted: () => this.#wakeUp.abort(),
    });
  }

  async #acquire(): Promise<Term | null> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      this.#wakeUp = new AbortController();
      const term = await this.#tryAcquire().catch((error: unknown) => this.#report(error));
      if (term !== null) return term;
      const wake = AbortSignal.any([signal, this.#wakeUp.signal]);
      await this.#clock.sleep(this.#followerPauseMs(), wake);
    }
    return null;
  }

  /** Spreads attempts, but looks soon after the record expires. */
  #followerPauseMs(): number {
    const { retryMs } = this.times;
    const { random } = this.#options;
    const pause = retryMs * (1 + random() * RETRY_JITTER);
    const expiresIn = this.#expiresInMs();
    return expiresIn > 0 ? Math.min(pause, expiresIn + (random() * retryMs) / 2) : pause;
  }

  #expiresInMs(): number {
    if (this.#observed === null) return 0;
    const { record, at } = this.#observed;
    return at + (record.durationMs ?? this.times.leaseMs) - this.#clock.monoMs();
  }

  /** Tries once. Null: somebody else leads, or got there first. */
  async #tryAcquire(): Promise<Term | null> {
    const record = await this.#lease.read();
    if (record === null) this.#observed = null;
    else this.#observe(record);
    if (record !== null && !this.#isFree(record)) return null;
    const recorded = await this.#options.highestRecordedEpoch(this.#stop.signal);
    if (!Number.isSafeInteger(recorded)) throw new TypeError('an epoch must be a whole number');
    if (this.#stop.signal.aborted) return null;
    // An epoch is never used twice by this process, even if the write below has an unknown outcome.
    const epoch = Math.max(record?.epoch ?? 0, recorded, this.#lastEpoch) + 1;
    this.#lastEpoch = epoch;
    const renewedAt = this.#clock.monoMs();
    try {
      const lease = this.#lease;
      const written = await (record === null ? lease.create(epoch) : lease.take(record, epoch));
      const ending = new AbortController();
      return { epoch, ending, over: new AbortController(), renewedAt, record: written };
    } catch (error) {
      if (isConflict(error) || isNotFound(error)) return null;
      throw error;
    }
  }

  /** Remembers when a record was first seen as it is; a record that is older than the last is no news. */
  #observe(record: LeaseRecord): void {
    const last = this.#observed?.record;
    if (last?.fingerprint === record.fingerprint) return;
    if (last?.uid === record.uid && isOlder(record.resourceVersion, last.resourceVersion)) return;
    this.#observed = { record, at: this.#clock.monoMs() };
    this.#tellLeader(record.holder);
  }

  #tellLeader(holder: string): void {
    if (holder === '' || holder === this.#leader) return;
    this.#leader = holder;
    this.#options.onNewLeader?.(holder);
  }

  /** Held by us without a term: our own attempt succeeded and its reply was lost. */
  #isFree(record: LeaseRecord): boolean {
    return record.holder === '' || record.holder === this.identity || this.#expiresInMs() <= 0;
  }

  /** Runs a term to its end. */
  async #lead(term: Term): Promise<StopReason> {
    this.#term = term;
    this.#tellLeader(this.identity);
    const done = new AbortController();
    const work = { failed: false };
    void this.#work(term).then((succeeded) => {
      work.failed = !succeeded;
      done.abort();
    });
    const end = await this.#renewUntil(term, done.signal);
    this.#term = null;
    term.over.abort();
    term.ending.abort();
    if (end === 'done') {
      await this.#release(term);
      return work.failed ? 'failed' : 'stopped';
    }
    // Effects may still be under way: the Lease must expire before anybody else acts.
    this.#lost = end !== 'late';
    return end === 'late' ? 'stopped' : end;
  }

  async #work(term: Term): Promise<boolean> {
    try {
      await this.#options.onStartedLeading(term.epoch, term.ending.signal);
      return true;
    } catch (error) {
      this.#report(error);
      return false;
    }
  }

  /** Renews until the work of the term is done, `stop` took too long, or the term is lost. */
  async #renewUntil(term: Term, done: AbortSignal): Promise<'done' | 'late' | Loss> {
    const { renewDeadlineMs, retryMs } = this.times;
    const { gracefulStopMs = DEFAULT_GRACEFUL_STOP_MS } = this.#options;
    let endsAt = Number.POSITIVE_INFINITY;
    while (!done.aborted) {
      const wake = endsAt === Number.POSITIVE_INFINITY ? [done, this.#stop.signal] : [done];
      const overdueIn = term.renewedAt + renewDeadlineMs - this.#clock.monoMs();
      // At least a millisecond: clocks with fractions could otherwise be asked for no time at all.
      const pause = Math.max(1, Math.min(retryMs, overdueIn));
      await this.#clock.sleep(pause, AbortSignal.any(wake));
      if (done.aborted) break;
      const now = this.#clock.monoMs();
      if (this.#stop.signal.aborted && !term.ending.signal.aborted) {
        term.ending.abort();
        endsAt = now + gracefulStopMs;
      }
      if (now >= endsAt) return 'late';
      if (now - term.renewedAt >= renewDeadlineMs) return 'overdue';
      const loss = await this.#renew(term);
      if (loss !== null) return loss;
    }
    return 'done';
  }

  /** Renews once; null: renewed, or worth another try. */
  async #renew(term: Term): Promise<Loss | null> {
    try {
      return await this.#renewRecord(term);
    } catch (error) {
      if (isNotFound(error)) return 'deleted';
      if (!isConflict(error)) {
        this.#report(error);
        return null;
      }
    }
    try {
      // Somebody wrote: another candidate, a user, or ourselves with a reply that was lost.
      const record = await this.#lease.read();
      if (record === null) return 'deleted';
      if (record.holder !== this.identity || record.epoch !== term.epoch) {
        this.#tellLeader(record.holder);
        return 'replaced';
      }
      term.record = record;
      return await this.#renewRecord(term);
    } catch (error) {
      this.#report(error);
      return null;
    }
  }

  async #renewRecord(term: Term): Promise<null> {
    const sentAt = this.#clock.monoMs();
    const withinMs = Math.max(1, term.renewedAt + this.times.renewDeadlineMs - sentAt);
    term.record = await this.#lease.renew(term.record, withinMs);
    term.renewedAt = sentAt;
    const { resolve } = this.#renewed;
    this.#renewed = Promise.withResolvers<void>();
    resolve();
    return null;
  }

  async #release(term: Term): Promise<void> {
    for (let tries = 0; tries < RELEASE_TRIES; tries += 1) {
      try {
        await this.#lease.release(term.record);
        return;
      } catch (error) {
        if (isNotFound(error)) return;
        this.#report(error);
      }
      const record = await this.#lease.read().catch((error: unknown) => this.#report(error));
      if (record !== null && record.holder !== this.identity) return;
      if (record !== null) term.record = record;
    }
  }

  #report(error: unknown): null {
    this.#options.onError?.(error);
    return null;
  }
}

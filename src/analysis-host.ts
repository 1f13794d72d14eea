// SPDX-License-Identifier: Apache-2.0
/**
 * The analysis worker as the main thread holds it. A worker that dies or hangs is replaced: the new
 * one gets all objects and bindings again, and starts without telemetry, so its detectors say
 * "unknown" until the windows have filled. What the senders had been acknowledged for and is gone is
 * counted, never passed over.
 */
import type { MessagePort, Worker } from 'node:worker_threads';
import type {
  AnalysisCommand,
  AnalysisCounters,
  AnalysisReport,
  AnalysisWorkerData,
} from './analysis-messages.ts';
import type { DetectorFailure } from './analyze/bound-trigger.ts';
import type { Analysis, AnalysisAnswer, AnalysisQuery, Binding } from './domain/analysis.ts';
import type { Clock } from './domain/clock.ts';
import type { ObjectDelta } from './domain/entity.ts';
import type { Evidence } from './domain/evidence.ts';
import { SupervisedThread } from './supervised-thread.ts';

const CHECK_MS = 5_000;
/** Checks without a sign of life after which a worker counts as hung. */
const MISSED_CHECKS = 6;
const QUERY_MS = 10_000;
const MAX_QUERIES = 1_024;

/** What an {@link AnalysisHost} works with. */
export interface AnalysisHostOptions {
  readonly clock: Clock;
  /** What every worker is started with. */
  readonly data: Omit<AnalysisWorkerData, 'acknowledged'>;
  readonly spawn: (data: AnalysisWorkerData) => Worker;
  /** Called whenever a worker has objects and bindings, and can be given a port to the receiver. */
  readonly onReady: () => void;
  /** Called for each worker that died, with the reason and the acknowledged rows that are gone. */
  readonly onReset: (reason: string, lostAcknowledged: number) => void;
}

/** How the analysis side is. */
export interface AnalysisStatus {
  /** `warming`: no worker has its objects and bindings at present; queries are rejected. */
  readonly phase: 'warming' | 'ready';
  /** Workers that died, each with all telemetry it held. */
  readonly stateResets: number;
  /**
   * Rows that had entered windows of workers that died. Their senders were told that they were
   * accepted; nothing brings them back.
   */
  readonly lostAcknowledged: number;
  /** Counters of the present worker, at most some seconds old; `null` before its first report. */
  readonly counters: AnalysisCounters | null;
  readonly failures: readonly DetectorFailure[];
}

interface PendingQuery {
  readonly resolve: (answer: AnalysisAnswer) => void;
  readonly reject: (error: Error) => void;
}

/** Implements {@link Analysis} over a worker thread. */
export class AnalysisHost implements Analysis {
  readonly #options: AnalysisHostOptions;
  readonly #thread: SupervisedThread<AnalysisCommand, AnalysisReport>;
  readonly #listeners: ((evidence: readonly Evidence[]) => void)[] = [];
  readonly #objects = new Map<string, ObjectDelta>();
  readonly #queries = new Map<number, PendingQuery>();
  readonly #stopped = new AbortController();
  #bindings: readonly Binding[] = [];
  #acknowledged = new BigUint64Array(new SharedArrayBuffer(8));
  #isReady: boolean = false;
  #beats = 0;
  #nextQuery = 0;
  #stateResets = 0;
  #lostAcknowledged = 0;
  #counters: AnalysisCounters | null = null;
  #failures: readonly DetectorFailure[] = [];

  constructor(options: AnalysisHostOptions) {
    this.#options = options;
    this.#thread = new SupervisedThread({
      clock: options.clock,
      spawn: () => {
        const acknowledged = new SharedArrayBuffer(8);
        this.#acknowledged = new BigUint64Array(acknowledged);
        return options.spawn({ ...options.data, acknowledged });
      },
      onStart: () => {
        const deltas = [...this.#objects.values()];
        this.#thread.post({ kind: 'start', deltas, bindings: this.#bindings });
      },
      onReport: (report) => this.#hear(report),
      onDeath: (reason) => this.#bury(reason),
    });
  }

  /** Starts the first worker, and looks after it from then on. */
  start(): void {
    this.#thread.start();
    void this.#watch();
  }

  apply(deltas: readonly ObjectDelta[]): void {
    for (const delta of deltas) {
      if (delta.kind === 'delete') this.#objects.delete(delta.podUid);
      else this.#objects.set(delta.podUid, delta);
    }
    this.#thread.post({ kind: 'objects', deltas });
  }

  bind(bindings: readonly Binding[]): void {
    this.#bindings = bindings;
    this.#thread.post({ kind: 'bind', bindings });
  }

  query(query: AnalysisQuery): Promise<AnalysisAnswer> {
    if (!this.#isReady) return Promise.reject(new Error('the analysis worker is not ready'));
    if (this.#queries.size >= MAX_QUERIES) {
      return Promise.reject(new Error('too many queries wait for the analysis worker'));
    }
    const id = this.#nextQuery++;
    const settled = new AbortController();
    const answer = new Promise<AnalysisAnswer>((resolve, reject) => {
      this.#queries.set(id, { resolve, reject });
      this.#thread.post({ kind: 'query', id, query });
      void this.#options.clock.sleep(QUERY_MS, settled.signal).then(() => {
        if (this.#queries.delete(id)) reject(new Error('the analysis worker does not answer'));
      });
    });
    return answer.finally(() => settled.abort());
  }

  onEvidence(listener: (evidence: readonly Evidence[]) => void): void {
    this.#listeners.push(listener);
  }

  /** Gives the worker its port to the receiver; to be called from `onReady`. */
  attachReceiver(port: MessagePort): void {
    this.#thread.post({ kind: 'receiver', port }, [port]);
  }

  /** Returns how the analysis side is. */
  status(): AnalysisStatus {
    return {
      phase: this.#isReady ? 'ready' : 'warming',
      stateResets: this.#stateResets,
      lostAcknowledged: this.#lostAcknowledged,
      counters: this.#counters,
      failures: this.#failures,
    };
  }

  /** Lets the worker finish what waits, at most for `graceMs`, and ends it. */
  async stop(graceMs: number): Promise<void> {
    this.#stopped.abort();
    this.#isReady = false;
    this.#thread.post({ kind: 'stop' });
    await this.#thread.stop(graceMs);
    this.#rejectQueries('the analysis worker was stopped');
  }

  #hear(report: AnalysisReport): void {
    switch (report.kind) {
      case 'ready':
        this.#isReady = !this.#stopped.signal.aborted;
        if (this.#isReady) this.#options.onReady();
        break;
      case 'answer':
        this.#settle(report.id)?.resolve(report.answer);
        break;
      case 'unanswered':
        this.#settle(report.id)?.reject(new Error(report.message));
        break;
      case 'evidence':
        for (const listener of this.#listeners) listener(report.evidence);
        break;
      case 'beat':
        this.#beats += 1;
        this.#counters = report.counters;
        this.#failures = report.failures;
        break;
    }
  }

  #settle(id: number): PendingQuery | undefined {
    const pending = this.#queries.get(id);
    this.#queries.delete(id);
    return pending;
  }

  #rejectQueries(why: string): void {
    for (const { reject } of this.#queries.values()) reject(new Error(why));
    this.#queries.clear();
  }

  #bury(reason: string): void {
    this.#isReady = false;
    this.#counters = null;
    this.#failures = [];
    const lost = Number(Atomics.load(this.#acknowledged, 0));
    this.#stateResets += 1;
    this.#lostAcknowledged += lost;
    this.#rejectQueries(`the analysis worker died: ${reason}`);
    this.#options.onReset(reason, lost);
  }

  /** Replaces a worker that gives no sign of life. Counts checks, so a stall of this thread is no death of that one. */
  async #watch(): Promise<void> {
    let missed = 0;
    let heard = this.#beats;
    while (!this.#stopped.signal.aborted) {
      await this.#options.clock.sleep(CHECK_MS, this.#stopped.signal);
      missed = this.#beats === heard ? missed + 1 : 0;
      heard = this.#beats;
      if (missed < MISSED_CHECKS) continue;
      missed = 0;
      this.#thread.kill();
    }
  }
}

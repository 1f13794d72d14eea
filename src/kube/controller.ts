// SPDX-License-Identifier: Apache-2.0
//
// Controller: takes keys from a work queue and reconciles them, one key never twice at a time.
//
//   outcome               | queue                                  | label of reconcile_total
//   error                 | addRateLimited, requeueAfter ignored   | error
//   TerminalError         | nothing                                | error
//   requeueAfterMs > 0    | forget, then add after                 | requeue_after
//   requeue               | addRateLimited                         | requeue
//   nothing               | forget                                 | success
//
// Source: controller-runtime pkg/internal/controller/controller.go; the deadline per reconcile is ours.
import type { Clock } from '../domain/clock.ts';
import { HomeostatError, TerminalError } from '../errors.ts';
import { LOW_PRIORITY, WorkQueue } from './work-queue.ts';

/** What a reconcile wants next; nothing: it is content until something changes. */
export interface ReconcileResult {
  readonly requeue?: boolean;
  readonly requeueAfterMs?: number;
}

/** Labels of `reconcile_total`. */
export const RECONCILE_RESULTS = ['error', 'requeue_after', 'requeue', 'success'] as const;

/** How one reconcile ended. */
export type ReconcileLabel = (typeof RECONCILE_RESULTS)[number];

/** Names of what a controller counts, after the prefix `controller_runtime_`. */
export type ControllerCounter =
  | 'reconcile_total'
  | 'reconcile_errors_total'
  | 'terminal_reconcile_errors_total'
  | 'reconcile_panics_total'
  | 'reconcile_timeouts_total';

/** Names of what a controller gauges. */
export type ControllerGauge = 'max_concurrent_reconciles' | 'active_workers';

/** Takes the numbers of controllers. Every label value is reported with 0 when a controller is made. */
export interface ControllerMetrics {
  add(
    counter: ControllerCounter,
    controller: string,
    amount: number,
    result?: ReconcileLabel,
  ): void;
  set(gauge: ControllerGauge, controller: string, value: number): void;
  /** `reconcile_time_seconds`. */
  observeSeconds(controller: string, seconds: number): void;
}

/** What a controller is made of. */
export interface ControllerOptions {
  readonly name: string;
  readonly clock: Clock;
  /**
   * Brings the world of one key nearer to what is wanted. Level-triggered: the key says where to look, not
   * what happened. `signal` aborts at the deadline and when the controller is cut off.
   */
  readonly reconcile: (key: string, signal: AbortSignal) => Promise<ReconcileResult | undefined>;
  /** Default 1. */
  readonly workers?: number | undefined;
  /** Milliseconds for one reconcile. Default 30 000. */
  readonly deadlineMs?: number | undefined;
  /** Milliseconds that `stop` waits for reconciles under way before it aborts them. Default 30 000. */
  readonly gracefulStopMs?: number | undefined;
  readonly metrics?: ControllerMetrics | undefined;
  readonly onError?: ((error: unknown, key: string) => void) | undefined;
}

const DEFAULT_DEADLINE_MS = 30_000;

/** Errors of the program, not of the world: what other languages call a panic. */
const isPanic = (error: unknown): boolean =>
  !(error instanceof Error) ||
  error instanceof TypeError ||
  error instanceof ReferenceError ||
  error instanceof RangeError;

type Ending =
  | { readonly kind: 'returned'; readonly result: ReconcileResult }
  | { readonly kind: 'threw'; readonly error: unknown };

/** See the top of this file. */
export class Controller {
  /** Keys to reconcile; handlers of reflectors add to it. */
  readonly queue: WorkQueue;
  readonly #options: ControllerOptions;
  readonly #cutOff = new AbortController();
  #workers: Promise<void>[] | null = null;
  #active = 0;

  constructor(options: ControllerOptions) {
    this.#options = options;
    this.queue = new WorkQueue(options.clock);
    this.#reportZeros();
  }

  /** Gives a change handler that adds the key of the object: behind everything else on the first list. */
  enqueue(): (change: { readonly key: string; readonly initial?: boolean }) => void {
    return (change) => {
      this.queue.add(change.key, change.initial === true ? { priority: LOW_PRIORITY } : {});
    };
  }

  /**
   * Starts the workers once every source is synced; nothing is reconciled before.
   *
   * @param synced resolves when the caches are complete and their handlers heard of everything
   * @throws HomeostatError `HOMEO_KUBE_ALREADY_STARTED`, or what `synced` rejects with
   */
  async start(synced: Promise<unknown> = Promise.resolve()): Promise<void> {
    if (this.#workers !== null) throw new HomeostatError('HOMEO_KUBE_ALREADY_STARTED');
    this.#workers = [];
    await synced;
    for (let each = 0; each < (this.#options.workers ?? 1); each += 1) {
      this.#workers.push(this.#work());
    }
  }

  /** Takes no more keys, waits for reconciles under way, and aborts them when they take too long. */
  async stop(): Promise<void> {
    const { clock, gracefulStopMs = DEFAULT_DEADLINE_MS } = this.#options;
    const drained = this.queue.drain();
    const inTime = new AbortController();
    const late = clock.sleep(gracefulStopMs, inTime.signal);
    await Promise.race([drained, late]);
    inTime.abort();
    this.cutOff();
  }

  /** Aborts everything at once, without grace: leadership is lost. */
  cutOff(): void {
    this.queue.shutdown();
    this.#cutOff.abort();
  }

  async #work(): Promise<void> {
    for (;;) {
      const item = await this.queue.get();
      if (item === null || this.#cutOff.signal.aborted) {
        if (item !== null) this.queue.done(item.key);
        return;
      }
      this.#setActive(1);
      try {
        await this.#handle(item.key, item.priority);
      } finally {
        this.#setActive(-1);
      }
    }
  }

  /**
   * Runs one reconcile up to its deadline. One that does not end even though its signal aborted keeps its key
   * locked until it does, but gives the worker back.
   */
  async #handle(key: string, priority: number): Promise<void> {
    const { clock, name, metrics, deadlineMs = DEFAULT_DEADLINE_MS } = this.#options;
    const startedAt = clock.monoMs();
    const deadline = new AbortController();
    const ended = new AbortController();
    const running = this.#reconcile(key, AbortSignal.any([deadline.signal, this.#cutOff.signal]));
    const late = clock.sleep(deadlineMs, ended.signal).then(() => null);
    const ending = await Promise.race([running, late]);
    ended.abort();
    metrics?.observeSeconds(name, (clock.monoMs() - startedAt) / 1000);
    if (ending !== null) {
      this.#settle(key, priority, ending);
      return;
    }
    deadline.abort();
    metrics?.add('reconcile_timeouts_total', name, 1);
    const error = new HomeostatError('HOMEO_KUBE_DEADLINE', { details: { key, deadlineMs } });
    void running.then(() => this.#settle(key, priority, { kind: 'threw', error }));
  }

  async #reconcile(key: string, signal: AbortSignal): Promise<Ending> {
    try {
      const result = await this.#options.reconcile(key, signal);
      return { kind: 'returned', result: result ?? {} };
    } catch (error) {
      return { kind: 'threw', error };
    }
  }

  #settle(key: string, priority: number, ending: Ending): void {
    if (ending.kind === 'threw') this.#failed(key, priority, ending.error);
    else this.#count(this.#requeue(key, priority, ending.result));
    this.queue.done(key);
  }

  #failed(key: string, priority: number, error: unknown): void {
    const { name, metrics, onError } = this.#options;
    this.#count('error');
    metrics?.add('reconcile_errors_total', name, 1);
    if (isPanic(error)) metrics?.add('reconcile_panics_total', name, 1);
    onError?.(error, key);
    if (error instanceof TerminalError) {
      metrics?.add('terminal_reconcile_errors_total', name, 1);
      return;
    }
    this.queue.addRateLimited(key, { priority });
  }

  #requeue(key: string, priority: number, result: ReconcileResult): ReconcileLabel {
    const { requeueAfterMs = 0, requeue = false } = result;
    if (requeueAfterMs > 0) {
      this.queue.forget(key);
      this.queue.add(key, { priority, afterMs: requeueAfterMs });
      return 'requeue_after';
    }
    if (requeue) {
      this.queue.addRateLimited(key, { priority });
      return 'requeue';
    }
    this.queue.forget(key);
    return 'success';
  }

  #count(result: ReconcileLabel): void {
    this.#options.metrics?.add('reconcile_total', this.#options.name, 1, result);
  }

  #setActive(change: 1 | -1): void {
    this.#active += change;
    this.#options.metrics?.set('active_workers', this.#options.name, this.#active);
  }

  #reportZeros(): void {
    const { metrics, name, workers = 1 } = this.#options;
    if (metrics === undefined) return;
    for (const result of RECONCILE_RESULTS) metrics.add('reconcile_total', name, 0, result);
    metrics.add('reconcile_errors_total', name, 0);
    metrics.add('terminal_reconcile_errors_total', name, 0);
    metrics.add('reconcile_panics_total', name, 0);
    metrics.add('reconcile_timeouts_total', name, 0);
    metrics.set('max_concurrent_reconciles', name, workers);
    metrics.set('active_workers', name, 0);
  }
}

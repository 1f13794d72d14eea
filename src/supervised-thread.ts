// SPDX-License-Identifier: Apache-2.0
import type { Transferable, Worker } from 'node:worker_threads';
import type { Clock } from './domain/clock.ts';

const FIRST_BACKOFF_MS = 50;
const MAX_BACKOFF_MS = 10_000;
/** A thread that has lived this long has earned a prompt restart. */
const STABLE_MS = 60_000;

/** What a {@link SupervisedThread} works with. */
export interface SupervisedThreadOptions<Report> {
  readonly clock: Clock;
  readonly spawn: () => Worker;
  /** Called right after each start, before any report. */
  readonly onStart: () => void;
  readonly onReport: (report: Report) => void;
  /** Called once for each death that nobody asked for. */
  readonly onDeath: (reason: string) => void;
}

/** Keeps one worker thread running: starts it again, with a growing delay, whenever it dies. */
export class SupervisedThread<Command, Report> {
  readonly #options: SupervisedThreadOptions<Report>;
  readonly #stopping = new AbortController();
  #worker: Worker | null = null;
  #exited: Promise<void> = Promise.resolve();
  #startedAtMs = 0;
  #failures = 0;

  constructor(options: SupervisedThreadOptions<Report>) {
    this.#options = options;
  }

  /** Starts the thread; to be called once. */
  start(): void {
    const { clock, spawn, onStart, onReport } = this.#options;
    const worker = spawn();
    this.#worker = worker;
    this.#startedAtMs = clock.monoMs();
    let reason = '';
    worker.on('message', (report: Report) => {
      if (this.#worker === worker) onReport(report);
    });
    worker.on('error', (error) => {
      reason = error instanceof Error ? error.message : String(error);
    });
    this.#exited = new Promise((resolve) => {
      worker.on('exit', (code) => {
        resolve();
        if (this.#worker === worker) this.#bury(reason || `exit code ${code}`);
      });
    });
    onStart();
  }

  /** Sends a command; lost when the thread is not running. */
  post(command: Command, transfer: readonly Transferable[] = []): void {
    this.#worker?.postMessage(command, transfer);
  }

  /** Ends a thread that hangs; it is then started again. */
  kill(): void {
    this.#worker?.terminate().catch(() => undefined);
  }

  /** Waits until the thread has ended by itself after a command to stop, and kills it after `graceMs`. */
  async stop(graceMs: number): Promise<void> {
    this.#stopping.abort();
    const worker = this.#worker;
    if (worker === null) return;
    const done = new AbortController();
    const exited = this.#exited.then(() => done.abort());
    await Promise.race([exited, this.#options.clock.sleep(graceMs, done.signal)]);
    if (!done.signal.aborted) await worker.terminate();
    await exited;
  }

  #bury(reason: string): void {
    this.#worker = null;
    if (this.#stopping.signal.aborted) return;
    this.#options.onDeath(reason);
    const livedMs = this.#options.clock.monoMs() - this.#startedAtMs;
    this.#failures = livedMs >= STABLE_MS ? 1 : this.#failures + 1;
    const backoffMs = Math.min(MAX_BACKOFF_MS, FIRST_BACKOFF_MS * 2 ** (this.#failures - 1));
    void this.#options.clock.sleep(backoffMs, this.#stopping.signal).then(() => {
      if (!this.#stopping.signal.aborted) this.start();
    });
  }
}

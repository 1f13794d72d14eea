// SPDX-License-Identifier: Apache-2.0
/**
 * What the analysis worker does all day. One loop takes turns: a slice of waiting OTLP requests, then
 * one step (one workload) of the running round of detectors. So detectors never starve ingestion,
 * and ingestion never starves detectors. A request is answered only after its rows are in the
 * windows; what finds no room in the queue is told when to come back.
 */
import type { MessagePort } from 'node:worker_threads';
import type {
  AnalysisCommand,
  AnalysisCounters,
  AnalysisReport,
  AnalysisWorkerData,
} from './analysis-messages.ts';
import type { Detector } from './analyze/detector.ts';
import { type AnalysisEngine, createEngine, engineSink } from './analyze/engine.ts';
import type { AnalysisQuery } from './domain/analysis.ts';
import type { Clock } from './domain/clock.ts';
import type { Evidence } from './domain/evidence.ts';
import { IngestQueue } from './monitor/ingest-queue.ts';
import { serveExports } from './monitor/otlp/analysis-link.ts';
import { Ingest } from './monitor/otlp/ingest.ts';
import { Normaliser } from './monitor/otlp/normalise.ts';
import type { ExportJob, ReceiverAnswer } from './monitor/otlp/port-messages.ts';

/** Time that waiting requests get before a step of the round has its turn. */
const DRAIN_SLICE_MS = 20;
/** Longest nap when nothing waits; rounds are due at multiples of a second or more. */
const NAP_MS = 100;
const BEAT_MS = 1_000;

/** What a loop works with. */
export interface AnalysisLoopParts {
  readonly port: MessagePort;
  readonly data: AnalysisWorkerData;
  readonly detectors: readonly Detector[];
  readonly clock: Clock;
}

interface QueuedExport {
  readonly job: ExportJob;
  readonly body: ExportJob['body'];
  readonly answer: (answer: ReceiverAnswer) => void;
}

/** The analysis worker's loop over its engine, its queue and its two ports. */
export class AnalysisLoop {
  readonly #port: MessagePort;
  readonly #clock: Clock;
  readonly #engine: AnalysisEngine;
  readonly #normaliser = new Normaliser();
  readonly #ingest: Ingest;
  readonly #queue: IngestQueue<QueuedExport>;
  readonly #acknowledged: BigUint64Array;
  readonly #answers: Record<string, number> = {};
  #round: Generator<void, readonly Evidence[]> | null = null;
  #receiver: MessagePort | null = null;
  #isStopping: boolean = false;
  #wake = new AbortController();

  constructor({ port, data, detectors, clock }: AnalysisLoopParts) {
    this.#port = port;
    this.#clock = clock;
    this.#engine = createEngine({ detectors, limits: data.store });
    this.#ingest = new Ingest({
      normaliser: this.#normaliser,
      sink: engineSink(this.#engine, clock),
      limitBytes: data.limitBytes,
    });
    this.#queue = new IngestQueue(data.queue);
    this.#acknowledged = new BigUint64Array(data.acknowledged);
  }

  /** Runs until the main thread says `stop` and nothing waits any more. */
  async run(): Promise<void> {
    this.#port.on('message', (command: AnalysisCommand) => this.#obey(command));
    const beat = setInterval(() => this.#beat(), BEAT_MS);
    try {
      while (!this.#isStopping || this.#queue.length > 0) {
        await this.#drain();
        this.#step();
        await this.#pause();
      }
    } finally {
      clearInterval(beat);
      this.#receiver?.close();
      this.#port.close();
    }
  }

  #obey(command: AnalysisCommand): void {
    switch (command.kind) {
      case 'start':
        this.#engine.apply(command.deltas);
        this.#engine.bind(command.bindings);
        this.#report({ kind: 'ready' });
        this.#beat();
        break;
      case 'objects':
        this.#engine.apply(command.deltas);
        break;
      case 'bind':
        this.#engine.bind(command.bindings);
        break;
      case 'query':
        this.#answerQuery(command.id, command.query);
        break;
      case 'receiver':
        this.#attach(command.port);
        break;
      case 'stop':
        this.#isStopping = true;
        break;
    }
    this.#wake.abort();
  }

  #answerQuery(id: number, query: AnalysisQuery): void {
    try {
      this.#report({ kind: 'answer', id, answer: this.#engine.query(query) });
    } catch (error) {
      this.#report({ kind: 'unanswered', id, message: String(error) });
    }
  }

  #attach(port: MessagePort): void {
    this.#receiver?.close();
    this.#receiver = port;
    serveExports(port, (job) => this.#enqueue(job));
  }

  #enqueue(job: ExportJob): Promise<ReceiverAnswer> {
    return new Promise((resolve) => {
      const answer = (said: ReceiverAnswer): void => {
        this.#answers[said.kind] = (this.#answers[said.kind] ?? 0) + 1;
        resolve(said);
      };
      if (this.#queue.offer({ job, body: job.body, answer })) this.#wake.abort();
      else answer({ kind: 'busy', retryAfterMs: this.#queue.retryAfterMs() });
    });
  }

  /** Works on waiting requests, oldest first, for one slice of time. */
  async #drain(): Promise<void> {
    const startMs = this.#clock.monoMs();
    let nowMs = startMs;
    while (nowMs - startMs < DRAIN_SLICE_MS) {
      const queued = this.#queue.take();
      if (queued === undefined) return;
      const before = this.#engine.accepted;
      const answer = await this.#ingest.accept(queued.job);
      Atomics.add(this.#acknowledged, 0, BigInt(this.#engine.accepted - before));
      queued.answer(answer);
      const endMs = this.#clock.monoMs();
      this.#queue.learn(queued.body.byteLength, endMs - nowMs);
      nowMs = endMs;
    }
  }

  /** Runs the detectors of one workload, if a round is due or under way. */
  #step(): void {
    const nowMs = this.#clock.wallMs();
    if (this.#round === null) {
      if (this.#isStopping || !this.#engine.isDue(nowMs)) return;
      this.#round = this.#engine.analyse(nowMs);
    }
    const step = this.#round.next();
    if (!step.done) return;
    this.#round = null;
    if (step.value.length > 0) this.#report({ kind: 'evidence', evidence: step.value });
  }

  /** Lets messages and timers in; sleeps when nothing waits. */
  async #pause(): Promise<void> {
    if (this.#queue.length === 0 && this.#round === null && !this.#wake.signal.aborted) {
      await this.#clock.sleep(NAP_MS, this.#wake.signal);
    } else {
      await new Promise((resolve) => setImmediate(resolve));
    }
    if (this.#wake.signal.aborted) this.#wake = new AbortController();
  }

  #report(report: AnalysisReport): void {
    this.#port.postMessage(report);
  }

  #beat(): void {
    const counters: AnalysisCounters = {
      ...this.#engine.counters(),
      normaliser: this.#normaliser.counters,
      answers: { ...this.#answers },
      queuedJobs: this.#queue.length,
      queuedBytes: this.#queue.bytes,
    };
    this.#report({ kind: 'beat', counters, failures: this.#engine.failures() });
  }
}

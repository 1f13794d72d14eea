// SPDX-License-Identifier: Apache-2.0
//
// Event recorder: tells people what was decided, as Events of events.k8s.io/v1 on the object concerned.
// It never blocks and never throws: what does not fit its queue, or what the server refuses, is counted.
//
// The first Event of a kind is created; its first repeat turns it into a series by a patch with count 2; later
// repeats are only counted, and written every 30 minutes and when the series has been quiet for 6. The key of a
// series leaves the note out, so that Events that differ in their text only collapse as well.
//
// Source: client-go tools/events/event_broadcaster.go.
import type { Clock, MonoMs } from '../domain/clock.ts';
import type { EventSink } from '../domain/cluster.ts';
import { ApiError, isAlreadyExists, isNotFound } from './api-error.ts';
import type { Guard } from './apply.ts';
import { cutToBytes, escapeText, eventNote, MAX_WORD_BYTES } from './event-text.ts';
import { microTime } from './lease-record.ts';
import { apiVersionOf, BUILT_IN, collectionPath, objectPath } from './resource.ts';
import { SpamFilter } from './spam-filter.ts';
import type { ApiRequest, Transport } from './transport.ts';

/** One thing to tell. */
export type EventInput = Parameters<EventSink['emit']>[0] & {
  /** A second object that has to do with it. */
  readonly related?: EventInput['regarding'];
};

/** What became of Events, since the start. */
export interface EventCounters {
  /** Requests that created or patched an Event. */
  written: number;
  /** Dropped because the queue was full. */
  droppedFull: number;
  /** Dropped by the limit per object. */
  droppedSpam: number;
  /** Given up: refused by the server, or not written after the last attempt. */
  failed: number;
}

/** What a recorder is made of. */
export interface EventRecorderOptions {
  readonly transport: Transport;
  readonly clock: Clock;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  /** Qualified name, for example `homeostat.dev/operator`. */
  readonly controller: string;
  /** This process, for example its lease identity. */
  readonly instance: string;
  /** Guard of the present term; null: no term, nothing is written. Absent: writes are not fenced. */
  readonly guard?: (() => Guard | null) | undefined;
}

const MAX_QUEUE = 1_000;
const MAX_SERIES = 4_096;
const MAX_ATTEMPTS = 12;
const RETRY_MS = 10_000;
const RETRY_JITTER = 0.25;
const REFRESH_MS = 30 * 60_000;
const FINISH_MS = 6 * 60_000;
const DEFAULT_STOP_MS = 5_000;

interface Series {
  readonly namespace: string;
  readonly name: string;
  /** The object as created, without `series`. */
  readonly event: Readonly<Record<string, unknown>>;
  /** 1: no series yet. */
  count: number;
  /** Last count that the server knows. */
  writtenCount: number;
  lastAt: MonoMs;
  lastObservedTime: string;
}

type Job =
  | { readonly kind: 'emit'; readonly input: EventInput; readonly at: string }
  | { readonly kind: 'refresh' }
  | { readonly kind: 'finish' };

/** See the top of this file. */
export class EventRecorder implements EventSink {
  readonly counters: EventCounters = { written: 0, droppedFull: 0, droppedSpam: 0, failed: 0 };
  readonly #options: EventRecorderOptions;
  readonly #clock: Clock;
  readonly #spam: SpamFilter;
  readonly #series = new Map<string, Series>();
  readonly #stop = new AbortController();
  readonly #noMoreRetries = new AbortController();
  #queue: Job[] = [];
  #wake = Promise.withResolvers<void>();
  #running: Promise<unknown> | null = null;
  #serial = 0;

  constructor(options: EventRecorderOptions) {
    this.#options = options;
    this.#clock = options.clock;
    this.#spam = new SpamFilter(options.clock);
  }

  /** Starts writing; Events told before wait in the queue. */
  start(): void {
    this.#running ??= Promise.all([
      this.#work(),
      this.#every(REFRESH_MS, { kind: 'refresh' }),
      this.#every(FINISH_MS, { kind: 'finish' }),
    ]);
  }

  /** Tells one thing; returns at once. */
  emit(event: EventInput): void {
    if (this.#stop.signal.aborted || this.#queue.length >= MAX_QUEUE) {
      this.counters.droppedFull += 1;
      return;
    }
    this.#push({ kind: 'emit', input: event, at: microTime(this.#clock.wallMs()) });
  }

  /** Writes what is queued and the final counts, for at most `graceMs`, then stops. The last to be stopped. */
  async stop(graceMs: number = DEFAULT_STOP_MS): Promise<void> {
    this.#push({ kind: 'refresh' });
    this.#stop.abort();
    const done = new AbortController();
    void this.#clock.sleep(graceMs, done.signal).then(() => this.#noMoreRetries.abort());
    await this.#running;
    done.abort();
  }

  #push(job: Job): void {
    this.#queue.push(job);
    this.#wake.resolve();
  }

  async #every(ms: number, job: Job): Promise<void> {
    const { signal } = this.#stop;
    for (;;) {
      await this.#clock.sleep(ms, signal);
      if (signal.aborted) return;
      if (!this.#queue.includes(job)) this.#push(job);
    }
  }

  async #work(): Promise<void> {
    for (;;) {
      const job = this.#queue.shift();
      if (job !== undefined) {
        await this.#run(job);
      } else if (this.#stop.signal.aborted) {
        return;
      } else {
        this.#wake = Promise.withResolvers<void>();
        await this.#wake.promise;
      }
    }
  }

  async #run(job: Job): Promise<void> {
    switch (job.kind) {
      case 'emit':
        return this.#record(job.input, job.at);
      case 'refresh':
        return this.#refresh();
      case 'finish':
        return this.#finish();
    }
  }

  async #record(input: EventInput, at: string): Promise<void> {
    const key = this.#keyOf(input);
    const known = this.#series.get(key);
    if (known !== undefined) {
      known.count += 1;
      known.lastAt = this.#clock.monoMs();
      known.lastObservedTime = at;
      if (known.count === 2) await this.#write(known);
      return;
    }
    if (!this.#spam.allows(JSON.stringify(input.regarding))) {
      this.counters.droppedSpam += 1;
      return;
    }
    const series = this.#startSeries(input, at);
    this.#series.set(key, series);
    this.#evictOldest();
    await this.#write(series);
  }

  #evictOldest(): void {
    if (this.#series.size <= MAX_SERIES) return;
    const [oldest] = this.#series.keys();
    if (oldest !== undefined) this.#series.delete(oldest);
  }

  async #refresh(): Promise<void> {
    for (const series of this.#series.values()) {
      if (series.count > Math.max(1, series.writtenCount)) await this.#write(series);
    }
  }

  /** Forgets what has been quiet, after writing its final count. */
  async #finish(): Promise<void> {
    const before = this.#clock.monoMs() - FINISH_MS;
    for (const [key, series] of this.#series) {
      if (series.lastAt > before) continue;
      if (series.count > Math.max(1, series.writtenCount)) await this.#write(series);
      this.#series.delete(key);
    }
  }

  #keyOf(input: EventInput): string {
    const { type, action, reason, regarding, related = null } = input;
    return JSON.stringify([type, action, reason, regarding, related]);
  }

  #startSeries(input: EventInput, at: string): Series {
    const { controller, instance } = this.#options;
    const { regarding, related } = input;
    const namespace = regarding.namespace === '' ? 'default' : regarding.namespace;
    this.#serial += 1;
    const suffix = `${this.#clock.wallMs().toString(16)}${this.#serial.toString(16).padStart(4, '0')}`;
    const name = `${nameStem(regarding.name)}.${suffix}`;
    const event = {
      apiVersion: apiVersionOf(BUILT_IN.events),
      kind: BUILT_IN.events.kind,
      metadata: { namespace, name },
      eventTime: at,
      type: input.type,
      reason: word(input.reason),
      action: word(input.action),
      note: eventNote(input.note),
      regarding,
      ...(related === undefined ? {} : { related }),
      reportingController: controller,
      reportingInstance: word(instance),
    };
    const lastAt = this.#clock.monoMs();
    return { namespace, name, event, count: 1, writtenCount: 0, lastAt, lastObservedTime: at };
  }

  /** Writes the present state of a series, trying again while the server cannot be reached. */
  async #write(series: Series): Promise<void> {
    for (let attempt = 1; attempt <= MAX_ATTEMPTS; attempt += 1) {
      const count = series.count;
      try {
        await this.#send(series);
        series.writtenCount = count;
        this.counters.written += 1;
        return;
      } catch (error) {
        if (!this.#worthAnotherTry(error)) break;
      }
      if (this.#noMoreRetries.signal.aborted) break;
      const pause = RETRY_MS * (1 + this.#options.random() * RETRY_JITTER);
      await this.#clock.sleep(pause, this.#noMoreRetries.signal);
    }
    this.counters.failed += 1;
  }

  /** A refusal stays one; only what did not get an answer may do better. */
  #worthAnotherTry(error: unknown): boolean {
    if (!(error instanceof ApiError)) return false;
    return error.code === 0 || error.code === 429 || error.code >= 500;
  }

  async #send(series: Series): Promise<void> {
    if (series.writtenCount === 0) return this.#create(series);
    try {
      await this.#request({
        method: 'PATCH',
        path: objectPath(BUILT_IN.events, series),
        contentType: 'application/merge-patch+json',
        body: { series: this.#seriesField(series) },
      });
    } catch (error) {
      if (!isNotFound(error)) throw error;
      // Events expire; the series goes on in a new object.
      await this.#create(series);
    }
  }

  async #create(series: Series): Promise<void> {
    const field = series.count > 1 ? { series: this.#seriesField(series) } : {};
    try {
      await this.#request({
        method: 'POST',
        path: collectionPath(BUILT_IN.events, series.namespace),
        body: { ...series.event, ...field },
      });
    } catch (error) {
      // The name is ours alone: an earlier attempt arrived and its reply was lost.
      if (!isAlreadyExists(error)) throw error;
    }
  }

  #seriesField(series: Series): { count: number; lastObservedTime: string } {
    return { count: series.count, lastObservedTime: series.lastObservedTime };
  }

  async #request(request: ApiRequest): Promise<void> {
    const { transport, guard } = this.#options;
    const fence = guard?.();
    if (fence === null) {
      const message = 'not leading';
      throw new ApiError({ code: 0, reason: 'Fenced', message, sent: 'no' });
    }
    await transport.request({
      ...request,
      retries: 0,
      deadlineMs: fence?.writeDeadlineMs,
      signal: fence?.signal,
      beforeSend: fence === undefined ? undefined : () => fence.check(),
    });
  }
}

const word = (text: string): string => cutToBytes(escapeText(text), MAX_WORD_BYTES);

/** An object's name as the first part of an Event's name: some kinds allow what Events do not. */
const nameStem = (name: string): string =>
  name
    .toLowerCase()
    .replaceAll(/[^a-z0-9.-]/g, '-')
    .slice(0, 200)
    .replace(/^[^a-z0-9]+|[^a-z0-9]+$/g, '') || 'event';

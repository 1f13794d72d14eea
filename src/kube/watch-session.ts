// SPDX-License-Identifier: Apache-2.0
import type { Clock, MonoMs } from '../domain/clock.ts';
import { ApiError, apiErrorFromStatus } from './api-error.ts';
import type { KubeObject } from './resource.ts';
import type { WatchEvent, WatchStream } from './watch-stream.ts';

/** A checked event of a watch. */
export type ObjectEvent =
  | { readonly type: 'ADDED' | 'MODIFIED' | 'DELETED'; readonly object: KubeObject }
  | {
      readonly type: 'BOOKMARK';
      readonly resourceVersion: string;
      /** The bookmark that ends the initial events of a streamed list. */
      readonly endsInitialEvents: boolean;
    };

/** How one stream ended. */
export type SessionEnd =
  | { readonly kind: 'stopped' }
  | { readonly kind: 'closed'; readonly events: number; readonly lastedMs: number }
  /** Nothing came for so long that the connection is taken for dead. */
  | { readonly kind: 'idle' }
  /** The connection or a line broke. */
  | { readonly kind: 'broken'; readonly error: ApiError }
  /** The server sent an ERROR event. */
  | { readonly kind: 'error'; readonly error: ApiError };

/** How to read one stream. */
export interface SessionOptions {
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Milliseconds after which the server must have closed the stream itself. */
  readonly hardLimitMs: number;
  /** Milliseconds of silence allowed while this gives a number; null: the usual rule. */
  readonly silenceLimitMs: () => number | null;
  /** Reading waits for it. */
  readonly onEvent: (event: ObjectEvent) => void | Promise<void>;
}

/** Least silence that counts as dead: bookmarks come about once a minute, but that is no promise. */
const MIN_IDLE_MS = 60_000;
const IDLE_GAPS = 3;

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const malformed = (message: string): ApiError =>
  new ApiError({ code: 0, reason: 'MalformedLine', message, sent: 'yes' });

function bookmarkOf(object: unknown): ObjectEvent {
  const metadata = isRecord(object) ? object['metadata'] : undefined;
  const version = isRecord(metadata) ? metadata['resourceVersion'] : undefined;
  if (!isRecord(metadata) || typeof version !== 'string') {
    throw malformed('a bookmark has no resourceVersion');
  }
  const { annotations } = metadata;
  const end = isRecord(annotations) ? annotations['k8s.io/initial-events-end'] : undefined;
  return { type: 'BOOKMARK', resourceVersion: version, endsInitialEvents: end === 'true' };
}

/** Checks an event as it came. @throws ApiError `MalformedLine` */
function checkEvent(event: WatchEvent): ObjectEvent {
  const { type, object } = event;
  if (type === 'BOOKMARK') return bookmarkOf(object);
  if (type !== 'ADDED' && type !== 'MODIFIED' && type !== 'DELETED') {
    throw malformed('a watch event has an unknown type');
  }
  const metadata = isRecord(object) ? object['metadata'] : undefined;
  if (!isRecord(metadata) || typeof metadata['name'] !== 'string' || metadata['name'] === '') {
    throw malformed('a watch event has an object without a name');
  }
  return { type, object: object as KubeObject };
}

/** Watches over the silence of a stream and closes it when it lasts too long. */
class Watchdog {
  expired: boolean = false;
  readonly #options: SessionOptions;
  readonly #startedAt: MonoMs;
  #activeAt: MonoMs;
  #bookmarkAt: MonoMs | null = null;
  #largestGapMs = 0;

  constructor(options: SessionOptions) {
    this.#options = options;
    this.#startedAt = options.clock.monoMs();
    this.#activeAt = this.#startedAt;
  }

  heard(isBookmark: boolean): void {
    const now = this.#options.clock.monoMs();
    this.#activeAt = now;
    if (!isBookmark) return;
    if (this.#bookmarkAt !== null) {
      this.#largestGapMs = Math.max(this.#largestGapMs, now - this.#bookmarkAt);
    }
    this.#bookmarkAt = now;
  }

  /** Sleeps until the stream is due to be given up, over and over, until `ended` aborts. */
  async run(stream: WatchStream, ended: AbortSignal): Promise<void> {
    while (!ended.aborted) {
      const leftMs = this.#dueAt() - this.#options.clock.monoMs();
      if (leftMs <= 0) {
        this.expired = true;
        stream.close();
        return;
      }
      await this.#options.clock.sleep(Math.max(1, Math.min(leftMs, MIN_IDLE_MS / 2)), ended);
    }
  }

  #dueAt(): MonoMs {
    const hard = this.#startedAt + this.#options.hardLimitMs;
    const silence = this.#options.silenceLimitMs() ?? this.#usualLimitMs();
    return Math.min(hard, this.#activeAt + silence);
  }

  #usualLimitMs(): number {
    if (this.#largestGapMs === 0) return Number.POSITIVE_INFINITY;
    return Math.max(MIN_IDLE_MS, IDLE_GAPS * this.#largestGapMs);
  }
}

/** Reads one stream to its end, whatever the end is; never throws what the stream threw. */
export async function readSession(
  stream: WatchStream,
  options: SessionOptions,
): Promise<SessionEnd> {
  const { clock, signal } = options;
  const startedAt = clock.monoMs();
  const ended = new AbortController();
  const watchdog = new Watchdog(options);
  void watchdog.run(stream, ended.signal);
  const onStop = (): void => stream.close();
  signal.addEventListener('abort', onStop, { once: true });
  let events = 0;
  try {
    for await (const raw of stream) {
      if (signal.aborted) break;
      events += 1;
      watchdog.heard(raw.type === 'BOOKMARK');
      if (raw.type === 'ERROR') return { kind: 'error', error: apiErrorFromStatus(raw.object, 0) };
      await options.onEvent(checkEvent(raw));
    }
  } catch (error) {
    if (signal.aborted) return { kind: 'stopped' };
    if (!(error instanceof ApiError)) throw error;
    return { kind: 'broken', error };
  } finally {
    ended.abort();
    signal.removeEventListener('abort', onStop);
    stream.close();
  }
  if (signal.aborted) return { kind: 'stopped' };
  if (watchdog.expired) return { kind: 'idle' };
  return { kind: 'closed', events, lastedMs: clock.monoMs() - startedAt };
}

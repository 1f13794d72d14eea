// SPDX-License-Identifier: Apache-2.0
import type { Dispatcher } from 'undici';
import type { Clock, UnixMs } from '../domain/clock.ts';
import { ApiError, apiErrorFromStatus, type LocalReason } from './api-error.ts';
import { Exchange, type ExchangeRequest, type ExchangeSink } from './http-exchange.ts';
import { LineReader } from './line-reader.ts';

/** One line of a watch as it came: `object` is unchecked JSON. */
export interface WatchEvent {
  /** ADDED, MODIFIED, DELETED, BOOKMARK or ERROR; what else comes is for the reader to refuse. */
  readonly type: string;
  readonly object: unknown;
}

/**
 * A running watch, read once. Iteration ends when the server closes the stream cleanly and throws an
 * ApiError when the connection breaks (`ConnectionLost`), a line is no event (`MalformedLine`), too long or
 * cut (`TruncatedLine`).
 */
export interface WatchStream extends AsyncIterable<WatchEvent> {
  /** Ends the stream; a pending read then ends as after a clean close. */
  close(): void;
}

/** Lines that may wait to be read before the socket is paused, and at which it goes on. */
const HIGH_WATER = 1_000;
const LOW_WATER = 250;
/** A refusal longer than this is cut. */
const MAX_REFUSAL_BYTES = 1024 * 1024;

function parseEvent(line: string): WatchEvent {
  let event: unknown;
  try {
    event = JSON.parse(line);
  } catch (cause) {
    throw streamError('MalformedLine', 'a line of the watch is not JSON', cause);
  }
  if (typeof event === 'object' && event !== null && 'type' in event && 'object' in event) {
    const { type, object } = event;
    if (typeof type === 'string') return { type, object };
  }
  throw streamError('MalformedLine', 'a line of the watch is not an event');
}

const streamError = (reason: LocalReason, message: string, cause?: unknown): ApiError =>
  new ApiError({ code: 0, reason, message, sent: 'yes', cause });

class HttpWatchStream implements WatchStream, ExchangeSink {
  readonly #reader = new LineReader();
  readonly #clock: Clock;
  readonly #retryAfterOf: WatchOpening['retryAfterOf'];
  readonly #opened: (error: ApiError | null) => void;
  #exchange: Exchange | null = null;
  #lines: string[] = [];
  #next = 0;
  #end: { readonly error: ApiError | null } | null = null;
  #paused: boolean = false;
  #wake: (() => void) | null = null;
  #refusal: { status: number; waitMs: number | null; body: Buffer[]; bytes: number } | null = null;

  constructor(opening: WatchOpening, opened: (error: ApiError | null) => void) {
    this.#clock = opening.clock;
    this.#retryAfterOf = opening.retryAfterOf;
    this.#opened = opened;
  }

  start(request: ExchangeRequest, dispatcher: Dispatcher): void {
    this.#exchange = new Exchange(request, this);
    this.#exchange.start(dispatcher);
  }

  giveUp(error: ApiError): void {
    this.#exchange?.abort(error);
  }

  close(): void {
    this.#finish(null);
    this.#exchange?.abort(streamError('Aborted', 'the watch was closed'));
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<WatchEvent> {
    try {
      for (;;) {
        const line = await this.#take();
        if (line === null) return;
        yield parseEvent(line);
      }
    } finally {
      this.close();
    }
  }

  head(status: number, headers: Readonly<Record<string, string | string[] | undefined>>): void {
    if (status === 200) {
      this.#opened(null);
      return;
    }
    const waitMs = this.#retryAfterOf(headers['retry-after'], this.#clock.wallMs());
    this.#refusal = { status, waitMs, body: [], bytes: 0 };
  }

  data(chunk: Buffer): void {
    if (this.#refusal !== null) {
      this.#refusal.bytes += chunk.length;
      if (this.#refusal.bytes <= MAX_REFUSAL_BYTES) this.#refusal.body.push(chunk);
      return;
    }
    try {
      for (const line of this.#reader.push(chunk)) this.#lines.push(line);
    } catch (cause) {
      this.#exchange?.abort(streamError('LineTooLong', 'a line of the watch is too long', cause));
      return;
    }
    if (!this.#paused && this.#lines.length - this.#next > HIGH_WATER) {
      this.#paused = true;
      this.#exchange?.pause();
    }
    this.#wakeUp();
  }

  ended(): void {
    if (this.#refusal !== null) {
      const { status, waitMs, body } = this.#refusal;
      const text = Buffer.concat(body).toString('utf8');
      this.#opened(apiErrorFromStatus(parseStatus(text), status, waitMs));
      return;
    }
    const cut = this.#reader.hasPartialLine;
    this.#finish(cut ? streamError('TruncatedLine', 'the watch ended inside a line') : null);
  }

  failed(error: ApiError): void {
    this.#opened(error);
    this.#finish(error);
  }

  #finish(error: ApiError | null): void {
    this.#end ??= { error };
    this.#wakeUp();
  }

  #wakeUp(): void {
    this.#wake?.();
    this.#wake = null;
  }

  async #take(): Promise<string | null> {
    for (;;) {
      const line = this.#lines[this.#next];
      if (line !== undefined) {
        this.#advance();
        return line;
      }
      if (this.#end !== null) {
        if (this.#end.error !== null) throw this.#end.error;
        return null;
      }
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  #advance(): void {
    this.#next += 1;
    const waiting = this.#lines.length - this.#next;
    if (waiting === 0 || this.#next >= HIGH_WATER) {
      this.#lines = this.#lines.slice(this.#next);
      this.#next = 0;
    }
    if (this.#paused && waiting < LOW_WATER) {
      this.#paused = false;
      this.#exchange?.resume();
    }
  }
}

function parseStatus(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** What `openWatch` needs besides the request. */
export interface WatchOpening {
  readonly dispatcher: Dispatcher;
  /** Aborts the opening only; once the head of the answer came it has no effect. */
  readonly opening: AbortSignal;
  readonly clock: Clock;
  readonly retryAfterOf: (header: string | string[] | undefined, nowMs: UnixMs) => number | null;
}

/**
 * Sends a watch request and resolves with its stream once the server said 200.
 *
 * @throws ApiError when it said something else or nothing
 */
export function openWatch(request: ExchangeRequest, opening: WatchOpening): Promise<WatchStream> {
  return new Promise((resolve, reject) => {
    const stream = new HttpWatchStream(opening, (error) => {
      opening.opening.removeEventListener('abort', giveUp);
      if (error === null) resolve(stream);
      else reject(error);
    });
    const giveUp = (): void => {
      const message = 'the watch was not opened in time';
      stream.giveUp(
        new ApiError({ code: 0, reason: 'DeadlineExceeded', message, sent: 'unknown' }),
      );
    };
    opening.opening.addEventListener('abort', giveUp, { once: true });
    stream.start(request, opening.dispatcher);
  });
}

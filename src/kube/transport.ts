// SPDX-License-Identifier: Apache-2.0
//
// Transport: the one way from Homeostat to an API server.
//
// It answers: what did the server say to this request, and if nothing, did the request reach it?
// It never: resends a write whose reply was lost, parses objects into classes, or decides anything.
//
//   const pods = await transport.request({ method: 'GET', path: '/api/v1/pods', query: { limit: '500' } });
//
// Every failure is an ApiError. `request` repeats a call when the server asks for that with Retry-After
// (429 or 5xx, all verbs, at most 10 times, inside the deadline), a GET whose connection broke, and once
// after a 401 with credentials read anew.
import type { Clock, MonoMs, UnixMs } from '../domain/clock.ts';
import { ApiError, apiErrorFromStatus, type Sent } from './api-error.ts';
import { ConnectionSource, type Endpoint } from './credentials.ts';
import { abortReason, DEADLINE_REACHED, Exchange, type ExchangeRequest } from './http-exchange.ts';
import { DEFAULT_RATE_LIMITS, type Priority, RateLimiter, type RateLimits } from './rate-limit.ts';
import { openWatch, type WatchStream } from './watch-stream.ts';

/** Verbs of the API that Homeostat uses. */
export type Method = 'GET' | 'POST' | 'PATCH' | 'PUT' | 'DELETE';

/** One call. */
export interface ApiRequest {
  readonly method: Method;
  /** Absolute path without query; build it with `objectPath` or `collectionPath`. */
  readonly path: string;
  /** Parameters; undefined ones are left out. */
  readonly query?: Readonly<Record<string, string | undefined>> | undefined;
  /** Written as JSON. */
  readonly body?: unknown;
  /** Default `application/json`. */
  readonly contentType?: string | undefined;
  /** Milliseconds for the whole call: waiting for the budget, all attempts and pauses. Default 30 000. */
  readonly deadlineMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Default `normal`. */
  readonly priority?: Priority | undefined;
  /** Most repetitions of the call; 0 for an effect that must be judged again first. Default 10. */
  readonly retries?: number | undefined;
  /**
   * Runs in the same turn in which the first byte is written, before it, at every attempt. Throwing aborts
   * the call with `sent: 'no'` and reason `Fenced`.
   */
  readonly beforeSend?: (() => void) | undefined;
}

/** An answer with a status below 300. */
export interface ApiResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** The parsed JSON as it came, no field dropped; null for an empty body. */
  readonly body: unknown;
  readonly text: string;
}

/** A call that opens a watch: always GET, never repeated here, not counted against the budget. */
export interface WatchRequest {
  readonly path: string;
  readonly query: Readonly<Record<string, string | undefined>>;
  /** Milliseconds until the head of the answer. Default 30 000. */
  readonly deadlineMs?: number | undefined;
  /** Ends the stream as well. */
  readonly signal?: AbortSignal | undefined;
}

/** One attempt, for the request log. */
export interface RequestLogEntry {
  readonly atMs: UnixMs;
  readonly method: Method | 'WATCH';
  readonly path: string;
  readonly query: string;
  /** 1 for the first. */
  readonly attempt: number;
  /** 0: no answer. */
  readonly status: number;
  readonly durationMs: number;
  readonly sent: Sent;
  /** Empty when the call succeeded. */
  readonly reason: string;
}

/** Carries calls to one API server; fakes of it drive the same code without a network. */
export interface Transport {
  /** @throws ApiError for every status from 300 on and every failure on the way */
  request(request: ApiRequest): Promise<ApiResponse>;
  /** Resolves when the server accepted the watch. @throws ApiError as `request` does */
  watch(request: WatchRequest): Promise<WatchStream>;
  /** Cuts all connections; calls under way fail. */
  close(): Promise<void>;
}

/** What a transport is made of. */
export interface TransportOptions {
  readonly endpoint: Endpoint;
  readonly clock: Clock;
  /** Asked at every attempt, because the epoch in it changes. */
  readonly userAgent: () => string;
  readonly requestLog?: ((entry: RequestLogEntry) => void) | undefined;
  readonly limits?: RateLimits | undefined;
  /** Uniform in [0, 1); spreads the pauses after a broken connection. */
  readonly random?: (() => number) | undefined;
}

const DEFAULT_DEADLINE_MS = 30_000;
const MAX_RETRIES = 10;
const MAX_RESPONSE_BYTES = 64 * 1024 * 1024;
const BREAK_BACKOFF_MS = 50;
const MAX_BREAK_BACKOFF_MS = 2_000;
const HEADERS_TIMEOUT_MS = 30_000;
const BODY_TIMEOUT_MS = 30_000;

/** A signal that aborts at a deadline of the injected clock or with the caller's signal. */
interface Deadline {
  readonly signal: AbortSignal;
  readonly at: MonoMs;
  end(): void;
}

function startDeadline(clock: Clock, ms: number, callers: AbortSignal | undefined): Deadline {
  const expired = new AbortController();
  const ended = new AbortController();
  void clock.sleep(ms, ended.signal).then(() => {
    if (!ended.signal.aborted) expired.abort(DEADLINE_REACHED);
  });
  const signals = callers === undefined ? [expired.signal] : [callers, expired.signal];
  return {
    signal: AbortSignal.any(signals),
    at: clock.monoMs() + ms,
    end: () => ended.abort(),
  };
}

/** How often a call was tried. */
interface Tries {
  attempt: number;
  reauthenticated: boolean;
}

/** Reads a Retry-After header: seconds or an HTTP date. */
function retryAfterOf(header: string | string[] | undefined, nowMs: UnixMs): number | null {
  const value = Array.isArray(header) ? header[0] : header;
  if (value === undefined) return null;
  if (/^[0-9]{1,9}$/.test(value.trim())) return Number(value) * 1000;
  const at = Date.parse(value);
  return Number.isNaN(at) ? null : Math.max(0, at - nowMs);
}

function parseBody(text: string): unknown {
  if (text === '') return null;
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function queryString(query: ApiRequest['query']): string {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(query ?? {})) {
    if (value !== undefined) parameters.append(name, value);
  }
  return parameters.toString();
}

/** Collects one answer into memory, up to a bound. */
function collect(exchange: ExchangeRequest, dispatcher: Parameters<Exchange['start']>[0]) {
  return new Promise<{ status: number; headers: ApiResponse['headers']; text: string }>(
    (resolve, reject) => {
      const chunks: Buffer[] = [];
      let bytes = 0;
      let status = 0;
      let headers: ApiResponse['headers'] = {};
      const running = new Exchange(exchange, {
        head: (code, fields) => {
          status = code;
          headers = fields;
        },
        data: (chunk) => {
          bytes += chunk.length;
          if (bytes > MAX_RESPONSE_BYTES) {
            const message = `the answer is longer than ${MAX_RESPONSE_BYTES} bytes`;
            running.abort(
              new ApiError({ code: status, reason: 'ResponseTooLarge', message, sent: 'unknown' }),
            );
            return;
          }
          chunks.push(chunk);
        },
        ended: () => resolve({ status, headers, text: Buffer.concat(chunks).toString('utf8') }),
        failed: reject,
      });
      running.start(dispatcher);
    },
  );
}

class HttpTransport implements Transport {
  readonly #options: TransportOptions;
  readonly #clock: Clock;
  readonly #connections: ConnectionSource;
  readonly #limiter: RateLimiter;
  readonly #origin: string;
  readonly #prefix: string;

  constructor(options: TransportOptions) {
    const url = new URL(options.endpoint.server);
    this.#options = options;
    this.#clock = options.clock;
    this.#connections = new ConnectionSource(options.endpoint, options.clock);
    this.#limiter = new RateLimiter(options.clock, options.limits ?? DEFAULT_RATE_LIMITS);
    this.#origin = url.origin;
    this.#prefix = url.pathname.replace(/\/+$/, '');
  }

  async request(request: ApiRequest): Promise<ApiResponse> {
    const deadline = startDeadline(
      this.#clock,
      request.deadlineMs ?? DEFAULT_DEADLINE_MS,
      request.signal,
    );
    const tries: Tries = { attempt: 1, reauthenticated: false };
    try {
      for (; ; tries.attempt += 1) {
        try {
          return await this.#attempt(request, tries.attempt, deadline.signal);
        } catch (error) {
          if (!(error instanceof ApiError)) throw error;
          await this.#beforeNext(request, tries, { error, deadline });
        }
      }
    } finally {
      deadline.end();
    }
  }

  async watch(request: WatchRequest): Promise<WatchStream> {
    const deadline = startDeadline(
      this.#clock,
      request.deadlineMs ?? DEFAULT_DEADLINE_MS,
      undefined,
    );
    const never = new AbortController().signal;
    const signals = { opening: deadline.signal, stream: request.signal ?? never };
    try {
      for (let attempt = 1; ; attempt += 1) {
        try {
          return await this.#openWatch(request, attempt, signals);
        } catch (error) {
          if (!(error instanceof ApiError && error.code === 401 && attempt === 1)) throw error;
          await this.#connections.reload();
        }
      }
    } finally {
      deadline.end();
    }
  }

  close(): Promise<void> {
    return this.#connections.close();
  }

  /** Waits until the next attempt may start. @throws `failure.error` when there must be none */
  async #beforeNext(
    request: ApiRequest,
    tries: Tries,
    failure: { readonly error: ApiError; readonly deadline: Deadline },
  ): Promise<void> {
    const { error, deadline } = failure;
    if (error.code === 401 && !tries.reauthenticated) {
      tries.reauthenticated = true;
      try {
        await this.#connections.reload();
        return;
      } catch {
        throw error;
      }
    }
    const waitMs = this.#pauseAfter(error, request, tries.attempt);
    if (waitMs === null || this.#clock.monoMs() + waitMs >= deadline.at) throw error;
    await this.#clock.sleep(waitMs, deadline.signal);
    if (deadline.signal.aborted) throw error;
  }

  /** Milliseconds to wait before the next attempt; `null`: there must be none. */
  #pauseAfter(error: ApiError, request: ApiRequest, attempt: number): number | null {
    if (attempt > (request.retries ?? MAX_RETRIES)) return null;
    const busy = error.code === 429 || error.code >= 500;
    if (busy && error.retryAfterMs !== null) return error.retryAfterMs;
    if (request.method !== 'GET' || error.reason !== 'ConnectionLost') return null;
    const base = Math.min(MAX_BREAK_BACKOFF_MS, BREAK_BACKOFF_MS * 2 ** (attempt - 1));
    return base * (1 + (this.#options.random ?? Math.random)());
  }

  async #attempt(request: ApiRequest, attempt: number, signal: AbortSignal): Promise<ApiResponse> {
    await this.#limiter.take(request.priority ?? 'normal', signal);
    const note = this.#startNote(request.method, request, attempt);
    try {
      const { dispatcher, headers } = await this.#connect(signal);
      const exchange = {
        ...this.#exchange(request, headers, signal),
        beforeSend: request.beforeSend,
      };
      const answer = await collect(exchange, dispatcher);
      const body = parseBody(answer.text);
      if (answer.status >= 300) {
        const wait = retryAfterOf(answer.headers['retry-after'], this.#clock.wallMs());
        throw apiErrorFromStatus(body, answer.status, wait);
      }
      if (body === undefined) throw this.#notJson(answer.status);
      note(answer.status, 'yes', '');
      return { ...answer, body };
    } catch (error) {
      if (error instanceof ApiError) note(error.code, error.sent, error.reason);
      throw error;
    }
  }

  /** Reading credentials may take long (exec plugins); the deadline holds there too. */
  async #connect(signal: AbortSignal): ReturnType<ConnectionSource['get']> {
    const message = 'no credentials for the API server';
    const { promise: aborted, reject } = Promise.withResolvers<never>();
    const onAbort = (): void => reject(new Error('gave up waiting for credentials'));
    signal.addEventListener('abort', onAbort, { once: true });
    if (signal.aborted) onAbort();
    try {
      return await Promise.race([this.#connections.get(), aborted]);
    } catch (cause) {
      const reason = signal.aborted ? abortReason(signal) : 'ConnectionFailed';
      throw new ApiError({ code: 0, reason, message, sent: 'no', cause });
    } finally {
      signal.removeEventListener('abort', onAbort);
    }
  }

  async #openWatch(
    request: WatchRequest,
    attempt: number,
    signals: { readonly opening: AbortSignal; readonly stream: AbortSignal },
  ): Promise<WatchStream> {
    const note = this.#startNote('WATCH', request, attempt);
    try {
      const { dispatcher, headers } = await this.#connect(signals.opening);
      const exchange = this.#exchange({ ...request, method: 'GET' }, headers, signals.stream);
      const stream = await openWatch(
        { ...exchange, bodyTimeoutMs: 0 },
        { dispatcher, opening: signals.opening, clock: this.#clock, retryAfterOf },
      );
      note(200, 'yes', '');
      return stream;
    } catch (error) {
      if (error instanceof ApiError) note(error.code, error.sent, error.reason);
      throw error;
    }
  }

  #exchange(
    request: Pick<ApiRequest, 'method' | 'path' | 'query' | 'body' | 'contentType'>,
    credentials: Readonly<Record<string, string>>,
    signal: AbortSignal,
  ): ExchangeRequest {
    const query = queryString(request.query);
    const headers: Record<string, string> = {
      accept: 'application/json',
      'user-agent': this.#options.userAgent(),
      ...credentials,
    };
    if (request.body !== undefined) {
      headers['content-type'] = request.contentType ?? 'application/json';
    }
    return {
      origin: this.#origin,
      path: `${this.#prefix}${request.path}${query === '' ? '' : `?${query}`}`,
      method: request.method,
      headers,
      body: request.body === undefined ? null : JSON.stringify(request.body),
      headersTimeoutMs: HEADERS_TIMEOUT_MS,
      bodyTimeoutMs: BODY_TIMEOUT_MS,
      signal,
    };
  }

  #notJson(status: number): ApiError {
    const message = 'the answer is not JSON';
    return new ApiError({ code: status, reason: 'BadResponse', message, sent: 'unknown' });
  }

  #startNote(
    method: RequestLogEntry['method'],
    request: Pick<ApiRequest, 'path' | 'query'>,
    attempt: number,
  ): (status: number, sent: Sent, reason: string) => void {
    const startedAt = this.#clock.monoMs();
    const atMs = this.#clock.wallMs();
    return (status, sent, reason) =>
      this.#options.requestLog?.({
        atMs,
        method,
        path: request.path,
        query: queryString(request.query),
        attempt,
        status,
        durationMs: this.#clock.monoMs() - startedAt,
        sent,
        reason,
      });
  }
}

/**
 * Makes the transport to one API server. It connects at the first call and keeps its connections until
 * `close`.
 */
export const createTransport = (options: TransportOptions): Transport => new HttpTransport(options);

// SPDX-License-Identifier: Apache-2.0
import type { Dispatcher } from 'undici';
import { ApiError, type LocalReason, type Sent } from './api-error.ts';

/** The reason with which a deadline aborts a signal; every other reason means that the caller gave up. */
export const DEADLINE_REACHED = Symbol('deadline reached');

/** Tells a deadline from a caller who gave up. */
export const abortReason = (signal: AbortSignal): LocalReason =>
  signal.reason === DEADLINE_REACHED ? 'DeadlineExceeded' : 'Aborted';

/** One HTTP request as it goes on the wire. */
export interface ExchangeRequest {
  readonly origin: string;
  readonly path: string;
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | null;
  /** Milliseconds to wait for the head of the answer, by the socket's own timer. */
  readonly headersTimeoutMs: number;
  /** Milliseconds between two chunks of the answer, by the socket's own timer; 0: no limit. */
  readonly bodyTimeoutMs: number;
  readonly signal: AbortSignal;
  /** Runs on the open connection right before the first byte is written; throwing stops the request. */
  readonly beforeSend?: (() => void) | undefined;
}

/** Takes the parts of an answer. After `failed` or `ended` nothing more comes. */
export interface ExchangeSink {
  head(status: number, headers: Readonly<Record<string, string | string[] | undefined>>): void;
  data(chunk: Buffer): void;
  ended(): void;
  failed(error: ApiError): void;
}

const errorCode = (error: unknown): string =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';

const TIMEOUTS = new Set(['UND_ERR_HEADERS_TIMEOUT', 'UND_ERR_BODY_TIMEOUT']);

function reasonOf(error: unknown, sent: Sent): LocalReason {
  const code = errorCode(error);
  if (code === 'ECONNREFUSED') return 'ConnectionRefused';
  if (TIMEOUTS.has(code)) return 'DeadlineExceeded';
  return sent === 'no' ? 'ConnectionFailed' : 'ConnectionLost';
}

/**
 * One request and its answer on an undici dispatcher. It goes below undici's own `request` for two facts
 * that the latter hides: whether any byte was written, and the last moment before one is.
 */
export class Exchange implements Dispatcher.DispatchHandler {
  readonly #request: ExchangeRequest;
  readonly #sink: ExchangeSink;
  readonly #onAbort = (): void => this.#aborted();
  #controller: Dispatcher.DispatchController | null = null;
  #sent: Sent = 'no';
  #done: boolean = false;

  constructor(request: ExchangeRequest, sink: ExchangeSink) {
    this.#request = request;
    this.#sink = sink;
  }

  /** What is known of the request so far; `yes` once the head of the answer came. */
  get sent(): Sent {
    return this.#sent;
  }

  /** Hands the request to the dispatcher; every outcome goes to the sink. */
  start(dispatcher: Dispatcher): void {
    const { signal } = this.#request;
    if (signal.aborted) {
      this.#aborted();
      return;
    }
    signal.addEventListener('abort', this.#onAbort, { once: true });
    const { origin, path, method, headers, body } = this.#request;
    try {
      dispatcher.dispatch(
        {
          origin,
          path,
          method,
          headers,
          body,
          headersTimeout: this.#request.headersTimeoutMs,
          bodyTimeout: this.#request.bodyTimeoutMs,
        },
        this,
      );
    } catch (error) {
      this.onResponseError(null, error);
    }
  }

  /** Ends the exchange from our side; the sink hears `error`. */
  abort(error: ApiError): void {
    this.#finish(() => this.#sink.failed(error));
    this.#controller?.abort(error);
  }

  /** Stops reading from the socket until `resume`. */
  pause(): void {
    if (!this.#done) this.#controller?.pause();
  }

  resume(): void {
    if (!this.#done) this.#controller?.resume();
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    if (this.#done) {
      controller.abort(new Error('given up before it was sent'));
      return;
    }
    try {
      this.#request.beforeSend?.();
    } catch (cause) {
      const message = 'the last check before sending refused the request';
      this.abort(new ApiError({ code: 0, reason: 'Fenced', message, sent: 'no', cause }));
      return;
    }
    this.#sent = 'unknown';
  }

  onResponseStart(
    _controller: Dispatcher.DispatchController,
    status: number,
    headers: Record<string, string | string[] | undefined>,
  ): void {
    if (this.#done || status < 200) return;
    this.#sent = 'yes';
    this.#sink.head(status, headers);
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (!this.#done) this.#sink.data(chunk);
  }

  onResponseEnd(): void {
    this.#finish(() => this.#sink.ended());
  }

  onResponseError(_controller: Dispatcher.DispatchController | null, cause: unknown): void {
    this.#finish(() => this.#sink.failed(this.#failure(reasonOf(cause, this.#sent), cause)));
  }

  #aborted(): void {
    const { signal } = this.#request;
    this.abort(this.#failure(abortReason(signal), signal.reason));
  }

  #failure(reason: LocalReason, cause: unknown): ApiError {
    const { method, path } = this.#request;
    // A head without its whole body tells that the server acted, not how.
    const sent = this.#sent === 'no' ? 'no' : 'unknown';
    const message = `${method} ${path}: ${reason}`;
    return new ApiError({ code: 0, reason, message, sent, cause });
  }

  #finish(report: () => void): void {
    if (this.#done) return;
    this.#done = true;
    this.#request.signal.removeEventListener('abort', this.#onAbort);
    report();
  }
}

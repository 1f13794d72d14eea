// SPDX-License-Identifier: Apache-2.0
import { ApiError, apiErrorFromStatus } from '../../../src/kube/api-error.ts';
import type {
  ApiRequest,
  ApiResponse,
  Transport,
  WatchRequest,
} from '../../../src/kube/transport.ts';
import type { WatchEvent, WatchStream } from '../../../src/kube/watch-stream.ts';

/** A watch whose lines a test writes. */
export class FakeWatch implements WatchStream {
  readonly request: WatchRequest;
  closedByClient = false;
  #events: WatchEvent[] = [];
  #end: { error: ApiError | null } | null = null;
  #wake: () => void = () => undefined;

  constructor(request: WatchRequest) {
    this.request = request;
  }

  send(type: string, object: unknown): void {
    this.#events.push({ type, object });
    this.#wake();
  }

  bookmark(resourceVersion: string, endsInitialEvents = false): void {
    const annotations = endsInitialEvents ? { 'k8s.io/initial-events-end': 'true' } : {};
    this.send('BOOKMARK', { kind: 'Pod', metadata: { resourceVersion, annotations } });
  }

  /** Ends as a server does that closes cleanly. */
  end(): void {
    this.#end ??= { error: null };
    this.#wake();
  }

  fail(error: ApiError): void {
    this.#end ??= { error };
    this.#wake();
  }

  close(): void {
    this.closedByClient = true;
    this.end();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<WatchEvent> {
    for (;;) {
      const event = this.#events.shift();
      if (event !== undefined) {
        yield event;
        continue;
      }
      if (this.#end !== null) {
        if (this.#end.error !== null) throw this.#end.error;
        return;
      }
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }
}

/** What a scripted server says: an object with a status, or an error. */
export type Reply = { readonly status?: number; readonly body: unknown } | ApiError;

export const lost = (sent: 'no' | 'unknown' = 'unknown'): ApiError =>
  new ApiError({
    code: 0,
    reason: sent === 'no' ? 'ConnectionRefused' : 'ConnectionLost',
    message: 'scripted',
    sent,
  });

export const broken = (reason: string): ApiError =>
  new ApiError({ code: 0, reason, message: 'scripted', sent: 'yes' });

export const status = (code: number, reason: string, extra: Record<string, unknown> = {}) =>
  apiErrorFromStatus({ kind: 'Status', code, reason, message: reason, ...extra }, code);

/** A transport that a test scripts; it records every call. */
export class FakeTransport implements Transport {
  readonly requests: ApiRequest[] = [];
  readonly watches: FakeWatch[] = [];
  readonly watchRequests: WatchRequest[] = [];
  onRequest: (request: ApiRequest) => Reply | Promise<Reply> = () => status(500, 'Unscripted');
  /** Returns an error to refuse a watch. */
  onWatch: (watch: FakeWatch) => ApiError | null = () => null;

  get lastWatch(): FakeWatch {
    const watch = this.watches.at(-1);
    if (watch === undefined) throw new Error('no watch was opened');
    return watch;
  }

  async request(request: ApiRequest): Promise<ApiResponse> {
    this.requests.push(request);
    const reply = await this.onRequest(request);
    if (reply instanceof ApiError) throw reply;
    if (request.signal?.aborted === true) throw lost();
    const code = reply.status ?? 200;
    if (code >= 300) throw apiErrorFromStatus(reply.body, code);
    const text = JSON.stringify(reply.body);
    return { status: code, headers: {}, body: JSON.parse(text) as unknown, text };
  }

  watch(request: WatchRequest): Promise<WatchStream> {
    this.watchRequests.push(request);
    const watch = new FakeWatch(request);
    const refusal = this.onWatch(watch);
    if (refusal !== null) return Promise.reject(refusal);
    this.watches.push(watch);
    return Promise.resolve(watch);
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

/** A pod as the API server sends it, reduced to what tests look at. */
export const pod = (name: string, resourceVersion: number | string, uid = `uid-${name}`) => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { namespace: 'default', name, uid, resourceVersion: String(resourceVersion) },
});

export const podList = (
  resourceVersion: number | string,
  items: readonly unknown[],
  next?: string,
) => ({
  body: {
    kind: 'PodList',
    apiVersion: 'v1',
    metadata: {
      resourceVersion: String(resourceVersion),
      ...(next === undefined ? {} : { continue: next }),
    },
    items,
  },
});

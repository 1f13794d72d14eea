// SPDX-License-Identifier: Apache-2.0
import { createServer, type Http2Server, type ServerHttp2Session } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { GrpcCall } from './grpc-call.ts';
import type { ReceiverContext } from './receiver-context.ts';

/** Flow-control window of one stream; the default of 64 KiB throttles. */
const STREAM_WINDOW_BYTES = 2 ** 20;
/** Flow-control window of a connection. */
const SESSION_WINDOW_BYTES = 16 * 2 ** 20;
/** Resets by the client that a connection may have at once, and per second after that. */
const RESET_BURST = 200;
const RESETS_PER_SECOND = 33;

/** The OTLP/gRPC server: unary calls over plain HTTP/2, without a gRPC library. */
export class GrpcServer {
  readonly #context: ReceiverContext;
  readonly #server: Http2Server;
  readonly #sessions = new Set<ServerHttp2Session>();

  constructor(context: ReceiverContext) {
    const { limits } = context;
    this.#context = context;
    this.#server = createServer({
      settings: {
        maxConcurrentStreams: limits.concurrentStreams,
        initialWindowSize: STREAM_WINDOW_BYTES,
        maxHeaderListSize: limits.headerBytes,
        enablePush: false,
      },
      maxHeaderListPairs: 64,
      maxSessionInvalidFrames: 100,
      maxSessionRejectedStreams: 100,
      streamResetBurst: RESET_BURST,
      streamResetRate: RESETS_PER_SECOND,
    });
    this.#server.maxConnections = limits.connections;
    this.#server.on('session', (session) => this.#watch(session));
    this.#server.on('stream', (stream, headers) => new GrpcCall(context, stream).start(headers));
    // Without listeners a broken connection would end the process.
    this.#server.on('sessionError', () => {});
    this.#server.on('error', () => {});
  }

  /** Starts to listen. @returns the port. @throws what the system says */
  listen(host: string, port: number): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen({ host, port }, () => {
        this.#server.off('error', reject);
        resolve((this.#server.address() as AddressInfo).port);
      });
    });
  }

  /** Stops to listen, tells each connection to go away, and waits for the open calls. */
  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    for (const session of this.#sessions) session.close();
    const timer = setTimeout(() => {
      for (const session of this.#sessions) session.destroy();
    }, this.#context.limits.drainTimeoutMs);
    await closed;
    clearTimeout(timer);
  }

  #watch(session: ServerHttp2Session): void {
    const { counters, limits } = this.#context;
    this.#sessions.add(session);
    counters.grpcSessions += 1;
    session.on('error', () => {});
    session.once('close', () => {
      this.#sessions.delete(session);
      counters.grpcSessions -= 1;
    });
    session.setLocalWindowSize(SESSION_WINDOW_BYTES);
    session.setTimeout(limits.idleTimeoutMs, () => session.close());
    if (this.#context.isDraining) session.close();
  }
}

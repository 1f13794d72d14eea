// SPDX-License-Identifier: Apache-2.0
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { SignalKind } from '../../domain/telemetry.ts';
import type { Refusal } from './counters.ts';
import { isAcceptedEncoding } from './decompress.ts';
import { encodeExportResponse, type Outcome, refusedBy } from './export-response.ts';
import { readHttpBody } from './http-body.ts';
import type { OtlpContentType } from './port-messages.ts';
import type { ReceiverContext } from './receiver-context.ts';
import { CODE, encodeStatus, type Refused } from './rpc-status.ts';

const PATHS: Readonly<Record<string, SignalKind>> = {
  '/v1/traces': 'traces',
  '/v1/metrics': 'metrics',
  '/v1/logs': 'logs',
};
const MEDIA_TYPES: Readonly<Record<OtlpContentType, string>> = {
  protobuf: 'application/x-protobuf',
  json: 'application/json',
};
/** Only 429 and 503 make a client send again. */
const HTTP_STATUS: Readonly<Record<Refusal, number>> = {
  badPath: 404,
  badMethod: 405,
  badContentType: 415,
  badEncoding: 415,
  badFraming: 400,
  tooLarge: 413,
  invalid: 400,
  budget: 429,
  busy: 429,
  unavailable: 503,
  slowBody: 503,
  deadline: 503,
  reset: 503,
  draining: 503,
};
/** The rest of a refused body is read and dropped up to this size, so that the connection lives on. */
const MAX_DROPPED_BYTES = 2 ** 20;
/** So long a client may go on sending a larger one before the connection is closed. */
const LINGER_MS = 2_000;

interface Route {
  readonly signal: SignalKind;
  readonly contentType: OtlpContentType;
  readonly encoding: string;
}

/** The OTLP/HTTP server, for protobuf and JSON on one port. */
export class HttpServer {
  readonly #context: ReceiverContext;
  readonly #server: Server;

  constructor(context: ReceiverContext) {
    const { limits, counters } = context;
    this.#context = context;
    this.#server = createServer({
      keepAliveTimeout: limits.idleTimeoutMs,
      headersTimeout: limits.bodyTimeoutMs,
      // The own timer comes first and gives the answer; this one is for a client that never ends.
      requestTimeout: limits.bodyTimeoutMs * 2,
      maxHeaderSize: limits.headerBytes,
      requireHostHeader: false,
    });
    this.#server.maxConnections = limits.connections;
    this.#server.on('request', (request, response) => this.#handle(request, response));
    this.#server.on('checkContinue', (request, response) => this.#handle(request, response));
    this.#server.on('clientError', (error, socket) => this.#badRequest(error, socket as Socket));
    this.#server.on('connection', (socket) => {
      counters.httpConnections += 1;
      socket.once('close', () => {
        counters.httpConnections -= 1;
      });
    });
  }

  /** Starts to listen. @returns the port. @throws what the system says */
  listen(host: string, port: number): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen({ host, port }, () => {
        this.#server.off('error', reject);
        this.#server.on('error', () => {});
        resolve((this.#server.address() as AddressInfo).port);
      });
    });
  }

  /** Stops to listen, closes idle connections and waits for the open requests. */
  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.#server.closeIdleConnections();
    const timer = setTimeout(
      () => this.#server.closeAllConnections(),
      this.#context.limits.drainTimeoutMs,
    );
    await closed;
    clearTimeout(timer);
  }

  #handle(request: IncomingMessage, response: ServerResponse): void {
    request.on('error', () => {});
    response.on('error', () => {});
    const route = this.#route(request);
    if ('reason' in route) {
      this.#refuse(request, response, route);
      return;
    }
    const { signal, contentType, encoding } = route;
    this.#context.counters.requests.http[signal] += 1;
    readHttpBody(this.#context, request, {
      begin: () => {
        if (request.headers.expect !== undefined) response.writeContinue();
      },
      refused: (refused) => this.#refuse(request, response, refused),
      gone: () => this.#context.countRefusal('reset'),
      complete: (body, reservation) => {
        void this.#context
          .dispatch({ signal, contentType, encoding, body }, reservation)
          .then((outcome) => this.#answer(request, response, { outcome, route }));
      },
    });
  }

  #route(request: IncomingMessage): Route | Refused {
    const path = (request.url ?? '').split('?', 1)[0] ?? '';
    const signal = Object.hasOwn(PATHS, path) ? PATHS[path] : undefined;
    if (signal === undefined) {
      return { reason: 'badPath', code: CODE.unimplemented, message: 'the path does not exist' };
    }
    if (request.method !== 'POST') {
      return { reason: 'badMethod', code: CODE.unimplemented, message: 'the method must be POST' };
    }
    const contentType = contentTypeOf(request);
    if (contentType === undefined) {
      return {
        reason: 'badContentType',
        code: CODE.invalidArgument,
        message: '`Content-Type` must be application/x-protobuf or application/json',
      };
    }
    const encoding = (request.headers['content-encoding'] ?? '').trim().toLowerCase();
    if (!isAcceptedEncoding(encoding)) {
      return refusedBy({ kind: 'unsupportedEncoding', encoding }, 0);
    }
    return { signal, contentType, encoding };
  }

  #answer(
    request: IncomingMessage,
    response: ServerResponse,
    { outcome, route }: { outcome: Outcome; route: Route },
  ): void {
    if (outcome.kind !== 'accepted' && outcome.kind !== 'partial') {
      this.#refuse(request, response, refusedBy(outcome, this.#context.retryAfterMs()));
      return;
    }
    const { counters } = this.#context;
    counters.acknowledged[route.signal] += 1;
    if (outcome.kind === 'partial') counters.rejectedItems[route.signal] += outcome.rejected;
    const body = encodeExportResponse(outcome, route.signal, route.contentType);
    response.writeHead(200, {
      'Content-Type': MEDIA_TYPES[route.contentType],
      'Content-Length': body.length,
      ...(this.#context.isDraining && { Connection: 'close' }),
    });
    response.end(body);
  }

  #refuse(request: IncomingMessage, response: ServerResponse, refused: Refused): void {
    this.#context.countRefusal(refused.reason);
    if (response.destroyed || response.headersSent) return;
    const contentType = contentTypeOf(request) ?? 'json';
    const body = encodeStatus(refused, contentType);
    const declared = Number(request.headers['content-length'] ?? Number.POSITIVE_INFINITY);
    const isRead = request.complete || !hasBody(request);
    const isSmall = isRead || declared <= MAX_DROPPED_BYTES;
    const mustClose = !isSmall || refused.reason === 'slowBody' || this.#context.isDraining;
    response.writeHead(HTTP_STATUS[refused.reason], {
      'Content-Type': MEDIA_TYPES[contentType],
      'Content-Length': request.method === 'HEAD' ? 0 : body.length,
      ...(refused.reason === 'badMethod' && { Allow: 'POST' }),
      ...(refused.reason === 'badEncoding' && { 'Accept-Encoding': 'gzip, zstd' }),
      ...(refused.retryAfterMs !== undefined && {
        'Retry-After': Math.ceil(refused.retryAfterMs / 1_000),
      }),
      ...(mustClose && { Connection: 'close' }),
    });
    if (request.method === 'HEAD') {
      response.end();
      return;
    }
    request.resume();
    if (isSmall) response.end(body);
    else lingerAndEnd(request, response, body);
  }

  /** Answers what is not HTTP; there is no request to take an encoding from. */
  #badRequest(error: NodeJS.ErrnoException, socket: Socket): void {
    this.#context.countRefusal('badFraming');
    if (!socket.writable) {
      socket.destroy();
      return;
    }
    const status =
      error.code === 'HPE_HEADER_OVERFLOW'
        ? '431 Request Header Fields Too Large'
        : '400 Bad Request';
    const body = encodeStatus(
      { reason: 'badFraming', code: CODE.invalidArgument, message: 'the request must be HTTP/1.1' },
      'json',
    );
    socket.end(
      `HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Type: application/json\r\n` +
        `Content-Length: ${body.length}\r\n\r\n${body.toString()}`,
    );
  }
}

/** The media type decides; case and parameters do not. */
const contentTypeOf = (request: IncomingMessage): OtlpContentType | undefined => {
  const media = (request.headers['content-type'] ?? '').split(';', 1)[0]?.trim().toLowerCase();
  if (media === MEDIA_TYPES.protobuf) return 'protobuf';
  return media === MEDIA_TYPES.json ? 'json' : undefined;
};

const hasBody = (request: IncomingMessage): boolean =>
  request.headers['transfer-encoding'] !== undefined ||
  Number(request.headers['content-length'] ?? 0) > 0;

/**
 * Closing while the client still sends would reset the connection and lose the answer: the answer is
 * written at once, the connection is closed when the client has ended or some time has passed.
 */
const lingerAndEnd = (request: IncomingMessage, response: ServerResponse, body: Buffer): void => {
  response.write(body);
  const end = () => {
    clearTimeout(timer);
    response.end();
  };
  const timer = setTimeout(end, LINGER_MS);
  request.once('end', end);
  request.once('close', end);
};

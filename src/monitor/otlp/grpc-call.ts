// SPDX-License-Identifier: Apache-2.0
import { constants, type IncomingHttpHeaders, type ServerHttp2Stream } from 'node:http2';
import type { MonoMs } from '../../domain/clock.ts';
import type { SignalKind } from '../../domain/telemetry.ts';
import { BodyBuffer } from './body-buffer.ts';
import { ACCEPTED_ENCODINGS, isAcceptedEncoding } from './decompress.ts';
import { encodeExportResponse, type Outcome, refusedBy } from './export-response.ts';
import type { ReceiverContext } from './receiver-context.ts';
import { CODE, encodeStatus, type Refused } from './rpc-status.ts';

const PATHS: Readonly<Record<string, SignalKind>> = {
  '/opentelemetry.proto.collector.trace.v1.TraceService/Export': 'traces',
  '/opentelemetry.proto.collector.metrics.v1.MetricsService/Export': 'metrics',
  '/opentelemetry.proto.collector.logs.v1.LogsService/Export': 'logs',
};
/** `application/grpc`, `application/grpc+proto`, each with parameters. */
const CONTENT_TYPE = /^application\/grpc(\+proto)?\s*(;.*)?$/i;
const TIMEOUT = /^([0-9]{1,8})([HMSmun])$/;
const TIMEOUT_UNIT_MS: Readonly<Record<string, number>> = {
  H: 3_600_000,
  M: 60_000,
  S: 1_000,
  m: 1,
  u: 1e-3,
  n: 1e-6,
};
const PREFIX_BYTES = 5;
const GRPC_HEADERS = {
  ':status': 200,
  'content-type': 'application/grpc',
  'grpc-accept-encoding': ACCEPTED_ENCODINGS.join(','),
};

/** Writes a text as `grpc-message` wants it: printable ASCII, the rest as percent-encoded UTF-8. */
const percentEncode = (text: string): string =>
  text
    .toWellFormed()
    .replace(/[^ -$&-~]+/gu, (part) =>
      [...Buffer.from(part, 'utf8')]
        .map((byte) => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`)
        .join(''),
    );

const malformed = (message: string): Refused => ({
  reason: 'badFraming',
  code: CODE.internal,
  message,
});

/**
 * One unary call. States: reading the prefix, reading the message, waiting for the answer, done.
 * The reservation is given back exactly once: when the call ends before the body is handed over,
 * otherwise by the answer.
 */
export class GrpcCall {
  readonly #context: ReceiverContext;
  readonly #stream: ServerHttp2Stream;
  readonly #prefix = Buffer.alloc(PREFIX_BYTES);
  readonly #startedMs: MonoMs;
  #signal: SignalKind = 'traces';
  #encoding = '';
  #deadlineMs = Number.POSITIVE_INFINITY;
  #prefixBytes = 0;
  #body: BodyBuffer | null = null;
  /** Length of the message as its prefix says. */
  #length = 0;
  #isDone = false;
  #isHandedOver = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(context: ReceiverContext, stream: ServerHttp2Stream) {
    this.#context = context;
    this.#stream = stream;
    this.#startedMs = context.clock.monoMs();
  }

  /** Begins the call. Never throws. */
  start(headers: IncomingHttpHeaders): void {
    const stream = this.#stream;
    stream.on('error', () => this.#abandon());
    stream.on('aborted', () => this.#abandon());
    stream.on('close', () => this.#abandon());
    if (this.#isGone()) {
      this.#abandon();
      return;
    }
    const status = this.#httpRefusal(headers);
    if (status !== 0) {
      this.#finish();
      stream.respond({ ':status': status }, { endStream: true });
      stream.close(constants.NGHTTP2_NO_ERROR);
      return;
    }
    const refused = this.#readHeaders(headers);
    if (refused !== null) {
      this.#refuse(refused);
      return;
    }
    const { bodyTimeoutMs } = this.#context.limits;
    const isClientLimit = this.#deadlineMs < bodyTimeoutMs;
    this.#timer = setTimeout(
      () => this.#refuse(isClientLimit ? refusedBy({ kind: 'deadline' }, 0) : SLOW_BODY),
      Math.min(bodyTimeoutMs, this.#deadlineMs),
    );
    stream.on('data', (chunk: Buffer) => this.#read(chunk));
    stream.on('end', () => this.#end());
  }

  /** What is not gRPC at all gets a plain HTTP status. */
  #httpRefusal(headers: IncomingHttpHeaders): number {
    if (headers[':method'] !== 'POST') {
      this.#context.countRefusal('badMethod');
      return 405;
    }
    if (!CONTENT_TYPE.test(headers['content-type'] ?? '')) {
      this.#context.countRefusal('badContentType');
      return 415;
    }
    return 0;
  }

  #readHeaders(headers: IncomingHttpHeaders): Refused | null {
    const path = headers[':path'] ?? '';
    const signal = Object.hasOwn(PATHS, path) ? PATHS[path] : undefined;
    if (signal === undefined) {
      return { reason: 'badPath', code: CODE.unimplemented, message: 'the method does not exist' };
    }
    this.#signal = signal;
    this.#context.counters.requests.grpc[signal] += 1;
    const encoding = headers['grpc-encoding'];
    this.#encoding = String(encoding ?? '').toLowerCase();
    const timeout = headers['grpc-timeout'];
    if (timeout === undefined) return null;
    const match = TIMEOUT.exec(String(timeout));
    if (match === null) return malformed('`grpc-timeout` must be digits and a unit');
    this.#deadlineMs = Number(match[1]) * TIMEOUT_UNIT_MS[match[2]!]!;
    return null;
  }

  #read(chunk: Buffer): void {
    let offset = 0;
    while (offset < chunk.length && !this.#isDone) {
      if (this.#body === null) {
        const part = Math.min(PREFIX_BYTES - this.#prefixBytes, chunk.length - offset);
        chunk.copy(this.#prefix, this.#prefixBytes, offset, offset + part);
        this.#prefixBytes += part;
        offset += part;
        if (this.#prefixBytes === PREFIX_BYTES) this.#openBody();
        continue;
      }
      const part = Math.min(this.#length - this.#body.length, chunk.length - offset);
      if (part === 0) {
        this.#refuse({
          ...malformed('a unary call must have one message'),
          code: CODE.unimplemented,
        });
        return;
      }
      const refused = this.#body.append(chunk.subarray(offset, offset + part));
      if (refused !== null) {
        this.#refuse(refused);
        return;
      }
      offset += part;
    }
  }

  /** The prefix is complete: decides before anything is allocated. */
  #openBody(): void {
    const flag = this.#prefix[0]!;
    const length = this.#prefix.readUInt32BE(1);
    if (flag > 1) {
      this.#refuse(malformed('the compressed flag must be 0 or 1'));
      return;
    }
    if (flag === 1 && (this.#encoding === '' || this.#encoding === 'identity')) {
      this.#refuse(malformed('the message is compressed without `grpc-encoding`'));
      return;
    }
    if (flag === 1 && !isAcceptedEncoding(this.#encoding)) {
      this.#refuse(refusedBy({ kind: 'unsupportedEncoding', encoding: this.#encoding }, 0));
      return;
    }
    if (flag === 0) this.#encoding = '';
    const body = BodyBuffer.open(this.#context, length);
    if ('reason' in body) {
      this.#refuse(body);
      return;
    }
    this.#length = length;
    this.#body = body;
  }

  #end(): void {
    if (this.#isDone) return;
    // A reset ends the readable side too; then nobody is there to answer.
    if (this.#isGone()) {
      this.#abandon();
      return;
    }
    if (this.#prefixBytes === 0) {
      this.#refuse({
        ...malformed('a unary call must have one message'),
        code: CODE.unimplemented,
      });
      return;
    }
    const body = this.#body;
    if (body === null || body.length < this.#length) {
      this.#refuse(malformed('the message is cut short'));
      return;
    }
    clearTimeout(this.#timer);
    this.#isHandedOver = true;
    this.#body = null;
    const leftMs = this.#deadlineMs - (this.#context.clock.monoMs() - this.#startedMs);
    const job = {
      signal: this.#signal,
      contentType: 'protobuf',
      encoding: this.#encoding,
      body: body.take(),
    } as const;
    void this.#context
      .dispatch(job, body.reservation, Math.max(0, leftMs))
      .then((outcome) => this.#answer(outcome));
  }

  #isGone(): boolean {
    const stream = this.#stream;
    return stream.aborted || stream.closed || stream.destroyed;
  }

  #answer(outcome: Outcome): void {
    if (this.#isDone) return;
    if (this.#isGone()) {
      this.#abandon();
      return;
    }
    if (outcome.kind !== 'accepted' && outcome.kind !== 'partial') {
      this.#refuse(refusedBy(outcome, this.#context.retryAfterMs()));
      return;
    }
    const { counters } = this.#context;
    counters.acknowledged[this.#signal] += 1;
    if (outcome.kind === 'partial') counters.rejectedItems[this.#signal] += outcome.rejected;
    const message = encodeExportResponse(outcome, this.#signal, 'protobuf');
    const frame = Buffer.alloc(PREFIX_BYTES + message.length);
    frame.writeUInt32BE(message.length, 1);
    message.copy(frame, PREFIX_BYTES);
    this.#finish();
    const stream = this.#stream;
    stream.respond(GRPC_HEADERS, { waitForTrailers: true });
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
    stream.end(frame);
  }

  /** Answers with an error, as trailers only, and forgets the rest of the request. */
  #refuse(refused: Refused): void {
    if (this.#isDone) return;
    if (this.#isGone()) {
      this.#abandon();
      return;
    }
    this.#context.countRefusal(refused.reason);
    this.#finish();
    const stream = this.#stream;
    const hasDetails = refused.retryAfterMs !== undefined || refused.code === CODE.invalidArgument;
    stream.respond(
      {
        ...GRPC_HEADERS,
        'grpc-status': String(refused.code),
        'grpc-message': percentEncode(refused.message.slice(0, 512)),
        ...(hasDetails && {
          'grpc-status-details-bin': encodeStatus(refused, 'protobuf')
            .toString('base64')
            .replace(/=+$/, ''),
        }),
      },
      { endStream: true },
    );
    // Tells the client to stop sending; without an error, so that it reads the trailers.
    stream.close(constants.NGHTTP2_NO_ERROR);
  }

  /** The client went away, or the stream broke. */
  #abandon(): void {
    if (this.#isDone) return;
    this.#context.countRefusal('reset');
    this.#finish();
  }

  #finish(): void {
    this.#isDone = true;
    clearTimeout(this.#timer);
    if (!this.#isHandedOver) this.#body?.reservation.release();
    this.#body = null;
  }
}

const SLOW_BODY: Refused = {
  reason: 'slowBody',
  code: CODE.deadlineExceeded,
  message: 'the body did not arrive in time',
};

// SPDX-License-Identifier: Apache-2.0
import type { SignalKind } from '../../domain/telemetry.ts';
import type { Columns } from './columns.ts';
import { type ItemReader, readExportRequest } from './decode-envelope.ts';
import { readLogRecord } from './decode-logs.ts';
import { readMetric } from './decode-metrics.ts';
import { readSpan } from './decode-traces.ts';
import { decompress } from './decompress.ts';
import { JsonError, JsonTranscoder } from './json.ts';
import { EXPORT_REQUESTS } from './json-schema.ts';
import type { OtlpContentType } from './port-messages.ts';
import { OutputLimitError } from './protobuf-writer.ts';
import { RowLimitError } from './table.ts';
import { WireError, WireReader } from './wire.ts';

/** A request body and how to read it. */
export interface DecodeRequest {
  readonly signal: SignalKind;
  readonly contentType: OtlpContentType;
  /** Content coding in lower case: ``, `identity`, `gzip` or `zstd`. */
  readonly encoding: string;
  readonly body: Uint8Array;
  /** Limit of the body in bytes, before and after decompression. */
  readonly limitBytes: number;
}

/** What decoding found. Unless it is `decoded`, the columns hold nothing that may be used. */
export type DecodeOutcome =
  | { readonly kind: 'decoded'; readonly columns: Columns }
  | { readonly kind: 'invalid'; readonly message: string }
  | { readonly kind: 'tooLarge'; readonly message: string }
  | { readonly kind: 'unsupportedEncoding'; readonly encoding: string };

const ITEM_READERS: Readonly<Record<SignalKind, ItemReader>> = {
  traces: readSpan,
  metrics: readMetric,
  logs: readLogRecord,
};

/**
 * Decompresses and decodes one request into `columns`, all or nothing. Synchronous; never throws,
 * whatever the body is. The columns keep pointing into the body, which must stay unchanged as long
 * as they are used.
 */
export const decodeRequest = (request: DecodeRequest, columns: Columns): DecodeOutcome => {
  const { signal, limitBytes } = request;
  columns.reset(signal);
  const plain = decompress(request.body, request.encoding, limitBytes);
  if (plain.kind === 'unsupported') {
    return { kind: 'unsupportedEncoding', encoding: request.encoding };
  }
  if (plain.kind === 'tooLarge') {
    return { kind: 'tooLarge', message: `the body must have at most ${limitBytes} bytes` };
  }
  if (plain.kind === 'invalid') return plain;
  try {
    const bytes =
      request.contentType === 'json'
        ? new JsonTranscoder(plain.bytes, limitBytes).transcode(EXPORT_REQUESTS[signal])
        : plain.bytes;
    columns.bytes = bytes;
    readExportRequest(new WireReader(), columns, ITEM_READERS[signal]);
    return { kind: 'decoded', columns };
  } catch (error) {
    columns.reset(signal);
    if (error instanceof WireError || error instanceof JsonError) {
      return { kind: 'invalid', message: error.message };
    }
    if (error instanceof RowLimitError || error instanceof OutputLimitError) {
      return { kind: 'tooLarge', message: error.message };
    }
    // Anything else is memory that could not be had, or a defect; neither may end the worker.
    return { kind: 'invalid', message: `the request could not be decoded: ${String(error)}` };
  }
};

// SPDX-License-Identifier: Apache-2.0
import type { SignalKind } from '../../domain/telemetry.ts';
import type { Columns } from './columns.ts';
import type { OtlpContentType } from './port-messages.ts';

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

/**
 * Decompresses and decodes one request into `columns`, all or nothing. Synchronous; never throws on
 * any input.
 */
export const decodeRequest = (_request: DecodeRequest, _columns: Columns): DecodeOutcome => {
  throw new Error('not built yet');
};

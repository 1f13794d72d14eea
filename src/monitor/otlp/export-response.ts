// SPDX-License-Identifier: Apache-2.0
import type { SignalKind } from '../../domain/telemetry.ts';
import type { OtlpContentType, ReceiverAnswer } from './port-messages.ts';
import { ProtobufWriter } from './protobuf-writer.ts';
import { CODE, cut, type Refused } from './rpc-status.ts';

/** An answer that acknowledges. */
export type Acknowledged = Extract<ReceiverAnswer, { kind: 'accepted' | 'partial' }>;

const MAX_ERROR_MESSAGE_CHARACTERS = 16_384;
const MAX_RESPONSE_BYTES = 128 * 1_024;
const REJECTED_KEYS: Readonly<Record<SignalKind, string>> = {
  traces: 'rejectedSpans',
  metrics: 'rejectedDataPoints',
  logs: 'rejectedLogRecords',
};

/**
 * Writes the export response: empty on full success, `partial_success` when items were rejected or
 * there is a warning. The message is cut, the count never is.
 */
export const encodeExportResponse = (
  answer: Acknowledged,
  signal: SignalKind,
  contentType: OtlpContentType,
): Buffer => {
  if (answer.kind === 'accepted') return Buffer.from(contentType === 'json' ? '{}' : '');
  const errorMessage = cut(answer.message, MAX_ERROR_MESSAGE_CHARACTERS);
  if (contentType === 'json') {
    return Buffer.from(
      JSON.stringify({
        partialSuccess: {
          ...(answer.rejected > 0 && { [REJECTED_KEYS[signal]]: String(answer.rejected) }),
          errorMessage,
        },
      }),
    );
  }
  const out = new ProtobufWriter(256, MAX_RESPONSE_BYTES);
  const mark = out.begin(1);
  if (answer.rejected > 0) out.integer(1, 'int64', BigInt(answer.rejected));
  out.delimited(2, Buffer.from(errorMessage));
  out.finish(mark);
  return Buffer.from(out.bytes());
};

/** What became of a request in the receiver: the answer, or the client's deadline came first. */
export type Outcome = ReceiverAnswer | { readonly kind: 'deadline' };

/** Turns an answer that does not acknowledge into what the sender is told; retryable only if it helps. */
export const refusedBy = (
  outcome: Exclude<Outcome, Acknowledged>,
  retryAfterMs: number,
): Refused => {
  switch (outcome.kind) {
    case 'invalid':
      return { reason: 'invalid', code: CODE.invalidArgument, message: outcome.message };
    case 'tooLarge':
      return { reason: 'tooLarge', code: CODE.resourceExhausted, message: outcome.message };
    case 'unsupportedEncoding':
      return {
        reason: 'badEncoding',
        code: CODE.unimplemented,
        message: `the encoding ${outcome.encoding} is not supported; use identity, gzip or zstd`,
      };
    case 'busy':
      return {
        reason: 'busy',
        code: CODE.unavailable,
        message: 'the analysis is busy',
        retryAfterMs: outcome.retryAfterMs,
      };
    case 'unavailable':
      return {
        reason: 'unavailable',
        code: CODE.unavailable,
        message: outcome.message,
        retryAfterMs,
      };
    case 'deadline':
      return {
        reason: 'deadline',
        code: CODE.deadlineExceeded,
        message: 'the deadline of the call has passed',
      };
  }
};

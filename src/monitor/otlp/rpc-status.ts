// SPDX-License-Identifier: Apache-2.0
import type { Refusal } from './counters.ts';
import type { OtlpContentType } from './port-messages.ts';
import { ProtobufWriter } from './protobuf-writer.ts';

/** The gRPC status codes that the receiver uses. */
export const CODE = {
  ok: 0,
  invalidArgument: 3,
  deadlineExceeded: 4,
  resourceExhausted: 8,
  unimplemented: 12,
  internal: 13,
  unavailable: 14,
} as const;

/** A request that is not acknowledged, and what its sender is told. */
export interface Refused {
  readonly reason: Refusal;
  /** One of {@link CODE}. */
  readonly code: number;
  readonly message: string;
  /** Only with a code that clients retry: the delay they shall wait. */
  readonly retryAfterMs?: number;
}

/** A message longer than this is cut: it repeats what a hostile sender chose. */
const MAX_MESSAGE_CHARACTERS = 1_024;
const MAX_STATUS_BYTES = 64 * 1_024;
const TYPE_PREFIX = 'type.googleapis.com/google.rpc.';

/** Cuts a text to `max` characters and makes it well-formed. */
export const cut = (text: string, max = MAX_MESSAGE_CHARACTERS): string =>
  (text.length <= max ? text : `${text.slice(0, max - 1)}…`).toWellFormed();

/**
 * Writes `google.rpc.Status` with `RetryInfo` when there is a delay, and `BadRequest` when the code
 * is INVALID_ARGUMENT.
 */
export const encodeStatus = (refused: Refused, contentType: OtlpContentType): Buffer =>
  contentType === 'json' ? jsonStatus(refused) : protobufStatus(refused);

const jsonStatus = ({ code, message, retryAfterMs }: Refused): Buffer => {
  const details: object[] = [];
  if (retryAfterMs !== undefined) {
    details.push({ '@type': `${TYPE_PREFIX}RetryInfo`, retryDelay: `${retryAfterMs / 1_000}s` });
  }
  if (code === CODE.invalidArgument) {
    details.push({
      '@type': `${TYPE_PREFIX}BadRequest`,
      fieldViolations: [{ field: 'body', description: cut(message) }],
    });
  }
  return Buffer.from(
    JSON.stringify({ code, message: cut(message), ...(details.length > 0 && { details }) }),
  );
};

const protobufStatus = ({ code, message, retryAfterMs }: Refused): Buffer => {
  const out = new ProtobufWriter(256, MAX_STATUS_BYTES);
  const text = Buffer.from(cut(message));
  out.integer(1, 'int32', BigInt(code));
  out.delimited(2, text);
  if (retryAfterMs !== undefined) {
    detail(out, 'RetryInfo', () => {
      const delay = out.begin(1);
      out.integer(1, 'int64', BigInt(Math.floor(retryAfterMs / 1_000)));
      out.integer(2, 'int32', BigInt(Math.round((retryAfterMs % 1_000) * 1_000_000)));
      out.finish(delay);
    });
  }
  if (code === CODE.invalidArgument) {
    detail(out, 'BadRequest', () => {
      const violation = out.begin(1);
      out.delimited(1, Buffer.from('body'));
      out.delimited(2, text);
      out.finish(violation);
    });
  }
  return Buffer.from(out.bytes());
};

const detail = (out: ProtobufWriter, type: string, write: () => void): void => {
  const any = out.begin(3);
  out.delimited(1, Buffer.from(TYPE_PREFIX + type));
  const value = out.begin(2);
  write();
  out.finish(value);
  out.finish(any);
};

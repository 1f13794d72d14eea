// SPDX-License-Identifier: Apache-2.0
import type { IncomingMessage } from 'node:http';
import { BodyBuffer } from './body-buffer.ts';
import type { Reservation } from './budget.ts';
import type { ReceiverContext } from './receiver-context.ts';
import { CODE, type Refused } from './rpc-status.ts';

/** What becomes of a body; exactly one of the last three is called. */
export interface BodyListener {
  /** The request was admitted, its body may come. */
  begin(): void;
  complete(body: ArrayBuffer, reservation: Reservation): void;
  refused(refused: Refused): void;
  /** The client went away. */
  gone(): void;
}

/**
 * Reads a body into memory that is reserved as the bytes come.
 */
export const readHttpBody = (
  context: ReceiverContext,
  request: IncomingMessage,
  listener: BodyListener,
): void => {
  const { limits } = context;
  const body = openBody(context, request);
  if ('reason' in body) {
    listener.refused(body);
    return;
  }
  const { reservation } = body;
  let isDone = false;
  const done = (): void => {
    isDone = true;
    clearTimeout(timer);
  };
  const refuse = (refused: Refused): void => {
    if (isDone) return;
    done();
    reservation.release();
    listener.refused(refused);
  };
  const timer = setTimeout(
    () =>
      refuse({
        reason: 'slowBody',
        code: CODE.deadlineExceeded,
        message: 'the body did not arrive in time',
      }),
    limits.bodyTimeoutMs,
  );
  request.on('data', (chunk: Buffer) => {
    if (isDone) return;
    const refused = body.append(chunk);
    if (refused !== null) refuse(refused);
  });
  request.on('end', () => {
    if (isDone) return;
    done();
    listener.complete(body.take(), reservation);
  });
  request.on('close', () => {
    if (isDone) return;
    done();
    reservation.release();
    listener.gone();
  });
  listener.begin();
};

/** Without a declared length a body is chunked, or there is none. */
const openBody = (context: ReceiverContext, request: IncomingMessage): BodyBuffer | Refused => {
  const declared = request.headers['content-length'];
  if (declared !== undefined) return BodyBuffer.open(context, Number(declared));
  const isChunked = request.headers['transfer-encoding'] !== undefined;
  return BodyBuffer.open(context, isChunked ? undefined : 0);
};

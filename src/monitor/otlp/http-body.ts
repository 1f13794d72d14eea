// SPDX-License-Identifier: Apache-2.0
import type { IncomingMessage } from 'node:http';
import type { Reservation } from './budget.ts';
import { isRefused, type ReceiverContext } from './receiver-context.ts';
import { CODE, type Refused } from './rpc-status.ts';

/** First step of a body of unknown length; later steps double it. */
const FIRST_STEP_BYTES = 65_536;

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
 * Reads a body into memory that was reserved before: all of it when the length is declared,
 * otherwise in steps.
 */
export const readHttpBody = (
  context: ReceiverContext,
  request: IncomingMessage,
  listener: BodyListener,
): void => {
  const { limits } = context;
  const declared = request.headers['content-length'];
  const first = declared === undefined ? firstStep(request, limits.bodyBytes) : Number(declared);
  const admitted = context.admit(first);
  if (isRefused(admitted)) {
    listener.refused(admitted);
    return;
  }
  const reservation = admitted;
  let body = new Uint8Array(new ArrayBuffer(first));
  let used = 0;
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
  /** Makes room for `needed` bytes in all, or says why not. */
  const makeRoom = (needed: number): Refused | null => {
    if (needed > limits.bodyBytes) return context.tooLarge();
    const size = Math.min(limits.bodyBytes, Math.max(needed, body.length * 2));
    if (!reservation.grow(size - body.length)) return context.overBudget();
    const grown = new Uint8Array(new ArrayBuffer(size));
    grown.set(body.subarray(0, used));
    body = grown;
    return null;
  };
  request.on('data', (chunk: Buffer) => {
    if (isDone) return;
    const refused = used + chunk.length > body.length ? makeRoom(used + chunk.length) : null;
    if (refused !== null) {
      refuse(refused);
      return;
    }
    body.set(chunk, used);
    used += chunk.length;
  });
  request.on('end', () => {
    if (isDone) return;
    done();
    listener.complete(used === body.length ? body.buffer : body.buffer.transfer(used), reservation);
  });
  request.on('close', () => {
    if (isDone) return;
    done();
    reservation.release();
    listener.gone();
  });
  listener.begin();
};

const firstStep = (request: IncomingMessage, limit: number): number =>
  request.headers['transfer-encoding'] === undefined ? 0 : Math.min(FIRST_STEP_BYTES, limit);

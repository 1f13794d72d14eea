// SPDX-License-Identifier: Apache-2.0
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { SignalKind } from '../../../../src/domain/telemetry.ts';
import { Columns } from '../../../../src/monitor/otlp/columns.ts';
import { decodeRequest } from '../../../../src/monitor/otlp/decode.ts';
import {
  decode,
  encode,
  type Message,
  REQUEST_TYPES,
  requests,
  SIGNALS,
} from '../../../fixtures/otlp/oracle.ts';
import { expected, rebuild } from '../../../fixtures/otlp/rebuild.ts';

const LIMIT = 1 << 26;

const read = (signal: SignalKind, body: Uint8Array, columns = new Columns()) =>
  decodeRequest(
    { signal, contentType: 'protobuf', encoding: '', body, limitBytes: LIMIT },
    columns,
  );

const readOk = (signal: SignalKind, body: Uint8Array): unknown => {
  const columns = new Columns();
  const outcome = read(signal, body, columns);
  expect(outcome).toMatchObject({ kind: 'decoded' });
  return rebuild(columns);
};

describe('decodeRequest', () => {
  for (const signal of SIGNALS) {
    it(`reads every field of ${signal} as the oracle does`, () => {
      const columns = new Columns();
      fc.assert(
        fc.property(requests[signal], (message: Message) => {
          const body = encode(REQUEST_TYPES[signal], message);
          expect(read(signal, body, columns).kind).toBe('decoded');
          const oracle = decode(REQUEST_TYPES[signal], body);
          expect(rebuild(columns)).toEqual(expected(signal, oracle));
        }),
        { numRuns: 150 },
      );
    });
  }
});
void readOk;

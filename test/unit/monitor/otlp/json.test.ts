// SPDX-License-Identifier: Apache-2.0
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { SignalKind } from '../../../../src/domain/telemetry.ts';
import { Columns } from '../../../../src/monitor/otlp/columns.ts';
import { type DecodeOutcome, decodeRequest } from '../../../../src/monitor/otlp/decode.ts';
import {
  encode,
  type Message,
  REQUEST_TYPES,
  requests,
  SIGNALS,
} from '../../../fixtures/otlp/oracle.ts';
import { rebuild } from '../../../fixtures/otlp/rebuild.ts';

const SEED = 20_261_124;
const LIMIT = 1 << 24;

const read = (
  signal: SignalKind,
  contentType: 'json' | 'protobuf',
  body: Uint8Array,
  columns = new Columns(),
): DecodeOutcome =>
  decodeRequest({ signal, contentType, encoding: '', body, limitBytes: LIMIT }, columns);

const readJson = (signal: SignalKind, text: string): unknown => {
  const columns = new Columns();
  const outcome = read(signal, 'json', Buffer.from(text), columns);
  return outcome.kind === 'decoded' ? rebuild(columns) : outcome;
};

const IDS = new Set(['traceId', 'spanId', 'parentSpanId']);

/** The OTLP/JSON of a message of the oracle: ids in hex, bytes in base64, special doubles as text. */
const toJson = (message: Message): string =>
  JSON.stringify(message, (key, value: unknown) => {
    if (typeof value === 'number' && !Number.isFinite(value)) return String(value);
    // A Buffer has already become its JSON form here.
    if (typeof value !== 'object' || value === null || !('type' in value)) return value;
    const { type, data } = value as { type: unknown; data: number[] };
    if (type !== 'Buffer') return value;
    return Buffer.from(data).toString(IDS.has(key) ? 'hex' : 'base64');
  });

const span = (json: string): string => `{"resourceSpans":[{"scopeSpans":[{"spans":[${json}]}]}]}`;
const readSpan = (json: string): Message => {
  const found = readJson('traces', span(json)) as { scopes: { items: Message[] }[] }[];
  return (found[0]?.scopes[0]?.items[0] ?? found) as Message;
};
const attribute = (value: string): string => `{"attributes":[{"key":"k","value":${value}}]}`;
const readValue = (value: string): unknown =>
  (readSpan(attribute(value))['attributes'] as { value: unknown }[] | undefined)?.[0]?.value;

describe('JsonTranscoder', () => {
  for (const signal of SIGNALS) {
    it(`gives ${signal} the meaning that the same message has in protobuf`, () => {
      const columns = new Columns();
      fc.assert(
        fc.property(requests[signal], (message) => {
          const body = encode(REQUEST_TYPES[signal], message);
          expect(read(signal, 'protobuf', body, columns).kind).toBe('decoded');
          const meant = rebuild(columns);
          const text = toJson(message);
          expect(read(signal, 'json', Buffer.from(text), columns)).toMatchObject({
            kind: 'decoded',
          });
          expect(noNegativeZero(rebuild(columns))).toEqual(noNegativeZero(meant));
        }),
        { numRuns: 200, seed: SEED },
      );
    });

    it(`never throws on truncated or mutated JSON of ${signal}`, () => {
      const columns = new Columns();
      for (const message of fc.sample(requests[signal], { numRuns: 6, seed: SEED })) {
        const body = Buffer.from(toJson(message));
        for (let length = 0; length < body.length; length += 1) {
          expect(read(signal, 'json', body.subarray(0, length), columns).kind).toBe('invalid');
          const flipped = Buffer.from(body);
          flipped[length]! ^= 1 << (length % 8);
          expect(['invalid', 'decoded']).toContain(read(signal, 'json', flipped, columns).kind);
        }
      }
    });
  }

  it('reads ids as hex of any case', () => {
    const ids = '"traceId":"0AF7651916cd43dd8448eb211c80319c","spanId":"B7AD6B7169203331"';
    expect(readSpan(`{${ids}}`)).toMatchObject({
      traceId: '0af7651916cd43dd8448eb211c80319c',
      spanId: 'b7ad6b7169203331',
    });
    expect(readSpan('{"links":[{"traceId":"","spanId":"00"}]}')).toMatchObject({
      links: [{ traceId: 'length 0', spanId: 'length 1' }],
    });
    for (const bad of ['"abc"', '"zz"', '"0AF7651916cd43dd8448eb211c80319"', '7', '"q83v"']) {
      expect(readSpan(`{"traceId":${bad}}`)).toMatchObject({ kind: 'invalid' });
    }
  });

  it('keeps 64-bit numbers exact, quoted or not', () => {
    for (const form of ['1800000000000000001', '"1800000000000000001"']) {
      expect(readSpan(`{"startTimeUnixNano":${form}}`)['startTimeUnixNano']).toBe(
        '1800000000000000001',
      );
    }
    for (const value of ['-9223372036854775808', '9223372036854775807', '-9007199254740993', '0']) {
      expect(readValue(`{"intValue":${value}}`)).toEqual({ intValue: value });
      expect(readValue(`{"intValue":"${value}"}`)).toEqual({ intValue: value });
    }
    expect(readValue('{"intValue":1e3}')).toEqual({ intValue: '1000' });
    expect(readSpan('{"endTimeUnixNano":"18446744073709551615"}')['endTimeUnixNano']).toBe(
      '18446744073709551615',
    );
    for (const bad of [
      '9223372036854775808',
      '1.5',
      '"1.5"',
      '"x"',
      '""',
      '" 1"',
      '1e30',
      '01',
      '+1',
      'true',
    ]) {
      expect([bad, readSpan(attribute(`{"intValue":${bad}}`))['kind']]).toEqual([bad, 'invalid']);
    }
    for (const bad of ['-1', '18446744073709551616']) {
      expect(readSpan(`{"endTimeUnixNano":${bad}}`)['kind']).toBe('invalid');
    }
  });

  it('takes integers of enums only, also unknown ones', () => {
    expect(readSpan('{"kind":2,"status":{"code":2}}')).toMatchObject({
      kind: 2,
      status: { code: 2 },
    });
    expect(readSpan('{"kind":99}')).toMatchObject({ kind: 99 });
    for (const bad of ['"SPAN_KIND_SERVER"', '"2"', '2.5', '4294967296']) {
      expect(readSpan(`{"kind":${bad}}`)).toMatchObject({
        message: expect.stringContaining('`kind`'),
      });
    }
  });

  it('knows lowerCamelCase keys only and ignores the others with all they hold', () => {
    const unknown =
      '"start_time_unix_nano":"5","Name":"x","more":{"a":[1,{"b":null}],"c":"\\"}"},"t":true,"f":false,"n":-1.5e-3';
    expect(readSpan(`{${unknown},"name":"kept"}`)).toMatchObject({
      name: 'kept',
      startTimeUnixNano: '0',
    });
    expect(readSpan('{"\\u006eame":"escaped key"}')).toMatchObject({ name: 'escaped key' });
    expect(readSpan('{"__proto__":{"name":"x"},"constructor":1}')).toMatchObject({ name: '' });
  });

  it('takes null as the default', () => {
    expect(
      readSpan('{"name":null,"kind":null,"attributes":null,"status":null,"traceId":null}'),
    ).toMatchObject({
      name: '',
      kind: 0,
      attributes: [],
    });
    expect(readJson('traces', '{"resourceSpans":null}')).toEqual([]);
    expect(readValue('null')).toEqual({});
    expect(readValue('{"stringValue":null}')).toEqual({});
  });

  it('reads doubles, also the special ones', () => {
    for (const [form, value] of [
      ['1.5e300', 1.5e300],
      ['-0.25', -0.25],
      ['"NaN"', Number.NaN],
      ['"Infinity"', Number.POSITIVE_INFINITY],
      ['"-Infinity"', Number.NEGATIVE_INFINITY],
      ['"2.5"', 2.5],
    ] as const) {
      expect(readValue(`{"doubleValue":${form}}`)).toEqual({ doubleValue: value });
    }
    for (const bad of [
      'NaN',
      'Infinity',
      '"nan"',
      '"+Infinity"',
      '"toString"',
      '1e999',
      '.5',
      '1.',
      '-',
      '',
    ]) {
      expect([bad, readSpan(attribute(`{"doubleValue":${bad}}`))['kind']]).toEqual([
        bad,
        'invalid',
      ]);
    }
  });

  it('reads bytes as base64, padded or not, of either alphabet', () => {
    for (const form of ['"-_8="', '"+/8="', '"-_8"']) {
      expect(readValue(`{"bytesValue":${form}}`)).toEqual({
        bytesValue: Buffer.from([0xfb, 0xff]),
      });
    }
    for (const bad of ['"a"', '"a=b="', '"ab="', '"a b="', '5']) {
      expect([bad, readSpan(attribute(`{"bytesValue":${bad}}`))['kind']]).toEqual([bad, 'invalid']);
    }
  });

  it('reads strings with every escape, as JSON.parse does', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 30 }), (value) => {
        expect(readSpan(`{"name":${JSON.stringify(value)}}`)['name']).toBe(value.toWellFormed());
      }),
      { seed: SEED },
    );
    expect(readSpan('{"name":"\\u00e9\\/\\b\\f\\n\\r\\t\\ud83d\\ude00 \\ud800"}')['name']).toBe(
      'é/\b\f\n\r\t\u{1f600} \ufffd',
    );
    for (const bad of ['"\\x"', '"\\u12"', '"\n"', '"open', 'bare', "'single'"]) {
      expect([bad, readSpan(`{"name":${bad}}`)['kind']]).toEqual([bad, 'invalid']);
    }
  });

  it('refuses what is not one JSON object of the schema', () => {
    for (const bad of [
      '',
      ' ',
      'null',
      '[]',
      '"x"',
      '{}x',
      '{} {}',
      '{"resourceSpans":{}}',
      '{"resourceSpans":[1]}',
      '{"resourceSpans":[null]}',
      '{"resourceSpans":[{}],}',
      '{"resourceSpans":[{},]}',
      '{"a":1 "b":2}',
      '{a:1}',
      '{"a"}',
      '{"a":}',
      '\ufeff{}',
      '{"resourceSpans":[],"resourceSpans":[]}',
      '{"x":[1,2}',
      '{"x":tru}',
      '{"x":{"y":1]}',
    ]) {
      expect([bad, (readJson('traces', bad) as Message)['kind']]).toEqual([bad, 'invalid']);
    }
    expect(readJson('traces', ' \r\n\t{ "resourceSpans" : [ ] } \n')).toEqual([]);
  });

  it('refuses nesting bombs, in known and in unknown keys', () => {
    for (const bomb of [
      `{"x":${'['.repeat(100_000)}`,
      `{"x":${'{"y":'.repeat(100_000)}`,
      span(attribute('{"arrayValue":{"values":['.repeat(50_000))),
      span(attribute(`${'{"arrayValue":{"values":['.repeat(65)}${']}}'.repeat(65)}`)),
    ]) {
      expect((readJson('traces', bomb) as Message)['kind']).toBe('invalid');
    }
    const deep = attribute(`${'{"arrayValue":{"values":['.repeat(60)}${']}}'.repeat(60)}`);
    expect(read('traces', 'json', Buffer.from(span(deep))).kind).toBe('decoded');
  });

  it('refuses JSON that grows beyond the limit as protobuf', () => {
    const counts = `[${'1,'.repeat(20_000)}1]`;
    const body = Buffer.from(
      `{"resourceMetrics":[{"scopeMetrics":[{"metrics":[{"histogram":{"dataPoints":[{"bucketCounts":${counts}}]}}]}]}]}`,
    );
    const request = { signal: 'metrics', contentType: 'json', encoding: '', body } as const;
    expect(decodeRequest({ ...request, limitBytes: 100_000 }, new Columns()).kind).toBe('tooLarge');
    expect(decodeRequest({ ...request, limitBytes: 200_000 }, new Columns()).kind).toBe('decoded');
  });
});

/** -0 has no other form than 0 in the JSON of JSON.stringify; empty bytes may be of either class. */
const noNegativeZero = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(noNegativeZero);
  if (ArrayBuffer.isView(value)) return Buffer.from(value as Uint8Array).toString('hex');
  if (typeof value === 'object' && value !== null) {
    return Object.fromEntries(
      Object.entries(value).map(([key, each]) => [key, noNegativeZero(each)]),
    );
  }
  return value === 0 ? 0 : value;
};

// SPDX-License-Identifier: Apache-2.0
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { SignalKind } from '../../../../src/domain/telemetry.ts';
import { Columns } from '../../../../src/monitor/otlp/columns.ts';
import { type DecodeOutcome, decodeRequest } from '../../../../src/monitor/otlp/decode.ts';
import { WireReader } from '../../../../src/monitor/otlp/wire.ts';
import {
  decode,
  encode,
  type Message,
  REQUEST_TYPES,
  requests,
  SIGNALS,
} from '../../../fixtures/otlp/oracle.ts';
import { expected, rebuild } from '../../../fixtures/otlp/rebuild.ts';
import { sampleBytes } from '../../../fixtures/otlp/samples.ts';

const LIMIT = 1 << 26;
const SEED = 20_261_124;

const read = (signal: SignalKind, body: Uint8Array, columns = new Columns()): DecodeOutcome =>
  decodeRequest(
    { signal, contentType: 'protobuf', encoding: '', body, limitBytes: LIMIT },
    columns,
  );

const readOk = (signal: SignalKind, body: Uint8Array): Columns => {
  const columns = new Columns();
  expect(read(signal, body, columns)).toMatchObject({ kind: 'decoded' });
  return columns;
};

/** A tag, for messages written by hand. */
const tag = (field: number, type: number): Buffer => varint(BigInt(field * 8 + type));
const varint = (value: bigint): Buffer => {
  const out: number[] = [];
  let rest = value;
  while (rest > 127n) {
    out.push(Number(rest & 127n) | 128);
    rest >>= 7n;
  }
  return Buffer.from([...out, Number(rest)]);
};
const field = (number: number, ...parts: Uint8Array[]): Buffer => {
  const content = Buffer.concat(parts);
  return Buffer.concat([tag(number, 2), varint(BigInt(content.length)), content]);
};
const text = (value: string): Buffer => Buffer.from(value);
/** A request around one item, by field numbers alone. */
const around = (...item: Uint8Array[]): Buffer => field(1, field(2, field(2, ...item)));

describe('decodeRequest', () => {
  for (const signal of SIGNALS) {
    it(`reads every field of ${signal} as the oracle does`, () => {
      const columns = new Columns();
      let items = 0;
      fc.assert(
        fc.property(requests[signal], (message: Message) => {
          const body = encode(REQUEST_TYPES[signal], message);
          expect(read(signal, body, columns).kind).toBe('decoded');
          items += columns.items;
          const oracle = decode(REQUEST_TYPES[signal], body);
          expect(rebuild(columns)).toEqual(expected(signal, oracle));
        }),
        { numRuns: 300, seed: SEED },
      );
      // The comparison is worth nothing if the random requests are empty.
      expect(items).toBeGreaterThan(200);
    });

    it(`gives an error or a shorter request at every truncation of ${signal}`, () => {
      const columns = new Columns();
      for (const message of fc.sample(requests[signal], { numRuns: 8, seed: SEED })) {
        const body = encode(REQUEST_TYPES[signal], message);
        for (let length = 0; length < body.length; length += 1) {
          const part = body.subarray(0, length);
          const outcome = read(signal, part, columns);
          if (outcome.kind === 'decoded') {
            const oracle = decode(REQUEST_TYPES[signal], part);
            expect(rebuild(columns)).toEqual(expected(signal, oracle));
          } else {
            expect(outcome.kind).toBe('invalid');
            expect(columns.items).toBe(0);
          }
        }
      }
    });

    it(`never throws and never reads outside on flipped bits of ${signal}`, () => {
      const columns = new Columns();
      fc.assert(
        fc.property(
          requests[signal],
          fc.array(fc.tuple(fc.nat(), fc.nat({ max: 7 })), { minLength: 1, maxLength: 4 }),
          (message, flips) => {
            const body = encode(REQUEST_TYPES[signal], message);
            for (const [at, bit] of flips) {
              if (body.length > 0) body[at % body.length]! ^= 1 << bit;
            }
            const outcome = read(signal, body, columns);
            expect(['decoded', 'invalid']).toContain(outcome.kind);
            if (outcome.kind === 'decoded') rebuildAllTexts(columns);
          },
        ),
        { numRuns: 400, seed: SEED },
      );
    });
  }

  it('leaves no rows of the batch before', () => {
    const columns = new Columns();
    for (const signal of SIGNALS) read(signal, sampleBytes(signal, 1_000), columns);
    const fresh = readOk('metrics', sampleBytes('metrics', 2_000));
    read('metrics', sampleBytes('metrics', 2_000), columns);
    expect(rebuild(columns)).toEqual(rebuild(fresh));
    expect([columns.spans.rows, columns.logs.rows]).toEqual([0, 0]);
  });

  it('merges sub-messages that come in two parts', () => {
    const keyValue = (key: string, value: string) =>
      field(1, field(1, text(key)), field(2, field(1, text(value))));
    // ResourceMetrics: resource twice, the metrics between them.
    const metric = field(
      2,
      field(7, tag(2, 0), varint(2n)),
      field(7, field(1, tag(6, 1), Buffer.alloc(8, 1))),
      field(7, tag(3, 0), varint(1n)),
      field(1, text('name')),
    );
    const body = field(
      1,
      field(1, keyValue('a', '1')),
      field(2, field(1, field(1, text('old'))), metric, field(1, field(2, text('v2')))),
      field(1, keyValue('b', '2')),
    );
    expect(rebuild(readOk('metrics', body))).toMatchObject([
      {
        attributes: [
          { key: 'a', value: { stringValue: '1' } },
          { key: 'b', value: { stringValue: '2' } },
        ],
        scopes: [
          {
            name: 'old',
            version: 'v2',
            items: [
              {
                name: 'name',
                sum: {
                  aggregationTemporality: 2,
                  isMonotonic: true,
                  dataPoints: [{ asInt: String(0x0101010101010101n) }],
                },
              },
            ],
          },
        ],
      },
    ]);
  });

  it('merges the parts of an array value, and only of the same member', () => {
    const value = (n: bigint) => field(1, tag(3, 0), varint(n));
    const parts = [field(5, value(1n)), field(5, value(2n)), field(5, value(3n))];
    const attribute = field(
      9,
      field(1, text('k')),
      field(2, parts[0]!, parts[1]!),
      field(2, parts[2]!),
    );
    const [span] = (rebuild(readOk('traces', around(attribute))) as Message[])
      .flatMap((resource) => resource['scopes'] as Message[])
      .flatMap((scope) => scope['items'] as Message[]);
    expect(span?.['attributes']).toMatchObject([
      {
        value: {
          arrayValue: { values: [{ intValue: '1' }, { intValue: '2' }, { intValue: '3' }] },
        },
      },
    ]);
    const switched = field(9, field(2, parts[0]!, tag(3, 0), varint(9n), parts[1]!));
    const columns = readOk('traces', around(switched));
    expect(columns.attributes.kind[0]).toBe(5);
    expect(
      decode(
        'ArrayValue',
        columns.slice(columns.attributes.offset[0]!, columns.attributes.length[0]!),
      ),
    ).toMatchObject({
      values: [{ intValue: '2' }],
    });
  });

  it('keeps the last member of a oneof and the last of repeated singular fields', () => {
    const point = (n: number) => field(1, tag(6, 1), Buffer.alloc(8, n));
    const body = around(
      field(1, text('first')),
      field(5, point(1), point(2)),
      field(7, point(3), tag(2, 0), varint(1n)),
      field(5, point(4)),
      field(1, text('last')),
    );
    expect(rebuild(readOk('metrics', body))).toMatchObject([
      {
        scopes: [
          {
            items: [
              {
                name: 'last',
                gauge: {
                  aggregationTemporality: 0,
                  dataPoints: [{ asInt: String(0x0404040404040404n) }],
                },
              },
            ],
          },
        ],
      },
    ]);
  });

  it('reads repeated scalars packed, unpacked and mixed', () => {
    const double = (value: number): Buffer => {
      const out = Buffer.alloc(8);
      out.writeDoubleLE(value);
      return out;
    };
    const fixed = (value: bigint): Buffer => {
      const out = Buffer.alloc(8);
      out.writeBigUInt64LE(value);
      return out;
    };
    const point = field(
      1,
      tag(6, 1),
      fixed(1n),
      field(6, fixed(2n ** 64n - 1n), fixed(2n ** 53n + 1n)),
      tag(6, 1),
      fixed(4n),
      tag(7, 1),
      double(0.5),
      field(7, double(1.5), double(2.5)),
    );
    expect(JSON.stringify(rebuild(readOk('metrics', around(field(9, point)))))).toContain(
      '"bucketCounts":["1","18446744073709551615","9007199254740993","4"],"explicitBounds":[0.5,1.5,2.5]',
    );
    const buckets = field(
      8,
      tag(2, 0),
      varint(1n),
      field(2, varint(2n), varint(2n ** 64n - 1n)),
      tag(2, 0),
      varint(3n),
    );
    expect(
      JSON.stringify(rebuild(readOk('metrics', around(field(10, field(1, buckets)))))),
    ).toContain('"bucketCounts":["1","2","18446744073709551615","3"]');
    const torn = field(1, field(6, Buffer.alloc(12)));
    expect(read('metrics', around(field(9, torn)))).toMatchObject({ kind: 'invalid' });
  });

  it('keeps 64-bit integers and times exact', () => {
    const attribute = field(9, field(2, tag(3, 0), varint(2n ** 64n - 9_007_199_254_740_993n)));
    const start = Buffer.alloc(8);
    start.writeBigUInt64LE(1_800_000_000_000_000_001n);
    expect(rebuild(readOk('traces', around(tag(7, 1), start, attribute)))).toMatchObject([
      {
        scopes: [
          {
            items: [
              {
                startTimeUnixNano: '1800000000000000001',
                attributes: [{ value: { intValue: '-9007199254740993' } }],
              },
            ],
          },
        ],
      },
    ]);
  });

  it('skips groups and refuses broken ones', () => {
    const group = Buffer.concat([
      tag(99, 3),
      tag(5, 3),
      tag(1, 0),
      varint(1n),
      tag(5, 4),
      tag(99, 4),
    ]);
    expect(readOk('traces', Buffer.concat([group, around(group)])).spans.rows).toBe(1);
    for (const broken of [
      tag(99, 3),
      tag(99, 4),
      Buffer.concat([tag(99, 3), tag(98, 4)]),
      Buffer.concat(Array.from({ length: 10_000 }, () => tag(99, 3))),
    ]) {
      expect(read('traces', broken)).toMatchObject({ kind: 'invalid' });
    }
  });

  it('refuses what is not the wire format', () => {
    for (const bytes of [
      [0x00], // field number 0
      [0x02, 0x00], // field number 0, delimited
      [0x0e], // wire type 6
      [0x0f], // wire type 7
      [0x0a], // no length
      [0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f], // a length of 4 GiB
      [0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01], // of 2^64 - 1
      [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01], // a varint of 11 bytes
      [0xf8, 0xff, 0xff, 0xff, 0x1f, 0x00], // a tag beyond 32 bits
    ]) {
      expect([bytes, read('logs', Uint8Array.from(bytes)).kind]).toEqual([bytes, 'invalid']);
    }
    expect(read('logs', Uint8Array.from([0xf8, 0xff, 0xff, 0xff, 0x0f, 0x00])).kind).toBe(
      'decoded',
    );
  });

  it('refuses values nested deeper than 64, whatever the depth, and takes 64', () => {
    const nested = (depth: number): Buffer => {
      let value: Buffer = field(1, text('deep'));
      for (let level = 1; level < depth; level += 1) value = field(5, field(1, value));
      return around(field(9, field(2, value)));
    };
    expect(read('traces', nested(64)).kind).toBe('decoded');
    expect(read('traces', nested(65)).kind).toBe('invalid');
    expect(read('traces', nested(3_000)).kind).toBe('invalid');
    // A bomb of 10,000 levels, its lengths padded so that it can be written from the outside in.
    const levels: Buffer[] = [];
    let inner = 0;
    for (let level = 0; level < 10_000; level += 1) {
      const head = Buffer.from([0x0a, 0x80, 0x80, 0x80, 0x00, 0x2a, 0x80, 0x80, 0x80, 0x00]);
      const pad = (at: number, value: number) => {
        head[at] = (value & 127) | 128;
        head[at + 1] = ((value >> 7) & 127) | 128;
        head[at + 2] = ((value >> 14) & 127) | 128;
        head[at + 3] = value >> 21;
      };
      pad(6, inner);
      pad(1, inner + 5);
      levels.push(head);
      inner += 10;
    }
    const bomb = Buffer.concat(levels.reverse());
    expect(read('logs', around(field(5, field(5, bomb)))).kind).toBe('invalid');
  });

  it('refuses a flood of empty rows as too large, and is small again afterwards', () => {
    const columns = new Columns();
    const flood = field(1, field(2, Buffer.alloc(2 * 300_000, Buffer.from([0x12, 0x00]))));
    expect(read('traces', flood, columns)).toMatchObject({
      kind: 'tooLarge',
      message: 'a request must have at most 262144 spans',
    });
    for (let batch = 0; batch < 400; batch += 1) read('traces', new Uint8Array(0), columns);
    expect(columns.spans.capacity).toBe(256);
  });

  it('refuses split values that would grow without end', () => {
    const part = field(2, field(5, field(1, text(''))));
    const attribute = field(9, ...Array.from({ length: 20_000 }, () => part));
    expect(read('traces', around(attribute))).toMatchObject({ kind: 'tooLarge' });
  });

  it('shows invalid UTF-8 as U+FFFD and reads on', () => {
    const bad = Buffer.from([0x61, 0xff, 0xc3, 0x62]);
    const columns = readOk(
      'traces',
      Buffer.concat([around(field(5, bad)), around(field(5, text('ok')))]),
    );
    expect((rebuild(columns) as Message[]).map((each) => JSON.stringify(each))).toEqual([
      expect.stringContaining('"name":"a\ufffd\ufffdb"'),
      expect.stringContaining('"name":"ok"'),
    ]);
  });

  it('treats string table indexes of profiles as absent, and counts them', () => {
    const attribute = field(
      9,
      tag(3, 0),
      varint(5n),
      field(1, text('k')),
      field(2, tag(8, 0), varint(7n)),
    );
    const columns = readOk('traces', around(attribute));
    expect(columns.stringIndexes).toBe(2);
    expect(columns.attributes.kind[0]).toBe(0);
  });

  it('reads a known field number of another wire type as unknown', () => {
    expect(readOk('traces', around(tag(5, 0), varint(1n), field(6, text('x')))).spans.rows).toBe(1);
  });
});

describe('WireReader', () => {
  it('reads varints as BigInt arithmetic does', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), (value) => {
        const bytes = varint(value);
        const reader = new WireReader();
        reader.load(bytes);
        reader.varint(bytes.length);
        expect((BigInt(reader.hi) << 32n) | BigInt(reader.lo)).toBe(value);
        expect(reader.pos).toBe(bytes.length);
      }),
      { seed: SEED },
    );
  });

  it('reads zigzag numbers of the whole 32-bit range', () => {
    fc.assert(
      fc.property(fc.integer(), (value) => {
        const bytes = varint(BigInt(((value << 1) ^ (value >> 31)) >>> 0));
        const reader = new WireReader();
        reader.load(bytes);
        expect(reader.sint32(bytes.length)).toBe(value);
      }),
      { seed: SEED },
    );
  });
});

/** Touches every text, which throws if an offset leaves the body. */
const rebuildAllTexts = (columns: Columns): void => {
  const { attributes } = columns;
  for (let row = 0; row < attributes.rows; row += 1) {
    const end = attributes.offset[row]! + attributes.length[row]!;
    expect(end).toBeLessThanOrEqual(columns.bytes.length * 2);
    columns.text(attributes.keyOffset[row]!, attributes.keyLength[row]!);
    columns.text(attributes.offset[row]!, attributes.length[row]!);
  }
};

// SPDX-License-Identifier: Apache-2.0
/** Requests that are legal and small, and made to cost much: work and memory must follow their size. */
import { afterEach, describe, expect, it, vi } from 'vitest';
import { Columns, MAX_ROW_BYTES } from '../../../../src/monitor/otlp/columns.ts';
import { decodeRequest } from '../../../../src/monitor/otlp/decode.ts';
import { readSource } from '../../../../src/monitor/otlp/identity-claim.ts';
import { Normaliser } from '../../../../src/monitor/otlp/normalise.ts';
import { Table } from '../../../../src/monitor/otlp/table.ts';
import { NOW, point, WORKING_SET } from '../../../fixtures/otlp/feed.ts';
import { encode, type Message, REQUEST_TYPES } from '../../../fixtures/otlp/oracle.ts';
import { gauge, metricsRequest, POD } from '../../../fixtures/otlp/samples.ts';

const decodeBytes = (body: Uint8Array, columns = new Columns()) =>
  decodeRequest(
    { signal: 'metrics', contentType: 'protobuf', encoding: '', body, limitBytes: 1 << 26 },
    columns,
  );

const encodeMetrics = (message: Message): Buffer => encode(REQUEST_TYPES.metrics, message);

/** Bytes of the request that were looked at as texts or keys, beside its length. */
const workOf = (message: Message): { read: number; size: number } => {
  const body = encodeMetrics(message);
  const columns = new Columns();
  expect(decodeBytes(body, columns).kind).toBe('decoded');
  let read = 0;
  const slice = columns.slice.bind(columns);
  vi.spyOn(columns, 'slice').mockImplementation((offset, length) => {
    read += length;
    return slice(offset, length);
  });
  new Normaliser().normalise(columns, NOW);
  return { read, size: body.length };
};

const LONG = 'x'.repeat(50_000);
const points = (count: number): Message[] =>
  Array.from({ length: count }, (_, index) => point(NOW - count + index));

/** A number point as a point of a histogram. */
const countOf = (each: Message): Message => ({ timeUnixNano: each['timeUnixNano'], count: '1' });

/** A field of a message: length-delimited, number 1. */
const field = (tag: number, content: Buffer): Buffer => {
  const length: number[] = [];
  let rest = content.length;
  for (; rest > 127; rest = Math.floor(rest / 128)) length.push((rest % 128) + 128);
  return Buffer.concat([Buffer.from([tag, ...length, rest]), content]);
};

afterEach(() => {
  vi.restoreAllMocks();
});

describe('a hostile request', () => {
  const within = (scope: Message, metrics: Message[]): Message => {
    const request = metricsRequest(metrics) as {
      resourceMetrics: [{ scopeMetrics: [Message] }];
    };
    Object.assign(request.resourceMetrics[0].scopeMetrics[0], scope);
    return request;
  };

  it.each<[string, Message]>([
    [
      'a long scope name over many points',
      within({ scope: { name: LONG } }, [gauge(WORKING_SET, points(500))]),
    ],
    [
      'a long scope name over many metrics',
      within(
        { scope: { name: LONG } },
        points(500).map((each) => gauge(WORKING_SET, [each])),
      ),
    ],
    [
      'a long unit over many counts of requests',
      metricsRequest([
        {
          name: 'http.server.request.duration',
          unit: LONG,
          histogram: { aggregationTemporality: 1, dataPoints: points(500).map(countOf) },
        },
      ]),
    ],
  ])('pays for its bytes only a few times: %s', (_, message) => {
    const { read, size } = workOf(message);
    expect(read).toBeLessThan(6 * size);
  });

  it('does not read a name or a unit that is too long to be known', () => {
    const { read } = workOf(metricsRequest([gauge(LONG, points(1), LONG)]));
    expect(read).toBeLessThan(1_000);
  });

  it('has keys of bounded length, whatever it claims', () => {
    const columns = new Columns();
    const control = '\u0001'.repeat(253);
    const resource = Object.fromEntries(
      [...Object.keys(POD), 'service.instance.id'].map((key) => [key, control]),
    );
    decodeBytes(encodeMetrics(metricsRequest([gauge(WORKING_SET, points(1))], resource)), columns);
    const source = readSource(columns, 0);
    for (const key of [source.key, ...source.podKeys]) expect(key.length).toBeLessThanOrEqual(160);
  });

  it('is not taken at a second name when its first one is no name', () => {
    const columns = new Columns();
    const resource = { ...POD, 'k8s.pod.uid': 'uid\u00001', 'k8s.container.name': 'weß' };
    decodeBytes(encodeMetrics(metricsRequest([], resource)), columns);
    expect(readSource(columns, 0).claim).toMatchObject({ podUid: '?', container: '?' });
  });

  it('is refused when its rows need more than their share of memory, and leaves none of it', () => {
    const columns = new Columns();
    // Two bytes for each data point: a body far below its limit, and rows far beyond it.
    const points = Buffer.from('0a00'.repeat(262_000), 'hex');
    const metric = field(42, points);
    const full = field(10, field(18, field(18, metric)));
    expect(decodeBytes(full, columns).kind).toBe('decoded');
    const held = (): number =>
      Object.values(columns)
        .filter((each): each is Table => each instanceof Table)
        .flatMap((table) => Object.values(table))
        .filter((column) => ArrayBuffer.isView(column))
        .reduce((sum, { byteLength }) => sum + byteLength, 0);
    expect(held()).toBeGreaterThan(2 ** 25);
    columns.reset('metrics');
    expect(held()).toBeLessThan(2 ** 20);
    const attributes = Buffer.from('3a00'.repeat(2_000_000), 'hex');
    const exemplars = Buffer.from('2a043a003a00'.repeat(262_000), 'hex');
    const counts = field(74, field(10, field(50, Buffer.alloc(8 * 4_000_000))));
    const all = field(
      10,
      field(
        18,
        Buffer.concat([
          field(18, field(42, field(10, Buffer.concat([attributes, exemplars])))),
          field(18, counts),
        ]),
      ),
    );
    expect(decodeBytes(all, columns)).toMatchObject({
      kind: 'tooLarge',
      message: `a request must have at most ${MAX_ROW_BYTES} bytes of rows`,
    });
    expect(held()).toBeLessThan(2 ** 20);
  });

  it('keeps two sources with long claims apart', () => {
    const keyOf = (uid: string): string => {
      const columns = new Columns();
      const resource = { ...POD, 'k8s.pod.uid': uid };
      decodeBytes(encodeMetrics(metricsRequest([], resource)), columns);
      return readSource(columns, 0).key;
    };
    expect(keyOf(`${'a'.repeat(240)}1`)).not.toBe(keyOf(`${'a'.repeat(240)}2`));
    expect(keyOf(`${'a'.repeat(240)}1`)).toBe(keyOf(`${'a'.repeat(240)}1`));
  });

  it('is refused when it changes the kind of its metrics without end', () => {
    const request = (changes: number): Buffer => {
      const metric = Buffer.from('2a003a00'.repeat(changes / 2), 'hex');
      return field(10, field(18, field(18, metric)));
    };
    expect(decodeBytes(request(100)).kind).toBe('decoded');
    expect(decodeBytes(request(100_000))).toMatchObject({ kind: 'tooLarge' });
  });
});

// SPDX-License-Identifier: Apache-2.0
/**
 * Feeds the OTLP decoder and the normaliser with hostile input and prints how many inputs there were.
 *
 *   node test/bench/fuzz-otlp.ts [--runs N] [--seed N]
 *
 * Each input starts as a valid random request of one of the signals, as protobuf or JSON, and is then
 * cut, flipped, spliced with another one, given a forged length, or compressed and broken. It must be
 * decoded or refused; an unmutated one must be read as the oracle reads it. A throw, a wrong reading
 * or rows after a refusal end the run with exit code 1 and the input in hex.
 */
import { deepStrictEqual } from 'node:assert';
import { parseArgs } from 'node:util';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import fc from 'fast-check';
import type { Batch } from '../../src/domain/telemetry.ts';
import { Columns } from '../../src/monitor/otlp/columns.ts';
import { type DecodeRequest, decodeRequest } from '../../src/monitor/otlp/decode.ts';
import { Normaliser } from '../../src/monitor/otlp/normalise.ts';
import type { OtlpContentType } from '../../src/monitor/otlp/port-messages.ts';
import { histogram, point } from '../fixtures/otlp/feed.ts';
import { decode, encode, REQUEST_TYPES, requests, SIGNALS } from '../fixtures/otlp/oracle.ts';
import { expected, rebuild } from '../fixtures/otlp/rebuild.ts';
import { gauge, metricsRequest } from '../fixtures/otlp/samples.ts';

const { values } = parseArgs({
  options: {
    runs: { type: 'string', default: '20000' },
    seed: { type: 'string', default: String(Date.now() % 2 ** 31) },
  },
});
const runs = Number(values.runs);
const seed = Number(values.seed);
if (!Number.isSafeInteger(runs) || runs < 1 || !Number.isSafeInteger(seed)) {
  console.error('--runs must be a positive integer, --seed an integer');
  process.exit(2);
}

/** Marsaglia's xorshift, so that a seed gives the same run everywhere. */
let state = seed | 1;
const random = (below: number): number => {
  state ^= state << 13;
  state ^= state >>> 17;
  state ^= state << 5;
  return (state >>> 0) % Math.max(1, below);
};

const pick = <Value>(list: readonly Value[]): Value => list[random(list.length)] as Value;

const KINDS = ['histogram', 'exponentialHistogram', 'summary'] as const;
const GAUGES = ['container.memory.working_set', 'k8s.pod.memory.rss', 'process.memory.usage'];
const COUNTERS = ['http.server.request.duration', 'http.server.duration', 'rpc.server.duration'];
const UNITS = ['By', 'MiBy', '', 's'];
const POOL = 200;
const IDS = new Set(['traceId', 'spanId', 'parentSpanId']);
const toJson = (message: object): Buffer =>
  Buffer.from(
    JSON.stringify(message, (key, value: unknown) => {
      if (typeof value === 'number' && !Number.isFinite(value)) return String(value);
      if (typeof value !== 'object' || value === null || !('type' in value)) return value;
      const { type, data } = value as { type: unknown; data: number[] };
      return type === 'Buffer'
        ? Buffer.from(data).toString(IDS.has(key) ? 'hex' : 'base64')
        : value;
    }),
  );

console.log(`building ${POOL} valid requests of each signal, seed ${seed}`);
const pools = SIGNALS.map((signal) => {
  const messages = fc.sample(requests[signal], { numRuns: POOL, seed });
  return {
    signal,
    protobuf: messages.map((message) => encode(REQUEST_TYPES[signal], message)),
    json: messages.map(toJson),
  };
});

// Random names mean nothing to the normaliser: requests with names, units and times that do.
const now = 1_800_000_000_000;
for (const pool of pools) {
  if (pool.signal !== 'metrics') continue;
  for (let index = 0; index < POOL; index += 1) {
    const timeMs = now + random(20) * 1_000;
    const change = { timeMs, startMs: random(2) === 0 ? 0 : now - random(2_000), key: pick(KINDS) };
    const message = metricsRequest([
      gauge(pick(GAUGES), [point(timeMs), point(timeMs, { asDouble: -1 })], pick(UNITS)),
      histogram(pick(COUNTERS), random(1_000), { ...change, temporality: random(3) }),
    ]);
    pool.protobuf[index] = encode(REQUEST_TYPES.metrics, message);
    pool.json[index] = toJson(message);
    index += random(3);
  }
}

type Mutation = (body: Buffer, other: Buffer) => Buffer;
const mutations: Readonly<Record<string, Mutation>> = {
  none: (body) => body,
  cut: (body) => body.subarray(0, random(body.length)),
  flip: (body) => {
    const out = Buffer.from(body);
    for (let left = 1 + random(8); left > 0 && out.length > 0; left -= 1) {
      const at = random(out.length);
      out[at] = (out[at] ?? 0) ^ (1 << random(8));
    }
    return out;
  },
  overwrite: (body) => {
    const out = Buffer.from(body);
    for (let at = random(out.length), left = random(12); left > 0 && at < out.length; left -= 1) {
      out[at] = random(256);
      at += 1;
    }
    return out;
  },
  splice: (body, other) =>
    Buffer.concat([body.subarray(0, random(body.length)), other.subarray(random(other.length))]),
  repeat: (body) => {
    const at = random(body.length);
    const part = body.subarray(at, at + 1 + random(20));
    return Buffer.concat([body.subarray(0, at), part, part, part, body.subarray(at)]);
  },
  lengthBomb: (body) => {
    const at = random(body.length);
    const forged = Buffer.from([0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f]);
    return Buffer.concat([body.subarray(0, at), forged, body.subarray(at)]);
  },
  noise: () => Buffer.from(Array.from({ length: random(200) }, () => random(256))),
  nest: (body) => {
    const token = Buffer.from(random(2) === 0 ? '[' : '{"a":');
    return Buffer.concat([
      body.subarray(0, random(body.length)),
      ...Array(random(2_000)).fill(token),
    ]);
  },
};
const names = Object.keys(mutations);
const CODINGS = ['', '', '', '', '', '', '', '', 'gzip', 'zstd'] as const;
const columns = new Columns();
const normaliser = new Normaliser({ maxSeries: 500, maxResources: 500 });
const seen: Record<string, number> = {};

interface Input {
  readonly request: DecodeRequest;
  /** How it was made. */
  readonly name: string;
  /** The valid request when nothing was changed, so that its meaning is known. */
  readonly original: Buffer | null;
}

const makeInput = (): Input => {
  const pool = pick(pools);
  const contentType: OtlpContentType = random(3) === 0 ? 'json' : 'protobuf';
  const mutation = pick(names);
  const original = pick(pool[contentType]);
  const plain = mutations[mutation]!(original, pick(pool[contentType]));
  const encoding = pick(CODINGS);
  let body = plain;
  if (encoding === 'gzip') body = gzipSync(plain);
  if (encoding === 'zstd') body = zstdCompressSync(plain);
  const isBroken = encoding !== '' && random(2) === 0;
  if (isBroken) body = mutations[pick(names)]!(body, body);
  const limitBytes = random(20) === 0 ? 1 + random(500) : 1 << 22;
  return {
    request: { signal: pool.signal, contentType, encoding, body, limitBytes },
    name: `${mutation}${isBroken ? ' broken' : ''}`,
    original: mutation === 'none' && !isBroken ? original : null,
  };
};

const checkInput = ({ request, name, original }: Input): void => {
  const { signal, contentType } = request;
  const outcome = decodeRequest(request, columns);
  const label = `${name} ${outcome.kind}`;
  seen[label] = (seen[label] ?? 0) + 1;
  if (outcome.kind !== 'decoded') {
    if (columns.items !== 0) throw new Error('rows are left after a refusal');
    if (original !== null && outcome.kind === 'invalid') throw new Error(outcome.message);
    return;
  }
  if (original !== null && contentType === 'protobuf') {
    deepStrictEqual(rebuild(columns), expected(signal, decode(REQUEST_TYPES[signal], original)));
  }
  checkBatch(normaliser.normalise(columns, now));
  if (random(2) === 0) normaliser.rollback();
};

const checkBatch = (batch: Batch): void => {
  if (batch.rejected > batch.items) throw new Error('more items were rejected than came');
  for (const { value } of batch.gauges) {
    if (!Number.isFinite(value) || value < 0) throw new Error('a bad sample got through');
  }
};

const one = (): void => {
  const input = makeInput();
  try {
    checkInput(input);
  } catch (error) {
    const { signal, contentType, encoding, body } = input.request;
    console.error(`FAILED on ${signal} ${contentType} ${encoding} (${input.name}), seed ${seed}`);
    console.error(Buffer.from(body).toString('hex'));
    console.error(error);
    process.exit(1);
  }
};

for (let run = 1; run <= runs; run += 1) {
  one();
  if (run % 50_000 === 0) console.log(`${run} inputs`);
}
console.log(seen);
console.log(normaliser.counters);
console.log(`${runs} inputs, no crash, no wrong reading, seed ${seed}`);

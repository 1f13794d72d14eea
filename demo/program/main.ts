// SPDX-License-Identifier: Apache-2.0
/**
 * The workload of the demo and of the scenario tests: a small HTTP service that really uses memory in
 * the way its mode says and exports what it uses over OTLP with the real SDK.
 *
 * - `leak`   keeps LEAK_BYTES of every request to /work for ever: the bug.
 * - `cache`  fills linearly by GROW_BYTES over GROW_SECONDS, then stays: no bug.
 * - `warmup` grows by GROW_BYTES with time constant GROW_SECONDS: no bug.
 * - `load`   holds memory in proportion to the rate of its requests: no bug.
 *
 * With GROW_AFTER_SECONDS the growth of `cache` and `warmup` begins later; with JITTER_BYTES what it
 * holds wanders by up to so much, the same way for the same SEED.
 *
 * Memory is anonymous and touched. It stops on SIGTERM within a second.
 */
import { createServer } from 'node:http';
import { OTLPMetricExporter } from '@opentelemetry/exporter-metrics-otlp-proto';
import { detectResources, envDetector } from '@opentelemetry/resources';
import { MeterProvider, PeriodicExportingMetricReader } from '@opentelemetry/sdk-metrics';
import { seededRandom } from '../../test/rig/seeded-random.ts';
import { Blocks, workingSetBytes } from './memory.ts';

const number = (name: string, fallback: number): number => {
  const value = Number(process.env[name] ?? fallback);
  if (!Number.isFinite(value)) throw new Error(`${name} must be a number`);
  return value;
};

const mode = process.env['MODE'] ?? 'leak';
const port = number('PORT', 8080);
const baseBytes = number('BASE_BYTES', 60 * 2 ** 20);
const leakBytes = number('LEAK_BYTES', 100 * 2 ** 10);
const growBytes = number('GROW_BYTES', 64 * 2 ** 20);
const growSeconds = number('GROW_SECONDS', 60);
const growAfterSeconds = number('GROW_AFTER_SECONDS', 0);
const jitterBytes = number('JITTER_BYTES', 0);
const random = seededRandom(number('SEED', 1));
const bytesPerRequestRate = number('BYTES_PER_REQUEST_RATE', 2 ** 20);
const exportIntervalMs = number('EXPORT_INTERVAL_MS', 400);

const leaked = new Blocks();
const ballast = new Blocks();
const startedAt = performance.now();
let requests = 0;
let requestRate = 0;

/** Bytes that the mode wants beside the base and what was leaked, `age` seconds after the start. */
const wantedBytes = (age: number): number => {
  const seconds = Math.max(0, age - growAfterSeconds);
  switch (mode) {
    case 'cache':
      return growBytes * Math.min(1, seconds / growSeconds);
    case 'warmup':
      return growBytes * (1 - Math.exp(-seconds / growSeconds));
    case 'load':
      return bytesPerRequestRate * requestRate;
    default:
      return 0;
  }
};

const overhead = process.memoryUsage.rss();
const TICK_MS = 200;
let requestsBefore = 0;
setInterval(() => {
  // The rate is smoothed over about two seconds: a pool does not follow each single request.
  requestRate += ((requests - requestsBefore) / (TICK_MS / 1000) - requestRate) * 0.1;
  requestsBefore = requests;
  const jitter = jitterBytes * random();
  const age = (performance.now() - startedAt) / 1000;
  ballast.approach(Math.max(0, baseBytes - overhead) + wantedBytes(age) + jitter);
}, TICK_MS);

const provider = new MeterProvider({
  resource: detectResources({ detectors: [envDetector] }),
  readers: [
    new PeriodicExportingMetricReader({
      exporter: new OTLPMetricExporter({ timeoutMillis: Math.max(200, exportIntervalMs - 50) }),
      exportIntervalMillis: exportIntervalMs,
      exportTimeoutMillis: Math.max(200, exportIntervalMs - 50),
    }),
  ],
});
const meter = provider.getMeter('homeostat-demo');
meter
  .createObservableUpDownCounter('process.memory.usage', { unit: 'By' })
  .addCallback((result) => result.observe(process.memoryUsage.rss()));
if (workingSetBytes() !== null) {
  meter
    .createObservableGauge('container.memory.working_set', { unit: 'By' })
    .addCallback((result) => {
      const bytes = workingSetBytes();
      if (bytes !== null) result.observe(bytes);
    });
}
const duration = meter.createHistogram('http.server.request.duration', { unit: 's' });

const server = createServer((request, response) => {
  const begun = performance.now();
  const isWork = request.url?.startsWith('/work') === true;
  if (isWork) {
    requests += 1;
    if (mode === 'leak') leaked.grow(leakBytes);
  }
  // What the limit is held against: the working set in a container, the resident set elsewhere.
  const usedBytes = workingSetBytes() ?? process.memoryUsage.rss();
  response.end(`${JSON.stringify({ mode, requests, leakedBytes: leaked.bytes, usedBytes })}\n`);
  if (isWork) {
    duration.record((performance.now() - begun) / 1000, {
      'http.request.method': request.method ?? 'GET',
      'http.response.status_code': 200,
      'http.route': '/work',
    });
  }
});
server.listen(port, process.env['HOST'] ?? '0.0.0.0', () => {
  console.log(`${mode} program listens on ${port}`);
});

process.on('SIGTERM', () => {
  server.close();
  server.closeAllConnections();
  const leave = (): never => process.exit(0);
  provider.shutdown().then(leave, leave);
  setTimeout(() => process.exit(0), 1000).unref();
});

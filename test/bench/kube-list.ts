// SPDX-License-Identifier: Apache-2.0
/**
 * D14: the first list of many pods, ours beside client-node's typed list, in one interleaved run:
 * CPU time of this process, and how long its event loop stood still. The server is a thread that only
 * copies bytes. `node test/bench/kube-list.ts [--quick] [--json FILE]`.
 */
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { parseArgs } from 'node:util';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { systemClock } from '../../src/instrumentation/system-clock.ts';
import { Reflector } from '../../src/kube/reflector.ts';
import { BUILT_IN } from '../../src/kube/resource.ts';
import { createTransport } from '../../src/kube/transport.ts';

const PAGE = 500;

/** A pod of about 1.9 kB, the size of a plain Deployment's. */
const pod = (index: number) => ({
  metadata: {
    name: `web-${index}`,
    namespace: `team-${index % 50}`,
    uid: `uid-${index}`,
    resourceVersion: String(index + 1),
    creationTimestamp: '2026-01-01T00:00:00Z',
    labels: { app: 'web', 'pod-template-hash': 'abc' },
    managedFields: [{ manager: 'kubelet', fieldsV1: { 'f:status': 'x'.repeat(600) } }],
  },
  spec: {
    nodeName: `node-${index % 100}`,
    containers: [
      {
        name: 'app',
        image: 'web:1',
        env: Array.from({ length: 8 }, (_, i) => ({ name: `V${i}`, value: 'y'.repeat(40) })),
      },
    ],
  },
  status: {
    phase: 'Running',
    conditions: ['PodScheduled', 'Initialized', 'ContainersReady', 'Ready'].map((type) => ({
      type,
      status: 'True',
    })),
    containerStatuses: [{ name: 'app', ready: true, restartCount: 0 }],
  },
});

/** Serves lists, in pages when asked to; a watch stays open and silent. */
const serve = (count: number): void => {
  const page = (from: number, size: number): Buffer => {
    const to = Math.min(count, from + size);
    const items = Array.from({ length: to - from }, (_, i) => pod(from + i));
    const metadata = {
      resourceVersion: String(count),
      ...(to < count ? { continue: String(to) } : {}),
    };
    return Buffer.from(JSON.stringify({ apiVersion: 'v1', kind: 'PodList', metadata, items }));
  };
  const pages = new Map(
    Array.from({ length: Math.ceil(count / PAGE) }, (_, i) => [i * PAGE, page(i * PAGE, PAGE)]),
  );
  const whole = page(0, count);
  const server = createServer((request, response) => {
    const { searchParams } = new URL(request.url ?? '/', 'http://localhost');
    response.writeHead(200, { 'content-type': 'application/json' });
    if (searchParams.get('watch') === 'true') response.flushHeaders();
    else if (searchParams.has('limit'))
      response.end(pages.get(Number(searchParams.get('continue') ?? 0)));
    else response.end(whole);
  });
  server.listen(0, '127.0.0.1', () =>
    parentPort?.postMessage((server.address() as AddressInfo).port),
  );
};

interface Measured {
  readonly cpuMs: number;
  readonly longestStallMs: number;
  readonly p99Ms: number;
}

const measure = async (work: () => Promise<void>): Promise<Measured> => {
  const delay = monitorEventLoopDelay({ resolution: 1 });
  const before = process.cpuUsage();
  delay.enable();
  await work();
  // A stall is noted by the first timer after it.
  await systemClock.sleep(20);
  delay.disable();
  const { user, system } = process.cpuUsage(before);
  return {
    cpuMs: (user + system) / 1000,
    longestStallMs: delay.max / 1e6,
    p99Ms: delay.percentile(99) / 1e6,
  };
};

const ours = async (url: string): Promise<void> => {
  const endpoint = {
    server: url,
    namespace: 'default',
    loadCredentials: () => Promise.resolve({ tls: {}, headers: {} }),
  };
  const transport = createTransport({ endpoint, clock: systemClock, userAgent: () => 'bench' });
  const reflector = new Reflector({
    type: BUILT_IN.pods,
    transport,
    clock: systemClock,
    random: Math.random,
    watchList: false,
    verifyEveryMs: null,
  });
  await reflector.start();
  await reflector.stop();
  await transport.close();
};

const typed = async (url: string): Promise<void> => {
  const { KubeConfig, CoreV1Api } = await import('@kubernetes/client-node');
  const config = new KubeConfig();
  config.loadFromOptions({
    clusters: [{ name: 'bench', server: url, skipTLSVerify: true }],
    users: [{ name: 'bench' }],
    contexts: [{ name: 'bench', cluster: 'bench', user: 'bench' }],
    currentContext: 'bench',
  });
  await config.makeApiClient(CoreV1Api).listPodForAllNamespaces();
};

const median = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] as number;

const main = async (): Promise<void> => {
  const { values } = parseArgs({
    options: { quick: { type: 'boolean', default: false }, json: { type: 'string' } },
  });
  const pods = 10_000;
  const rounds = values.quick ? 3 : 9;
  console.log(
    `first list of ${pods} pods, pages of ${PAGE}; Node ${process.versions.node}; ${rounds} interleaved rounds after one warm-up; medians`,
  );
  const worker = new Worker(new URL(import.meta.url), { workerData: pods });
  const port = await new Promise<number>((resolve) => worker.once('message', resolve));
  const url = `http://127.0.0.1:${port}`;
  const runs: Record<'ours' | 'client-node', Measured[]> = { ours: [], 'client-node': [] };
  for (let round = 0; round <= rounds; round += 1) {
    const [a, b] = [await measure(() => ours(url)), await measure(() => typed(url))];
    if (round === 0) continue;
    runs.ours.push(a);
    runs['client-node'].push(b);
  }
  await worker.terminate();
  const figure = (who: 'ours' | 'client-node', what: keyof Measured): number =>
    median(runs[who].map((each) => each[what]));
  console.log('                 CPU ms   longest stall ms   loop delay p99 ms');
  for (const who of ['ours', 'client-node'] as const) {
    const [cpu, stall, p99] = [
      figure(who, 'cpuMs'),
      figure(who, 'longestStallMs'),
      figure(who, 'p99Ms'),
    ];
    console.log(
      `${who.padEnd(14)} ${cpu.toFixed(0).padStart(8)} ${stall.toFixed(0).padStart(18)} ${p99.toFixed(0).padStart(19)}`,
    );
  }
  if (values.json === undefined) return;
  const rows = [
    {
      id: 'list-10k-loop-delay-p99',
      value: figure('ours', 'p99Ms'),
      unit: 'ms',
      goal: 100,
      better: 'lower',
    },
    {
      id: 'list-10k-longest-stall',
      value: figure('ours', 'longestStallMs'),
      unit: 'ms',
      goal: null,
      better: 'lower',
    },
    {
      id: 'list-10k-cpu-vs-client-node',
      value: figure('ours', 'cpuMs') / figure('client-node', 'cpuMs'),
      unit: 'ratio',
      goal: 1,
      better: 'lower',
    },
  ];
  writeFileSync(values.json, `${JSON.stringify(rows, null, 2)}\n`);
};

if (isMainThread) await main();
else serve(workerData as number);

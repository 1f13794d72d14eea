// SPDX-License-Identifier: Apache-2.0
// Telemetry that lies or is no telemetry, against a running operator in Auto: forged figures about
// other pods cause no action while a true leak beside them is healed, and what cannot be read is
// answered with the right status.
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { call, frame, GRPC_PATHS, open } from '../../fixtures/otlp/grpc-client.ts';
import type { ControlPlane } from '../../rig/control-plane/control-plane.ts';
import { registerMetricsApi } from '../../rig/control-plane/metrics-api.ts';
import { startControlPlane } from '../../rig/control-plane/start-control-plane.ts';
import { type MemoryModel, modelMemory } from '../../rig/operator/modelled-memory.ts';
import {
  apply,
  fastPolicy,
  installKinds,
  isReady,
  namespaceObject,
  OPERATOR,
  operatorObjects,
  ourObjects,
  podsOf,
  type SeenObject,
  type SeenPod,
  webDeployment,
} from '../../rig/operator/objects.ts';
import { type OperatorProcess, startOperatorProcess } from '../../rig/operator/operator-process.ts';

const SHOP = 'shop';
const MIB = 2 ** 20;
const FLAT = 60 * MIB;
const GROWTH_PER_MS = (2.5 * MIB) / 1000;
/** What the pod with the forged history really holds all the time. */
const ENDS_AT = 200 * MIB;
const DEADLINE_MS = 3 * 60_000;
/** How long the operator is watched after everything fired. */
const AFTERWARDS_MS = 20_000;

/** What telemetry says of the first pod of each Deployment, from when it begins. */
const TOLD: Readonly<Record<string, (ageMs: number) => number>> = {
  // Rises for ever; the pod holds the same all the time.
  victim: (ageMs) => FLAT + ageMs * GROWTH_PER_MS,
  // Rises up to what the pod really holds, and tells the truth from then on.
  ghost: (ageMs) => Math.min(ENDS_AT, FLAT + ageMs * GROWTH_PER_MS),
  // The control: it really leaks, so that the others are not spared for want of an operator.
  leaky: (ageMs) => FLAT + ageMs * GROWTH_PER_MS,
};
const TRUTH: Readonly<Record<string, (ageMs: number) => number>> = {
  victim: () => FLAT,
  ghost: () => ENDS_AT,
  leaky: (ageMs) => FLAT + ageMs * GROWTH_PER_MS,
};

let cluster: ControlPlane;
let operator: OperatorProcess;
let memory: MemoryModel;
let startedAtMs = Number.POSITIVE_INFINITY;
const firstPods = new Map<string, SeenPod>();

const figure =
  (table: typeof TOLD) =>
  ({ metadata }: SeenPod, nowMs: number): number => {
    const app = metadata.labels['app'] ?? '';
    const isFirst = firstPods.get(app)?.metadata.uid === metadata.uid;
    return isFirst ? (table[app]?.(Math.max(0, nowMs - startedAtMs)) ?? FLAT) : FLAT;
  };

beforeAll(async () => {
  cluster = await startControlPlane({ name: 'hostile', kwok: true });
  await cluster.addKwokNodes(1);
  await installKinds(cluster);
  await apply(cluster, [namespaceObject(SHOP), namespaceObject('op')]);
  await apply(cluster, [
    ...operatorObjects({ namespace: 'op', watches: SHOP }),
    ...Object.keys(TOLD).map((name) => webDeployment(SHOP, name)),
    fastPolicy(SHOP),
  ]);
  await cluster.waitFor('all pods are Ready', async () => {
    const pods = await podsOf(cluster, SHOP);
    return pods.length === 9 && pods.every(isReady);
  });
  for (const pod of await podsOf(cluster, SHOP)) {
    const app = pod.metadata.labels['app'] ?? '';
    if (!firstPods.has(app)) firstPods.set(app, pod);
  }
  const shop = {
    namespace: SHOP,
    truth: figure(TRUTH),
    told: figure(TOLD),
    port: () => operator.ports.http,
  };
  operator = await startOperatorProcess({
    kubeconfig: await cluster.kubeconfigFor({
      serviceAccount: { namespace: 'op', name: OPERATOR },
    }),
    namespace: 'op',
    args: [`--watch-namespaces=${SHOP}`, '--resource-metrics-interval=2s'],
    logFile: join(cluster.dir, 'operator.log'),
    watchdog: cluster.watchdog,
  });
  memory = modelMemory(cluster, [shop]);
  await registerMetricsApi(cluster, memory.metrics);
  await cluster.waitFor('the operator takes figures', () =>
    memory.deliveries(SHOP).some(({ status }) => status === 200),
  );
  startedAtMs = Date.now();
}, 20 * 60_000);

afterAll(async () => {
  await memory?.stop();
  await operator?.stop();
  await cluster?.stop();
});

const podName = (app: string): string => firstPods.get(app)?.metadata.name ?? '';

const incidentOf = async (app: string): Promise<SeenObject | undefined> =>
  (await ourObjects(cluster, 'incidents', SHOP)).find(
    ({ spec }) => (spec['subject'] as { pod: { name: string } }).pod.name === podName(app),
  );

const evictions = async (): Promise<readonly string[]> =>
  (await cluster.audit.read())
    .filter(({ objectRef }) => objectRef?.subresource === 'eviction')
    .map(({ objectRef, requestURI }) =>
      requestURI.includes('dryRun=All') ? `rehearsed ${objectRef?.name}` : `${objectRef?.name}`,
    );

describe('what is no OTLP', () => {
  const post = async (
    path: string,
    headers: Record<string, string>,
    body: string | Uint8Array<ArrayBuffer>,
  ) => {
    const reply = await fetch(`http://127.0.0.1:${operator.ports.http}${path}`, {
      method: 'POST',
      headers,
      body,
      signal: AbortSignal.timeout(30_000),
    });
    await reply.arrayBuffer();
    return reply.status;
  };
  const garbage = Uint8Array.from({ length: 4096 }, (_, index) => (index * 167 + 13) % 256);

  it.each([
    [
      'bytes that are no protobuf',
      '/v1/metrics',
      { 'content-type': 'application/x-protobuf' },
      garbage,
      400,
    ],
    [
      'text that is no JSON',
      '/v1/metrics',
      { 'content-type': 'application/json' },
      '{"resource',
      400,
    ],
    [
      'JSON of another shape',
      '/v1/metrics',
      { 'content-type': 'application/json' },
      '{"resourceMetrics": 7}',
      400,
    ],
    [
      'JSON nested without end',
      '/v1/traces',
      { 'content-type': 'application/json' },
      '['.repeat(200_000),
      400,
    ],
    [
      'bytes that are no gzip',
      '/v1/logs',
      { 'content-type': 'application/x-protobuf', 'content-encoding': 'gzip' },
      garbage,
      400,
    ],
    ['another content type', '/v1/metrics', { 'content-type': 'text/csv' }, 'a,b', 415],
    ['another path', '/v1/nothing', { 'content-type': 'application/json' }, '{}', 404],
  ] as const)('%s', async (_, path, headers, body, status) => {
    expect(await post(path, headers, body)).toBe(status);
  });

  it('bytes that are no protobuf over gRPC are an invalid argument', async () => {
    const session = await open(operator.ports.grpc);
    expect((await call(session, GRPC_PATHS.metrics, frame(garbage))).status).toBe(3);
    session.close();
  });

  it('leaves the operator alive and receiving', async () => {
    expect(operator.isRunning).toBe(true);
    expect((await operator.page('/healthz')).status).toBe(200);
    const sinceMs = Date.now();
    await cluster.waitFor('figures are accepted afterwards', () =>
      memory.deliveries(SHOP).some(({ atMs, status }) => atMs > sinceMs && status === 200),
    );
  });
});

describe('forged figures about another pod', () => {
  beforeAll(async () => {
    await cluster.waitFor(
      'the true leak is healed, and the forged ones are seen',
      async () => {
        const healed = (await ourObjects(cluster, 'healingactions', SHOP)).some(
          ({ status }) => status?.phase === 'Succeeded',
        );
        return healed && (await incidentOf('victim')) && (await incidentOf('ghost')) && true;
      },
      DEADLINE_MS,
    );
    await cluster.waitFor(
      'the forged history has ended at the true value',
      () => Date.now() - startedAtMs > (ENDS_AT - FLAT) / GROWTH_PER_MS + AFTERWARDS_MS,
      DEADLINE_MS,
    );
  });

  it('cause no eviction, not even a rehearsed one, and no record', async () => {
    const allowed = podName('leaky');
    expect(await evictions()).toContain(allowed);
    expect((await evictions()).filter((each) => !each.endsWith(allowed))).toEqual([]);
    const targets = (await ourObjects(cluster, 'healingactions', SHOP)).map(
      ({ spec }) => (spec['target'] as { name: string }).name,
    );
    expect(targets.filter((name) => name !== allowed)).toEqual([]);
  });

  it.each(['victim', 'ghost'])('say why nothing is done about the %s', async (app) => {
    const decided = operator
      .log()
      .filter(
        ({ message, entity }) =>
          message === 'plan not carried out' && entity === `${SHOP}/${podName(app)}`,
      )
      .map(({ reason }) => reason);
    expect(decided).toContain('NotCorroborated');
  });
});

// SPDX-License-Identifier: Apache-2.0
// The API server stands still for twenty seconds while a leak begins: telemetry is received all the
// time, nothing is done, and afterwards the leak is healed without anybody's help. Two operators: one
// with the default Lease, which outlives no such outage, so that its process ends as a leader must and
// is started again as the kubelet would; one with a Lease that outlives it, whose process stays.
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
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
  webDeployment,
} from '../../rig/operator/objects.ts';
import {
  type OperatorProcess,
  type Page,
  startOperatorProcess,
} from '../../rig/operator/operator-process.ts';

const MIB = 2 ** 20;
const GROWTH_PER_MS = (2.5 * MIB) / 1000;
const OUTAGE_MS = 20_000;
const DEADLINE_MS = 3 * 60_000;
/** A process that is being started again is away for a while; on a slow machine for longer. */
const RESTART_MS = 10_000;

const CASES = [
  { name: 'brief', args: [] },
  {
    name: 'lasting',
    args: ['--lease-duration=60s', '--renew-deadline=50s', '--retry-period=2s'],
  },
] as const;
type Name = (typeof CASES)[number]['name'];

const shop = (name: string): string => `shop-${name}`;

/** One operator under a supervisor that starts it again when it ends, as the kubelet does. */
interface Supervised {
  readonly exits: { readonly atMs: number; readonly code: number }[];
  current: OperatorProcess | null;
}

let cluster: ControlPlane;
let memory: MemoryModel;
let isStopping = false;
const supervised = new Map<Name, Supervised>();
const leakSince = new Map<string, number>();
const outage = { fromMs: 0, toMs: 0 };
/** What each process said during the outage, near its end. */
const during = new Map<
  Name,
  { readonly ready: Page; readonly health: Page; readonly pid: number }
>();
const before = new Map<Name, number>();

const supervise = async (name: Name, args: readonly string[]): Promise<Supervised> => {
  const kubeconfig = await cluster.kubeconfigFor({
    serviceAccount: { namespace: `op-${name}`, name: OPERATOR },
  });
  const seat: Supervised = { exits: [], current: null };
  const start = async (): Promise<void> => {
    const operator = await startOperatorProcess({
      kubeconfig,
      namespace: `op-${name}`,
      args: [`--watch-namespaces=${shop(name)}`, '--resource-metrics-interval=2s', ...args],
      logFile: join(cluster.dir, `operator-${name}.log`),
      watchdog: cluster.watchdog,
    });
    seat.current = operator;
    void operator.exited.then((code) => {
      seat.exits.push({ atMs: Date.now(), code });
      seat.current = null;
      return isStopping ? undefined : start();
    });
  };
  await start();
  return seat;
};

const seatOf = (name: Name): Supervised => supervised.get(name) as Supervised;

const wait = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

beforeAll(async () => {
  cluster = await startControlPlane({ name: 'away', kwok: true });
  await cluster.addKwokNodes(1);
  await installKinds(cluster);
  await apply(
    cluster,
    CASES.flatMap(({ name }) => [namespaceObject(shop(name)), namespaceObject(`op-${name}`)]),
  );
  await apply(
    cluster,
    CASES.flatMap(({ name }) => [
      ...operatorObjects({ namespace: `op-${name}`, watches: shop(name) }),
      webDeployment(shop(name)),
      fastPolicy(shop(name)),
    ]),
  );
  await cluster.waitFor('all pods are Ready', async () => {
    const pods = await Promise.all(CASES.map(({ name }) => podsOf(cluster, shop(name))));
    return pods.every((each) => each.length === 3 && each.every(isReady));
  });
  memory = modelMemory(
    cluster,
    CASES.map(({ name }) => ({
      namespace: shop(name),
      truth: ({ metadata }, nowMs) =>
        60 * MIB + Math.max(0, nowMs - (leakSince.get(metadata.uid) ?? nowMs)) * GROWTH_PER_MS,
      port: () => supervised.get(name)?.current?.ports.http ?? 0,
    })),
  );
  await registerMetricsApi(cluster, memory.metrics);
  for (const { name, args } of CASES) supervised.set(name, await supervise(name, args));
  await cluster.waitFor('both lead and are told of memory', () =>
    CASES.every(
      ({ name }) =>
        seatOf(name)
          .current?.log()
          .some(({ message }) => message === 'open records adopted') === true &&
        memory.deliveries(shop(name)).some(({ status }) => status === 200),
    ),
  );
  for (const { name } of CASES) {
    before.set(name, seatOf(name).current?.pid ?? 0);
    const [first] = await podsOf(cluster, shop(name));
    leakSince.set(first?.metadata.uid ?? '', Date.now());
  }
  outage.fromMs = Date.now();
  cluster.component('kube-apiserver').pause();
  try {
    await wait(OUTAGE_MS);
    await cluster.waitFor('both run at the end of the outage', () =>
      CASES.every(({ name }) => seatOf(name).current !== null),
    );
    for (const { name } of CASES) {
      const operator = seatOf(name).current as OperatorProcess;
      during.set(name, {
        ready: await operator.page('/readyz'),
        health: await operator.page('/healthz'),
        pid: operator.pid,
      });
    }
  } finally {
    outage.toMs = Date.now();
    cluster.component('kube-apiserver').resume();
  }
}, 20 * 60_000);

afterAll(async () => {
  isStopping = true;
  await memory?.stop();
  await Promise.all([...supervised.values()].map(({ current }) => current?.stop()));
  await cluster?.stop();
});

const heardDuring = (name: Name) =>
  memory
    .deliveries(shop(name))
    .filter(({ atMs }) => atMs >= outage.fromMs && atMs <= outage.toMs - 1_000);

const evictionsOf = async (name: Name) =>
  (await cluster.audit.read()).filter(
    ({ objectRef, requestURI, responseStatus }) =>
      objectRef?.subresource === 'eviction' &&
      objectRef.namespace === shop(name) &&
      (responseStatus?.code ?? 0) < 300 &&
      !requestURI.includes('dryRun=All'),
  );

describe('an operator whose API server stands still', () => {
  it('receives everything in the same process when its Lease outlives the outage', () => {
    expect(seatOf('lasting').exits).toEqual([]);
    expect(during.get('lasting')).toMatchObject({
      pid: before.get('lasting'),
      health: { status: 200 },
      ready: { status: 200 },
    });
    const heard = heardDuring('lasting');
    expect(heard.length).toBeGreaterThan(10);
    expect(heard.filter(({ status }) => status !== 200)).toEqual([]);
  });

  it('ends when its Lease does, and receives again as soon as it was started again', () => {
    const { exits } = seatOf('brief');
    expect(exits.map(({ code }) => code)).toEqual([1]);
    const exit = exits[0] as (typeof exits)[number];
    expect(exit.atMs).toBeGreaterThan(outage.fromMs);
    expect(exit.atMs).toBeLessThan(outage.toMs);
    const heard = heardDuring('brief');
    const unheard = heard.filter(
      ({ atMs, status }) =>
        status !== 200 && (atMs < exit.atMs - 1_000 || atMs > exit.atMs + RESTART_MS),
    );
    expect(unheard).toEqual([]);
    expect(heard.some(({ atMs }) => atMs < exit.atMs)).toBe(true);
    expect(heard.some(({ atMs, status }) => atMs > exit.atMs && status === 200)).toBe(true);
    const { ready, health } = during.get('brief') ?? {};
    expect(health?.status).toBe(200);
    expect(ready?.status).toBe(503);
    expect(ready?.body).toContain('waiting for the first list of');
  });

  it.each(CASES)('heals the leak by itself afterwards: $name', async ({ name }) => {
    await cluster.waitFor(
      'the pod was restarted and that helped',
      async () =>
        (await ourObjects(cluster, 'healingactions', shop(name))).some(
          ({ status }) => status?.phase === 'Succeeded',
        ),
      DEADLINE_MS,
    );
    const evictions = await evictionsOf(name);
    expect(evictions).toHaveLength(1);
    expect(leakSince.has(uidEvicted(evictions[0]?.requestObject))).toBe(true);
    for (const { requestReceivedTimestamp } of evictions) {
      expect(Date.parse(requestReceivedTimestamp)).toBeGreaterThan(outage.toMs);
    }
  });
});

/** The uid that an eviction demanded. */
const uidEvicted = (request: unknown): string =>
  (request as { deleteOptions?: { preconditions?: { uid?: string } } }).deleteOptions?.preconditions
    ?.uid ?? '';

// SPDX-License-Identifier: Apache-2.0
// What grows and is no leak is left alone, as real programs on a process node under one policy in Auto:
// a cache that fills, a warm-up, a load that triples. Nothing but the detector protects them here: one
// replica may go, the budget is wide. The oracles are the API server's audit log and the policy's own
// word that every one of them was judged.
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Driver } from '../../demo/driver.ts';
import type { ControlPlane } from '../rig/control-plane/control-plane.ts';
import { startControlPlane } from '../rig/control-plane/start-control-plane.ts';
import {
  apply,
  installKinds,
  isReady,
  namespaceObject,
  OPERATOR,
  operatorObjects,
  ourObjects,
  podsOf,
} from '../rig/operator/objects.ts';
import { type OperatorProcess, startOperatorProcess } from '../rig/operator/operator-process.ts';
import { type ProcessNode, startProcessNode } from '../rig/process-node/process-node.ts';

const SHOP = 'shop';
const IMAGE = 'program:1';
const MIB = 2 ** 20;
const LIMIT_BYTES = 512 * MIB;
const RESOLUTION_S = 2;
const BASE_BYTES = 0.3 * LIMIT_BYTES;
/** From Ready pods to the end, in resolutions: the slowest growth, the youngest age, and a plateau. */
const WATCHED_RESOLUTIONS = 110;
const SEEDS = [11, 22, 33];
/** Requests per second at first; three times as many later. */
const LOAD_RATE = 5;
const RAMP_RESOLUTIONS = 40;
const LOAD_SWING_BYTES = 0.35 * LIMIT_BYTES;

/** What a program is told, one set for each mode; `seed` varies when it begins to grow. */
const MODES: Readonly<Record<string, (seed: number) => Readonly<Record<string, number>>>> = {
  cache: (seed) => ({
    BASE_BYTES,
    GROW_BYTES: 0.35 * LIMIT_BYTES,
    GROW_SECONDS: 40 * RESOLUTION_S,
    GROW_AFTER_SECONDS: seed,
  }),
  warmup: (seed) => ({
    BASE_BYTES,
    GROW_BYTES: 0.25 * LIMIT_BYTES,
    GROW_SECONDS: 12 * RESOLUTION_S,
    GROW_AFTER_SECONDS: seed / 10,
  }),
  // From the beginning it holds half of the swing: the ramp goes from one rate to three.
  load: () => ({
    BASE_BYTES: 100 * MIB,
    BYTES_PER_REQUEST_RATE: LOAD_SWING_BYTES / (2 * LOAD_RATE),
  }),
};

const PROGRAMS = Object.keys(MODES).flatMap((mode) =>
  SEEDS.map((seed) => ({ mode, seed, name: `${mode}-${seed}` })),
);

let cluster: ControlPlane;
let node: ProcessNode;
let operator: OperatorProcess;

const deployment = ({ mode, seed, name }: (typeof PROGRAMS)[number]) => {
  const field = (fieldPath: string) => ({ valueFrom: { fieldRef: { fieldPath } } });
  const settings = {
    ...{ MODE: mode, SEED: seed, JITTER_BYTES: 4 * MIB, EXPORT_INTERVAL_MS: 500 },
    ...{ OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${operator.ports.http}` },
    ...MODES[mode]?.(seed),
  };
  const identity = `service.name=${name},k8s.namespace.name=${SHOP},k8s.container.name=app`;
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name, namespace: SHOP },
    spec: {
      replicas: 1,
      selector: { matchLabels: { app: name } },
      template: {
        metadata: { labels: { app: name } },
        spec: {
          containers: [
            {
              name: 'app',
              image: IMAGE,
              ports: [{ name: 'http', containerPort: 8080 }],
              resources: { limits: { memory: String(LIMIT_BYTES) } },
              readinessProbe: { httpGet: { path: '/', port: 'http' }, periodSeconds: 1 },
              env: [
                { name: 'POD_UID', ...field('metadata.uid') },
                { name: 'POD_NAME', ...field('metadata.name') },
                { name: 'HOST', ...field('status.podIP') },
                ...Object.entries(settings).map(([key, value]) => ({
                  name: key,
                  value: String(value),
                })),
                {
                  name: 'OTEL_RESOURCE_ATTRIBUTES',
                  value: `${identity},k8s.pod.name=$(POD_NAME),k8s.pod.uid=$(POD_UID)`,
                },
              ],
            },
          ],
        },
      },
    },
  };
};

const policy = () => ({
  apiVersion: 'homeostat.dev/v1alpha1',
  kind: 'HealingPolicy',
  metadata: { name: 'leaks', namespace: SHOP },
  spec: {
    mode: 'Auto',
    targets: [{ name: 'all', kind: 'Deployment', selector: {} }],
    triggers: [
      {
        name: 'leak',
        detector: {
          type: 'MemoryLeak',
          // The widest horizon that a policy would have on this clock: the default is six resolutions.
          params: { horizon: '60s', resolution: `${RESOLUTION_S}s` },
        },
      },
    ],
    actions: [{ name: 'restart', restart: {}, timeout: '60s', settle: '30s' }],
    safety: {
      minHealthy: 0,
      maxConcurrent: 9,
      budgets: [{ name: 'wide', max: 100, window: '1h', scope: 'Policy' }],
      cooldown: { perTarget: '1s', perAction: '1s' },
      // The beginning, with no pod Ready yet, must not count as a storm that protects everything.
      storm: { unhealthyAbove: '100%', cooldown: '0s' },
    },
    verify: { initialDelay: '5s', window: '20s', interval: '2s' },
  },
});

beforeAll(async () => {
  cluster = await startControlPlane({ name: 'left-alone' });
  const program = join(import.meta.dirname, '../../demo/program/main.ts');
  node = await startProcessNode(cluster, {
    programs: { [IMAGE]: { command: process.execPath, args: [program] } },
  });
  await installKinds(cluster);
  await apply(cluster, [namespaceObject(SHOP), namespaceObject('op')]);
  await apply(cluster, operatorObjects({ namespace: 'op', watches: SHOP }));
  operator = await startOperatorProcess({
    kubeconfig: await cluster.kubeconfigFor({
      serviceAccount: { namespace: 'op', name: OPERATOR },
    }),
    namespace: 'op',
    args: [`--watch-namespaces=${SHOP}`],
    logFile: join(cluster.dir, 'operator.log'),
    watchdog: cluster.watchdog,
  });
  await apply(cluster, PROGRAMS.map(deployment));
  await cluster.waitFor(
    'all programs are Ready',
    async () => {
      const pods = await podsOf(cluster, SHOP);
      return pods.length === PROGRAMS.length && pods.every(isReady);
    },
    180_000,
  );
  await apply(cluster, [policy()]);
});

afterAll(async () => {
  await operator?.stop();
  await node?.stop();
  await cluster?.stop();
});

interface Addressed {
  readonly items: readonly {
    readonly metadata: { name: string; uid: string; labels: Record<string, string> };
    readonly status: { readonly podIP?: string };
  }[];
}

/** Sends a load to each pod of the load programs; `raise` adds a fortieth of the way to three times. */
const drive = async (): Promise<{ raise(): void; stop(): void }> => {
  const { body } = await cluster.request<Addressed>('GET', `/api/v1/namespaces/${SHOP}/pods`);
  const pods = body.items
    .filter(({ metadata }) => metadata.labels['app']?.startsWith('load-'))
    .map(({ metadata, status }) => ({ ...metadata, ip: status.podIP ?? '' }));
  expect(pods).toHaveLength(SEEDS.length);
  const drivers: Driver[] = [];
  const add = (rate: number): void => {
    for (const pod of pods) {
      const driver = new Driver(rate);
      driver.drive(pod);
      drivers.push(driver);
    }
  };
  add(LOAD_RATE);
  return {
    raise: () => add((2 * LOAD_RATE) / RAMP_RESOLUTIONS),
    stop: () => {
      for (const driver of drivers) driver.drive(null);
    },
  };
};

const resolutions = (count: number): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, count * RESOLUTION_S * 1000));

/** Lets them grow, with the load of the load programs. */
const watchThem = async (): Promise<void> => {
  const load = await drive();
  try {
    await resolutions(25);
    for (let step = 0; step < RAMP_RESOLUTIONS; step += 1) {
      load.raise();
      await resolutions(1);
    }
    await resolutions(WATCHED_RESOLUTIONS - 25 - RAMP_RESOLUTIONS);
  } finally {
    load.stop();
  }
};

describe('what grows and is no leak', () => {
  beforeAll(watchThem);

  it('is judged, and nothing but the detector protects it', async () => {
    const [{ status } = {}] = await ourObjects(cluster, 'healingpolicies', SHOP);
    const condition = (type: string) => status?.conditions?.find((each) => each.type === type);
    expect(condition('DataFresh')).toMatchObject({
      status: 'True',
      message: `${PROGRAMS.length} containers are judged`,
    });
    expect(condition('StormActive')?.status).toBe('False');
    expect(condition('RBACSatisfied')?.status).toBe('True');
  });

  it.each(Object.keys(MODES))(
    '%s: no eviction, not even a rehearsed one, and no incident',
    async (mode) => {
      const evictions = (await cluster.audit.read())
        .filter(({ objectRef }) => objectRef?.subresource === 'eviction')
        .filter(({ objectRef }) => objectRef?.name?.startsWith(`${mode}-`));
      expect(evictions.map(({ requestURI }) => requestURI)).toEqual([]);
      const said = operator.log().filter(({ entity }) => String(entity).includes(`/${mode}-`));
      expect(said).toEqual([]);
      const incidents = (await ourObjects(cluster, 'incidents', SHOP)).filter(({ spec }) =>
        (spec['subject'] as { pod: { name: string } }).pod.name.startsWith(`${mode}-`),
      );
      expect(incidents).toEqual([]);
    },
  );
});

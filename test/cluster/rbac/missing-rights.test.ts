// SPDX-License-Identifier: Apache-2.0
// With the rights of its ServiceAccount alone the operator heals. With any one rule removed it says
// which, everywhere a person may look, and does not hammer the API server. The oracle is the API
// server's audit log, which here holds reads as well.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { WATCHED } from '../../../src/loop/cluster-state.ts';
import type { AuditEvent } from '../../rig/control-plane/audit.ts';
import type { ControlPlane } from '../../rig/control-plane/control-plane.ts';
import { registerMetricsApi } from '../../rig/control-plane/metrics-api.ts';
import { startControlPlane } from '../../rig/control-plane/start-control-plane.ts';
import { modelMemory } from '../../rig/operator/modelled-memory.ts';
import {
  allGrants,
  apply,
  fastPolicy,
  installKinds,
  isReady,
  namespaceObject,
  OPERATOR,
  operatorObjects,
  ourObjects,
  podsOf,
  type ScopedGrant,
  webDeployment,
} from '../../rig/operator/objects.ts';
import {
  type OperatorProcess,
  type Page,
  startOperatorProcess,
} from '../../rig/operator/operator-process.ts';

const MIB = 2 ** 20;
const LEAK_BYTES_PER_MS = (2.5 * MIB) / 1000;
/** How long the requests of an operator that reported are counted, in ms. */
const WATCHED_MS = 20_000;
/** Most refused requests per second that are no spin. */
const MAX_DENIED_PER_SECOND = 2;
/** Most requests per second of any kind. */
const MAX_PER_SECOND = 20;
const DEADLINE_MS = 3 * 60_000;

const own = (index: number): string => `op-${index}`;
const shop = (index: number): string => `shop-${index}`;
const pathOf = ({ grant }: ScopedGrant): string =>
  [grant.resources[0], grant.apiGroups[0]].filter((part) => part !== '').join('.');
const titleOf = (each: ScopedGrant): string => `${each.scope} ${pathOf(each)}`;

/** One operator and the rule that it lacks. */
interface Case {
  readonly index: number;
  readonly without: ScopedGrant | undefined;
}
const cases: readonly Case[] = [undefined, ...allGrants].map((without, index) => ({
  index,
  without,
}));

const lacking = cases.flatMap((each) => {
  const { without } = each;
  return without === undefined ? [] : [{ each, without, title: titleOf(without) }];
});

/** Logs every answered request of the operators, reads included, and the evictions of all. */
const AUDIT_POLICY = {
  apiVersion: 'audit.k8s.io/v1',
  kind: 'Policy',
  omitStages: ['RequestReceived', 'ResponseStarted'],
  rules: [{ level: 'Metadata', userGroups: ['system:serviceaccounts'] }, { level: 'None' }],
};

let cluster: ControlPlane;
let memory: ReturnType<typeof modelMemory>;
let policyFolder: string;
const operators = new Map<number, OperatorProcess>();
const leakSince = new Map<string, number>();
const observations = new Map<number, Promise<Observation>>();

beforeAll(async () => {
  policyFolder = await mkdtemp(join(tmpdir(), 'homeostat-audit-'));
  const policyFile = join(policyFolder, 'policy.json');
  await writeFile(policyFile, JSON.stringify(AUDIT_POLICY));
  cluster = await startControlPlane({
    name: 'rights',
    kwok: true,
    extraArgs: { 'kube-apiserver': [`--audit-policy-file=${policyFile}`] },
  });
  await cluster.addKwokNodes(2);
  await installKinds(cluster);
  await apply(
    cluster,
    cases.flatMap(({ index }) => [namespaceObject(own(index)), namespaceObject(shop(index))]),
  );
  await apply(
    cluster,
    cases.flatMap(({ index, without }) => [
      ...operatorObjects({ namespace: own(index), watches: shop(index), without }),
      {
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: { name: OPERATOR, namespace: own(index) },
        spec: { schedulerName: 'nobody', containers: [{ name: OPERATOR, image: OPERATOR }] },
      },
      webDeployment(shop(index)),
      fastPolicy(shop(index)),
    ]),
  );
  await cluster.waitFor('all pods are Ready', async () => {
    const pods = await Promise.all(cases.map(({ index }) => podsOf(cluster, shop(index))));
    return pods.every((each) => each.length === 3 && each.every(isReady));
  });
  for (const { index } of cases) {
    const [first] = await podsOf(cluster, shop(index));
    leakSince.set(first?.metadata.uid ?? '', Date.now());
  }
  memory = modelMemory(
    cluster,
    cases.map(({ index }) => ({
      namespace: shop(index),
      truth: ({ metadata }, nowMs) =>
        60 * MIB + (nowMs - (leakSince.get(metadata.uid) ?? nowMs)) * LEAK_BYTES_PER_MS,
      port: () => operators.get(index)?.ports.http ?? 0,
    })),
  );
  await registerMetricsApi(cluster, memory.metrics);
  await Promise.all(
    cases.map(async ({ index }) => {
      const operator = await startOperatorProcess({
        kubeconfig: await cluster.kubeconfigFor({
          serviceAccount: { namespace: own(index), name: OPERATOR },
        }),
        namespace: own(index),
        args: [
          `--watch-namespaces=${shop(index)}`,
          `--pod-name=${OPERATOR}`,
          '--resource-metrics-interval=2s',
        ],
        logFile: join(cluster.dir, `operator-${index}.log`),
        watchdog: cluster.watchdog,
      });
      operators.set(index, operator);
    }),
  );
  // All at once: the tests below only look at what was seen.
  for (const { each, without } of lacking) {
    const observation = observe(each, without);
    observation.catch(() => undefined);
    observations.set(each.index, observation);
  }
}, 20 * 60_000);

afterAll(async () => {
  await memory?.stop();
  await Promise.all([...operators.values()].map((operator) => operator.stop()));
  await cluster?.stop();
  await rm(policyFolder, { recursive: true, force: true });
});

const operatorOf = ({ index }: Case): OperatorProcess => {
  const operator = operators.get(index);
  if (operator === undefined) throw new Error(`operator ${index} does not run`);
  return operator;
};

/** The sentences by which an operator reported what is forbidden. */
const denialsOf = (each: Case): readonly string[] =>
  operatorOf(each)
    .log()
    .filter(({ message }) => message === 'the API server forbids a call')
    .map(({ detail }) => String(detail));

const isAbout = (sentence: string, without: ScopedGrant): boolean =>
  /^may not \S+ (\S+)$/.exec(sentence)?.[1] === pathOf(without);

const conditionOf = async ({ index }: Case, type: string) => {
  const [policy] = await ourObjects(cluster, 'healingpolicies', shop(index));
  return policy?.status?.conditions?.find((each) => each.type === type);
};

const requestsOf = async ({ index }: Case, sinceMs: number): Promise<readonly AuditEvent[]> => {
  const user = `system:serviceaccount:${own(index)}:${OPERATOR}`;
  return (await cluster.audit.read()).filter(
    (event) => event.user.username === user && Date.parse(event.stageTimestamp) >= sinceMs,
  );
};

/** Collections whose first list the operator waits for before it does anything. */
const isWatched = ({ scope, grant }: ScopedGrant): boolean =>
  scope !== 'own' &&
  WATCHED.some(
    ({ group, resource }) => grant.resources.includes(resource) && grant.apiGroups.includes(group),
  );

/** Without these the status of a policy cannot be written, or nobody leads who would write it. */
const isMute = (each: ScopedGrant): boolean =>
  isWatched(each) || ['leases', 'healingpolicies/status'].includes(each.grant.resources[0] ?? '');

/** What was seen of one operator that lacks a rule. */
interface Observation {
  /** The sentence of the log that names what is missing. */
  readonly sentence: string;
  readonly sentences: readonly string[];
  readonly ready: Page;
  readonly health: Page;
  readonly metrics: string;
  readonly condition: Awaited<ReturnType<typeof conditionOf>> | null;
  readonly deniedPerSecond: number;
  readonly requestsPerSecond: number;
}

const observe = async (each: Case, without: ScopedGrant): Promise<Observation> => {
  const operator = operatorOf(each);
  const sentence = await cluster.waitFor(
    `the log names ${titleOf(without)}`,
    () => denialsOf(each).find((one) => isAbout(one, without)),
    DEADLINE_MS,
  );
  const condition = isMute(without)
    ? null
    : await cluster.waitFor(
        `the policy says: ${sentence}`,
        async () => {
          const found = await conditionOf(each, 'RBACSatisfied');
          return found?.message.includes(sentence) === true && found;
        },
        DEADLINE_MS,
      );
  const sinceMs = Date.now();
  await new Promise((resolve) => setTimeout(resolve, WATCHED_MS));
  const seconds = (Date.now() - sinceMs) / 1000;
  const requests = await requestsOf(each, sinceMs);
  const denied = requests.filter(({ responseStatus }) => responseStatus?.code === 403);
  return {
    sentence,
    sentences: denialsOf(each),
    ready: await operator.page('/readyz'),
    health: await operator.page('/healthz'),
    metrics: (await operator.page('/metrics')).body,
    condition,
    deniedPerSecond: denied.length / seconds,
    requestsPerSecond: requests.length / seconds,
  };
};

describe('an operator', () => {
  it('heals with the rights of its ServiceAccount alone, and is forbidden nothing', async () => {
    const [all] = cases as [Case];
    await cluster.waitFor(
      'the pod was restarted and that helped',
      async () =>
        (await ourObjects(cluster, 'healingactions', shop(0))).some(
          ({ status }) => status?.phase === 'Succeeded',
        ),
      DEADLINE_MS,
    );
    expect(denialsOf(all)).toEqual([]);
    expect(await conditionOf(all, 'RBACSatisfied')).toMatchObject({ status: 'True' });
    const refused = (await requestsOf(all, 0)).filter(
      ({ responseStatus }) => responseStatus?.code === 403,
    );
    expect(refused.map(({ verb, requestURI }) => `${verb} ${requestURI}`)).toEqual([]);
    expect(await operatorOf(all).page('/readyz')).toEqual({ status: 200, body: 'ok\n' });
  });

  it.each(lacking)('says that it lacks $title, and does not spin', async ({ each, without }) => {
    const seen = await (observations.get(each.index) as Promise<Observation>);
    const { deniedPerSecond, requestsPerSecond } = seen;
    console.log(
      `${deniedPerSecond.toFixed(2)} denied, ${requestsPerSecond.toFixed(2)} in all per second; ${seen.sentences.join('; ')}`,
    );
    // Nothing else is missing, and each right is reported once, not at each refusal.
    expect(seen.sentences.filter((one) => !isAbout(one, without))).toEqual([]);
    expect(new Set(seen.sentences).size).toBe(seen.sentences.length);
    expect(seen.ready.body).toContain(seen.sentence);
    expect(seen.ready.status).toBe(isWatched(without) ? 503 : 200);
    expect(seen.health.status).toBe(200);
    const resource = without.grant.resources[0]?.split('/')[0];
    expect(seen.metrics).toMatch(
      new RegExp(`homeostat_api_requests_total\\{[^}]*resource="${resource}",code="403"\\} [1-9]`),
    );
    if (seen.condition !== null) {
      expect(seen.condition).toMatchObject({ status: 'False', reason: 'Forbidden' });
    }
    expect(deniedPerSecond).toBeLessThan(MAX_DENIED_PER_SECOND);
    expect(requestsPerSecond).toBeLessThan(MAX_PER_SECOND);
    expect(operatorOf(each).isRunning).toBe(true);
  });

  it('evicts nothing, and records no action, when it may not evict', async () => {
    const { index } = cases.find(
      ({ without }) => without?.grant.resources[0] === 'pods/eviction',
    ) as Case;
    await observations.get(index);
    const [incident] = await ourObjects(cluster, 'incidents', shop(index));
    expect(incident?.status).toMatchObject({ reason: 'RBACDenied' });
    expect(await ourObjects(cluster, 'healingactions', shop(index))).toEqual([]);
  });
});

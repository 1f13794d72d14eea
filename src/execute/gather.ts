// SPDX-License-Identifier: Apache-2.0
/**
 * All reads before a decision, live and from the quorum, as one snapshot of facts. No judgement here:
 * what could not be read is said to be unknown, and the guards refuse on that.
 */
import type { GatheredFacts } from '../api/gathered-facts.ts';
import type { HealingAction } from '../api/healing-action.ts';
import type { HealingPolicy } from '../api/healing-policy.ts';
import { selectingTarget } from '../api/policy-target.ts';
import { type Fact, known, unknown } from '../domain/fact.ts';
import type { Plan, RivalPolicy, WorkloadFacts } from '../domain/healing.ts';
import type { Action } from './action.ts';
import { gatherCorroboration } from './gather-corroboration.ts';
import {
  observedPods,
  readPods,
  readReplicaSets,
  readWorkload,
  readWorkloads,
  replicaSetOwners,
  walkOwners,
  workloadUidOf,
} from './ownership.ts';
import { parseHealingAction, parseHealingPolicy } from './parse-kinds.ts';
import { observedPod } from './pod-facts.ts';
import { population } from './population.ts';
import type { ExecutionOptions, ExecutionPorts } from './ports.ts';
import { textAt, textsAt } from './raw-json.ts';
import { bothFacts, mapFact, readList, readObject } from './reads.ts';
import { RECORDS, summarise } from './record.ts';

/** What is gathered for. */
export interface Question {
  readonly plan: Plan;
  /** The plan's own record when it exists. */
  readonly recordName: string | null;
  /** The action of the plan's step; `undefined`: there is none of that name. */
  readonly action: Action | undefined;
}

/** The snapshot, and the records in full. */
export interface Gathered {
  readonly facts: GatheredFacts;
  readonly records: Fact<readonly HealingAction[]>;
}

const POLICIES = {
  group: RECORDS.group,
  version: RECORDS.version,
  resource: 'healingpolicies',
} as const;

const gatherPolicy = async (ports: ExecutionPorts, plan: Plan): Promise<Fact<HealingPolicy>> => {
  const { policyNamespace, policyName } = plan.diagnosis.evidence.trigger;
  const fact = await readObject(ports, {
    ...POLICIES,
    namespace: policyNamespace,
    name: policyName,
  });
  if (fact.kind === 'unknown') return fact;
  const policy = parseHealingPolicy(fact.value);
  if (policy === null) return unknown(`${fact.source}: it is gone or does not hold together`);
  if (policy.metadata.uid !== plan.policyUid) {
    return unknown(`${fact.source}: the policy was deleted and made anew`);
  }
  return { ...fact, value: policy };
};

const gatherNamespace = async (
  ports: ExecutionPorts,
  name: string,
): Promise<GatheredFacts['namespace']> => {
  const fact = await readObject(ports, {
    group: '',
    version: 'v1',
    resource: 'namespaces',
    name,
  });
  if (fact.kind === 'unknown') return fact;
  if (fact.value === null) return unknown(`${fact.source}: it does not exist`);
  const labels = textsAt(fact.value, 'metadata', 'labels');
  const annotations = textsAt(fact.value, 'metadata', 'annotations');
  return { ...fact, value: { name, labels, annotations } };
};

/** Reads the target and walks up to its workload; without a pod, the plan's workload is read. */
const gatherTarget = async (
  ports: ExecutionPorts,
  plan: Plan,
): Promise<Pick<GatheredFacts, 'target' | 'workload'>> => {
  const { namespace, name } = plan.target.pod;
  const place = { group: '', version: 'v1', resource: 'pods', namespace, name };
  const raw = await readObject(ports, place);
  if (raw.kind === 'unknown') {
    return { target: raw, workload: unknown(`the owner of ${namespace}/${name}: ${raw.missing}`) };
  }
  if (raw.value === null) {
    const workload = await readWorkload(ports, plan.target.workload);
    return { target: { ...raw, value: null }, workload };
  }
  const pod = observedPod(raw.value);
  if (pod === null) {
    const target = unknown(`${raw.source}: the object has no identity`);
    return { target, workload: target };
  }
  return { target: { ...raw, value: pod.facts }, workload: await walkOwners(ports, pod) };
};

const gatherPods = async (
  ports: ExecutionPorts,
  plan: Plan,
  reads: {
    readonly policy: Fact<HealingPolicy>;
    readonly records: Fact<readonly HealingAction[]>;
  },
): Promise<Pick<GatheredFacts, 'peers' | 'population'>> => {
  const { namespace } = plan.target.pod;
  const [pods, replicaSets, workloads] = await Promise.all([
    readPods(ports, namespace),
    readReplicaSets(ports, namespace),
    readWorkloads(ports, namespace),
  ]);
  const owned = bothFacts(pods, replicaSets, (items, sets) => {
    const owners = replicaSetOwners(sets);
    return observedPods(items).map((pod) => ({
      facts: pod.facts,
      workloadUid: workloadUidOf(pod, owners),
    }));
  });
  const peers = mapFact(owned, (all) =>
    all
      .filter(({ workloadUid }) => workloadUid === plan.target.workload.uid)
      .map(({ facts }) => facts),
  );
  const selected = bothFacts(reads.policy, workloads, (policy, all) =>
    all.filter((workload) => selectingTarget(policy, workload) !== undefined),
  );
  const disturbed = bothFacts(selected, reads.records, (all, records) => ({ all, records }));
  return {
    peers,
    population: bothFacts(owned, disturbed, (all, { all: chosen, records }) =>
      population(chosen, all, records),
    ),
  };
};

const gatherRecords = async (
  ports: ExecutionPorts,
  namespace: string,
): Promise<Fact<readonly HealingAction[]>> => {
  const fact = await readList(ports, { ...RECORDS, namespace });
  if (fact.kind === 'unknown') return fact;
  const records = fact.value.map(parseHealingAction);
  const unreadable = records.indexOf(null);
  if (unreadable >= 0) {
    const name = textAt(fact.value[unreadable], 'metadata', 'name');
    return unknown(`${fact.source}: HealingAction ${name} cannot be read by this version`);
  }
  return { ...fact, value: records.filter((record) => record !== null) };
};

/** Lists other policies that target the workload and may act on it. One that does not hold together never acts. */
const gatherRivals = async (
  ports: ExecutionPorts,
  plan: Plan,
  workload: Fact<WorkloadFacts | null>,
): Promise<Fact<readonly RivalPolicy[]>> => {
  const fact = await readList(ports, { ...POLICIES, namespace: plan.target.pod.namespace });
  return bothFacts(fact, workload, (items, facts) =>
    items
      .map(parseHealingPolicy)
      .filter((policy): policy is HealingPolicy => policy !== null)
      .filter(
        ({ metadata, spec }) =>
          metadata.uid !== plan.policyUid &&
          spec.mode === 'Auto' &&
          !spec.suspend &&
          spec.pauseRequests.length === 0,
      )
      .filter((policy) => facts !== null && selectingTarget(policy, facts) !== undefined)
      .map(({ metadata, spec }) => ({
        name: metadata.name,
        uid: metadata.uid,
        priority: spec.priority,
      })),
  );
};

/** Reads the storm memory of a policy's status; a storm that has not ended ends now at the earliest. */
const stormEnd = (policy: HealingPolicy, nowMs: number): number | null => {
  const storm = policy.status?.storm;
  if (storm?.until !== undefined) return Date.parse(storm.until);
  return storm?.since === undefined ? null : nowMs;
};

const predictedStates = (
  action: Action | undefined,
  target: GatheredFacts['target'],
  { workload, peers }: Pick<GatheredFacts, 'workload' | 'peers'>,
): GatheredFacts['predicted'] => {
  if (action === undefined)
    return unknown('what the action passes through: there is no such action');
  for (const fact of [target, workload, peers]) if (fact.kind === 'unknown') return fact;
  if (target.kind === 'unknown' || workload.kind === 'unknown' || peers.kind === 'unknown') {
    return unknown('what the action passes through');
  }
  if (target.value === null || workload.value === null) {
    return unknown('what the action passes through: the target or its workload is gone');
  }
  const facts = { target: target.value, workload: workload.value, peers: peers.value };
  return known(action.predict(facts), workload.observedAtMs, `prediction of ${action.id}`);
};

/**
 * Reads everything that the guards may look at. Never rejects; `nowMs` is taken after the last read,
 * so that no fact looks younger than it is.
 */
export const gather = async (
  question: Question,
  ports: ExecutionPorts,
  options: ExecutionOptions,
): Promise<Gathered> => {
  const { plan, recordName, action } = question;
  const { namespace } = plan.target.pod;
  const policyRead = gatherPolicy(ports, plan);
  const targetRead = gatherTarget(ports, plan);
  const recordsRead = gatherRecords(ports, namespace);
  const [
    policy,
    namespaceFacts,
    { target, workload },
    { peers, population: counted },
    records,
    rivals,
  ] = await Promise.all([
    policyRead,
    gatherNamespace(ports, namespace),
    targetRead,
    Promise.all([policyRead, recordsRead]).then(([policyFact, recordsFact]) =>
      gatherPods(ports, plan, { policy: policyFact, records: recordsFact }),
    ),
    recordsRead,
    targetRead.then((read) => gatherRivals(ports, plan, read.workload)),
  ]);
  const corroboration = await gatherCorroboration(plan, peers, ports);
  const nowMs = ports.clock.wallMs();
  const facts: GatheredFacts = {
    nowMs,
    plan,
    recordName,
    policy,
    operatorNamespace: options.operatorNamespace,
    operatorMaxMode: options.operatorMaxMode,
    leadership: known({ mayWrite: ports.leadership.mayWrite() }, nowMs, 'lease'),
    namespace: namespaceFacts,
    target,
    workload,
    peers,
    population: counted,
    stormEndedAtMs: mapFact(policy, (value) => stormEnd(value, nowMs)),
    records: mapFact(records, (all) => all.map(summarise)),
    corroboration,
    rivals,
    predicted: predictedStates(action, target, { workload, peers }),
  };
  return { facts, records };
};

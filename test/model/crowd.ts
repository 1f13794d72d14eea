// SPDX-License-Identifier: Apache-2.0
/**
 * A crowd of workloads for tests over days of virtual time: the real loop, guards, executor, protocol and
 * expiry against the model of the API server. What the analysis side finds is scripted, because days
 * of raw telemetry of hundreds of containers would cost hours; everything behind it is real.
 */
import { healingPolicySpecSchema } from '../../src/api/healing-policy.ts';
import type {
  Analysis,
  AnalysisAnswer,
  AnalysisQuery,
  Binding,
} from '../../src/domain/analysis.ts';
import { containerKey } from '../../src/domain/entity.ts';
import type { Evidence } from '../../src/domain/evidence.ts';
import { Executor } from '../../src/execute/executor.ts';
import { silentLog } from '../../src/instrumentation/log.ts';
import { noTracer } from '../../src/instrumentation/trace.ts';
import { ResourceMetricsStore } from '../../src/knowledge/resource-metrics.ts';
import { createClusterState, type WATCHED } from '../../src/loop/cluster-state.ts';
import { Loop } from '../../src/loop/loop.ts';
import { judge } from '../../src/plan/judge.ts';
import { strategies } from '../../src/plan/strategies/index.ts';
import { seededRandom } from '../rig/seeded-random.ts';
import { ModelApiServer, type ModelChange, type ModelObject, PODS } from './api-server.ts';
import { ModelLeadership } from './lease.ts';
import { VirtualClock } from './virtual-clock.ts';

const MIB = 2 ** 20;
const CONTAINER = 'app';
const LIMIT_BYTES = 256 * MIB;
const TEMPLATE = '5d9c7b';
const REPLACE_MS = 3_000;
const READY_MS = 5_000;

/** How big the crowd is and how long a round takes. */
export interface CrowdOptions {
  readonly namespaces: number;
  readonly workloadsEach: number;
  readonly roundMs: number;
  readonly policy: Readonly<Record<string, unknown>>;
  readonly seed: number;
}

/** One workload of the crowd, and whether its pod leaks now. */
interface Member {
  readonly namespace: string;
  readonly name: string;
  readonly workloadUid: string;
  readonly replicaSetUid: string;
  podUid: string;
  podName: string;
  /** Pod that is said to leak; `null`: none. */
  leakingUid: string | null;
  /** Rounds in which the end of a leak is still told. */
  clearing: number;
  /** The replacement of a restart leaks on in the eyes of the verification. */
  isHopeless: boolean;
}

const whole = (ms: number): string => `${new Date(ms).toISOString().slice(0, 19)}Z`;

/** The world. */
export class Crowd {
  readonly clock = new VirtualClock();
  readonly server = new ModelApiServer(this.clock, { unchecked: true, unaudited: true });
  readonly loop: Loop;
  readonly #options: CrowdOptions;
  readonly #members: Member[] = [];
  readonly #byPod = new Map<string, Member>();
  readonly #random: () => number;
  readonly #stop = new AbortController();
  /** What was watched, by kind and namespace, as the reflectors keep it. */
  readonly #cache = new Map<string, Map<string, Map<string, ModelObject>>>();
  #bindings: readonly Binding[] = [];
  #hear: (evidence: readonly Evidence[]) => void = () => undefined;
  #pods = 0;
  /** Number of leaks that have begun. */
  triggers = 0;

  constructor(options: CrowdOptions) {
    this.#options = options;
    this.#random = seededRandom(options.seed);
    this.server.onChange((change) => this.#watch(change));
    for (let n = 0; n < options.namespaces; n += 1) this.#furnish(`shop-${n}`);
    const leadership = new ModelLeadership(this.clock, 'operator-a', 1);
    const cluster = this.server.portFor('operator-a');
    const metrics = {
      series: (uid: string, _: string, { fromMs, toMs }: { fromMs: number; toMs: number }) =>
        [fromMs, (fromMs + toMs) / 2, toMs].map((timeMs) => ({
          timeMs,
          bytes: this.#bytesAt(uid, timeMs),
        })),
    };
    const analysis = this.#analysis;
    const { clock } = this;
    this.loop = new Loop(
      {
        ...{ clock, cluster, analysis, leadership, strategies },
        state: createClusterState((resource, namespace) => this.#raw(resource, namespace)),
        execution: new Executor(
          { cluster, analysis, clock, leadership, metrics, judge },
          {
            operatorNamespace: 'homeostat-system',
            operatorMaxMode: 'Auto',
            writeDeadlineMs: 3_000,
          },
        ),
        events: { emit: () => undefined },
        metrics: new ResourceMetricsStore(),
        log: silentLog,
        tracer: noTracer,
        denials: () => [],
      },
      { operatorMaxMode: 'Auto', resourceMetricsIntervalMs: Number.POSITIVE_INFINITY },
    );
    this.loop.lead(this.#stop.signal);
    void this.#rounds();
  }

  /** Ends the operator. */
  stop(): void {
    this.#stop.abort();
  }

  /** Objects of one of our kinds, themselves. */
  all(resource: 'healingactions' | 'incidents' | 'healingpolicies'): readonly ModelObject[] {
    return this.server.peek({ group: 'homeostat.dev', resource });
  }

  /** Lets the pod of a workload leak, at random which, for a while. */
  trigger(): void {
    const free = this.#members.filter(({ leakingUid }) => leakingUid === null);
    const member = free[Math.floor(this.#random() * free.length)];
    if (member === undefined) return;
    this.triggers += 1;
    member.leakingUid = member.podUid;
    member.isHopeless = this.#random() < 0.04;
    const uid = member.podUid;
    void this.clock.sleep((0.1 + this.#random() * 0.4) * 3_600_000).then(() => {
      if (member.leakingUid !== uid) return;
      member.leakingUid = null;
      member.clearing = 3;
      // Some are rolled out anew, others live on.
      if (this.#random() < 0.6 && member.podUid === uid) {
        this.server.remove(PODS, { namespace: member.namespace, name: member.podName });
      }
    });
  }

  async #rounds(): Promise<void> {
    while (!this.#stop.signal.aborted) {
      this.#tell();
      await this.loop.round();
      await this.clock.sleep(this.#options.roundMs, this.#stop.signal);
    }
  }

  #tell(): void {
    const evidence = this.#members
      .filter(({ leakingUid, clearing }) => leakingUid !== null || clearing > 0)
      .flatMap((member): Evidence[] => {
        if (member.leakingUid !== null && member.leakingUid !== member.podUid) {
          // Healed: the replacement does not leak.
          member.leakingUid = null;
          return [];
        }
        member.clearing = Math.max(0, member.clearing - 1);
        return [this.#evidence(member, member.leakingUid !== null)];
      });
    if (evidence.length > 0) this.#hear(evidence);
  }

  #evidence(member: Member, firing: boolean): Evidence {
    const { namespace, name, workloadUid, podUid, podName } = member;
    const nowMs = this.clock.wallMs();
    const key = containerKey(podUid, CONTAINER);
    const trigger = this.#bindings.find(({ containers }) => containers.includes(key))?.trigger;
    return {
      detector: 'MemoryLeak',
      trigger: trigger ?? {
        ...{ policyUid: '', policyNamespace: namespace, policyName: 'leaks', trigger: 'leak' },
      },
      subject: {
        pod: { namespace, name: podName, uid: podUid },
        workload: { apiVersion: 'apps/v1', kind: 'Deployment', namespace, name, uid: workloadUid },
        container: CONTAINER,
      },
      classification: firing ? 'leak' : 'noise',
      firing,
      quantity: 'container.memory.working_set',
      window: { fromMs: nowMs - 60_000, toMs: nowMs },
      newestSampleMs: nowMs,
      sampleIntervalMs: 1_000,
      samples: 60,
      summary: firing ? 'app: the memory floor rises steadily' : 'app: no lasting growth',
      measures: {
        ...{ restartCount: 0, limitBytes: LIMIT_BYTES, floorBytes: 160 * MIB },
        ...{ headroomBytes: 90 * MIB, lower80TimeToOomMs: firing ? 50_000 : 9e9 },
        confirmations: firing ? 3 : 0,
      },
    };
  }

  /** Every pod grows by a mebibyte a second in the last minute, as telemetry and the witness agree. */
  #bytesAt(_uid: string, timeMs: number): number {
    return 160 * MIB - ((this.clock.wallMs() - timeMs) / 1000) * MIB;
  }

  readonly #analysis: Analysis = {
    apply: () => undefined,
    bind: (bindings) => {
      this.#bindings = bindings;
    },
    onEvidence: (listener) => {
      this.#hear = listener;
    },
    query: (query) => Promise.resolve(this.#answer(query)),
  };

  #answer(query: AnalysisQuery): AnalysisAnswer {
    const member = this.#byPod.get(query.podUid);
    const nowMs = this.clock.wallMs();
    switch (query.kind) {
      case 'evidence':
        return {
          kind: 'evidence',
          evidence:
            member === undefined
              ? null
              : this.#evidence(member, member.isHopeless || member.leakingUid === query.podUid),
        };
      case 'interpolate':
        return {
          kind: 'interpolate',
          values: query.timesMs.map((timeMs) => this.#bytesAt(query.podUid, timeMs)),
        };
      case 'samples': {
        const count = Math.floor((nowMs - query.sinceMs) / 1_000);
        const floorBytes = member?.isHopeless === true ? LIMIT_BYTES : 40 * MIB;
        const quantity = 'container.memory.working_set';
        return {
          kind: 'samples',
          quantities:
            count <= 0
              ? []
              : [{ quantity, count, newestMs: nowMs, newestValue: floorBytes, floorBytes }],
        };
      }
    }
  }

  #furnish(namespace: string): void {
    this.server.put({ group: '', resource: 'namespaces' }, { metadata: { name: namespace } });
    this.server.put(
      { group: 'homeostat.dev', resource: 'healingpolicies' },
      {
        apiVersion: 'homeostat.dev/v1alpha1',
        kind: 'HealingPolicy',
        metadata: { name: 'leaks', namespace },
        spec: healingPolicySpecSchema.parse(this.#options.policy),
      },
    );
    for (let n = 0; n < this.#options.workloadsEach; n += 1) this.#employ(namespace, `web-${n}`);
  }

  #employ(namespace: string, name: string): void {
    const workload = this.server.put(
      { group: 'apps', resource: 'deployments' },
      {
        apiVersion: 'apps/v1',
        kind: 'Deployment',
        metadata: { name, namespace, labels: { app: name } },
        spec: { replicas: 1, selector: { matchLabels: { app: name } } },
        status: { observedGeneration: 1, replicas: 1, updatedReplicas: 1, readyReplicas: 1 },
      },
    );
    const owner = { apiVersion: 'apps/v1', kind: 'Deployment', controller: true, name };
    const replicaSet = this.server.put(
      { group: 'apps', resource: 'replicasets' },
      {
        apiVersion: 'apps/v1',
        kind: 'ReplicaSet',
        metadata: {
          name: `${name}-${TEMPLATE}`,
          namespace,
          ownerReferences: [{ ...owner, uid: workload.metadata.uid }],
        },
      },
    );
    const member: Member = {
      ...{ namespace, name, podUid: '', podName: '', leakingUid: null, clearing: 0 },
      isHopeless: false,
      workloadUid: workload.metadata.uid,
      replicaSetUid: replicaSet.metadata.uid,
    };
    this.#members.push(member);
    this.#makePod(member, true);
  }

  #makePod(member: Member, isReady: boolean): void {
    const { namespace, name, replicaSetUid } = member;
    this.#pods += 1;
    const podName = `${name}-${TEMPLATE}-${this.#pods}`;
    const startedAt = whole(this.clock.wallMs());
    const pod = this.server.put(PODS, {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: {
        name: podName,
        namespace,
        labels: { app: name, 'pod-template-hash': TEMPLATE },
        ownerReferences: [
          {
            ...{ apiVersion: 'apps/v1', kind: 'ReplicaSet', controller: true },
            name: `${name}-${TEMPLATE}`,
            uid: replicaSetUid,
          },
        ],
      },
      spec: {
        nodeName: 'node-1',
        containers: [{ name: CONTAINER, resources: { limits: { memory: '256Mi' } } }],
      },
      status: {
        phase: 'Running',
        conditions: [
          { type: 'Ready', status: isReady ? 'True' : 'False', lastTransitionTime: startedAt },
        ],
        containerStatuses: [
          { name: CONTAINER, restartCount: 0, state: { running: { startedAt } } },
        ],
      },
    });
    this.#byPod.delete(member.podUid);
    member.podUid = pod.metadata.uid;
    member.podName = podName;
    this.#byPod.set(pod.metadata.uid, member);
    if (!isReady) void this.clock.sleep(READY_MS).then(() => this.#setReady(namespace, podName));
  }

  #setReady(namespace: string, name: string): void {
    this.server.update(PODS, { namespace, name }, (pod) => {
      pod.status.conditions[0].status = 'True';
      pod.status.conditions[0].lastTransitionTime = whole(this.clock.wallMs());
    });
  }

  #watch({ type, resource, object }: ModelChange): void {
    const { namespace = '', uid } = object.metadata;
    const kind = this.#cache.get(resource) ?? new Map<string, Map<string, ModelObject>>();
    this.#cache.set(resource, kind);
    const objects = kind.get(namespace) ?? new Map<string, ModelObject>();
    kind.set(namespace, objects);
    if (type === 'DELETED') objects.delete(uid);
    else objects.set(uid, object);
    const member = resource === 'pods' && type === 'DELETED' ? this.#byPod.get(uid) : undefined;
    if (member?.podUid === uid) {
      void this.clock.sleep(REPLACE_MS).then(() => this.#makePod(member, false));
    }
  }

  #raw(resource: (typeof WATCHED)[number]['resource'], namespace?: string): readonly object[] {
    const kind = this.#cache.get(resource);
    if (namespace !== undefined) return [...(kind?.get(namespace)?.values() ?? [])];
    return [...(kind?.values() ?? [])].flatMap((objects) => [...objects.values()]);
  }
}

// SPDX-License-Identifier: Apache-2.0
/**
 * The whole loop on a virtual clock: the real engine with the real detectors, the real loop, guards,
 * executor and protocol, against the model of the API server. Telemetry is what the modelled
 * containers really hold, sampled as an SDK would. The later backtest is this.
 */
import { DETECTORS } from '../../src/analyze/detectors/index.ts';
import { createEngine, inProcessAnalysis } from '../../src/analyze/engine.ts';
import { healingPolicySpecSchema } from '../../src/api/healing-policy.ts';
import type { ApiReply, ClusterPort, EventSink } from '../../src/domain/cluster.ts';
import type { GaugePoint } from '../../src/domain/telemetry.ts';
import { Executor } from '../../src/execute/executor.ts';
import { silentLog } from '../../src/instrumentation/log.ts';
import { type DecisionTracer, noTracer } from '../../src/instrumentation/trace.ts';
import { tracedPort } from '../../src/instrumentation/traced-port.ts';
import { ResourceMetricsStore } from '../../src/knowledge/resource-metrics.ts';
import { createClusterState, type RawObjects, WATCHED } from '../../src/loop/cluster-state.ts';
import { Loop } from '../../src/loop/loop.ts';
import { tracePhases } from '../../src/observers.ts';
import { judge } from '../../src/plan/judge.ts';
import { strategies } from '../../src/plan/strategies/index.ts';
import { ModelApiServer, type ModelObject } from './api-server.ts';
import { ModelLeadership } from './lease.ts';
import { VirtualClock } from './virtual-clock.ts';
import { CONTAINER, ModelWorkload } from './workload.ts';

const MIB = 2 ** 20;
export const NAMESPACE = 'shop';
const LIMIT_BYTES = 256 * MIB;
const POLICIES = { group: 'homeostat.dev', resource: 'healingpolicies' } as const;
const METRICS_MS = 10_000;

/** How a world differs from the usual one. */
export interface LoopWorldOptions {
  /** `spec` of the policy, over a complete one that heals. */
  readonly policy?: Readonly<Record<string, unknown>>;
  readonly replicas?: number;
  /** Length of a sampling interval in ms. */
  readonly sampleMs?: number;
  /** Distance between two rounds of the loop in ms. */
  readonly roundMs?: number;
  /** Bytes that telemetry says of a pod that really holds `bytes`; the default tells the truth. */
  readonly tell?: (pod: ModelObject, bytes: number) => number;
  /** Traces of the decisions; none by default. */
  readonly tracer?: DecisionTracer;
}

const policySpec = (change: Readonly<Record<string, unknown>>) =>
  healingPolicySpecSchema.parse({
    mode: 'Auto',
    targets: [{ name: 'web', kind: 'Deployment', resourceName: 'web' }],
    triggers: [
      {
        name: 'leak',
        detector: { type: 'MemoryLeak', params: { horizon: '60s', resolution: '2s' } },
      },
    ],
    actions: [{ name: 'restart', restart: {}, timeout: '60s', settle: '30s' }],
    safety: { cooldown: { perTarget: '30s', perAction: '10s' } },
    verify: { initialDelay: '5s', window: '20s', interval: '2s', minSamples: 5 },
    ...change,
  });

/** One world with one operator in it. */
export class LoopWorld {
  readonly clock = new VirtualClock();
  readonly server = new ModelApiServer(this.clock);
  readonly events: Parameters<EventSink['emit']>[0][] = [];
  readonly web: ModelWorkload;
  /** Pods that leak 1.2 MiB a second from now on; by uid, with the time since when. */
  readonly leaking = new Map<string, number>();
  readonly loop: Loop;
  readonly #engine = createEngine({ detectors: DETECTORS });
  readonly #analysis = inProcessAnalysis(this.#engine, this.clock);
  readonly #options: LoopWorldOptions;
  readonly #stop = new AbortController();
  readonly #clones = new Map<string, { readonly version: string; readonly clone: object }>();

  constructor(options: LoopWorldOptions = {}) {
    this.#options = options;
    this.server.put({ group: '', resource: 'namespaces' }, { metadata: { name: NAMESPACE } });
    this.server.put(POLICIES, {
      apiVersion: 'homeostat.dev/v1alpha1',
      kind: 'HealingPolicy',
      metadata: { name: 'web-leaks', namespace: NAMESPACE },
      spec: policySpec(options.policy ?? {}),
    });
    this.web = new ModelWorkload(this.server, this.clock, {
      kind: 'Deployment',
      namespace: NAMESPACE,
      name: 'web',
      replicas: options.replicas ?? 3,
      memoryLimit: '256Mi',
      memoryLimitBytes: LIMIT_BYTES,
      memoryBytes: ({ uid }) => this.#memory(uid),
    });
    const leadership = new ModelLeadership(this.clock, 'operator-a', 1);
    const { tracer = noTracer } = options;
    const cluster = tracedPort(this.#withMetrics(this.server.portFor('operator-a')), tracer);
    const metrics = new ResourceMetricsStore();
    const execution = new Executor(
      {
        ...{ cluster, analysis: this.#analysis, clock: this.clock, leadership, metrics, judge },
        observer: tracePhases(tracer),
      },
      { operatorNamespace: 'homeostat-system', operatorMaxMode: 'Auto', writeDeadlineMs: 3_000 },
    );
    this.loop = new Loop(
      {
        clock: this.clock,
        state: createClusterState(this.#raw),
        cluster,
        analysis: this.#analysis,
        leadership,
        execution,
        events: { emit: (event) => this.events.push(event) },
        metrics,
        strategies,
        log: silentLog,
        tracer,
        denials: () => [],
      },
      { operatorMaxMode: 'Auto', resourceMetricsIntervalMs: METRICS_MS },
    );
    this.loop.lead(this.#stop.signal);
    void this.#every(options.sampleMs ?? 400, () => this.#sample());
    void this.#every(options.roundMs ?? 500, () => this.loop.round());
  }

  /** Ends the operator; records that are being driven stop where they are. */
  stop(): void {
    this.#stop.abort();
  }

  /** Raw objects of one kind. */
  all(resource: string): readonly ModelObject[] {
    const type = WATCHED.find((each) => each.resource === resource);
    return this.server.peek({ group: type?.group ?? '', resource });
  }

  /** Names of the pods that were really evicted, in order. */
  evicted(): readonly string[] {
    return this.server.audit
      .filter(
        ({ request, status }) =>
          request.subresource === 'eviction' && request.dryRun !== true && status < 300,
      )
      .map(({ request }) => request.name ?? '');
  }

  /** Writes on anything but the operator's own kinds, dry runs left out. */
  foreignWrites(): readonly string[] {
    return this.server.audit
      .filter(
        ({ request, user }) =>
          user === 'operator-a' &&
          !['get', 'list'].includes(request.verb) &&
          request.group !== 'homeostat.dev' &&
          request.dryRun !== true,
      )
      .map(({ request }) => `${request.verb} ${request.resource}/${request.subresource ?? ''}`);
  }

  /** Lets one pod leak; the driver's requests go there from now on. */
  leak(pod: ModelObject): void {
    this.leaking.set(pod.metadata.uid, this.clock.monoMs());
  }

  #memory(uid: string): number {
    const since = this.leaking.get(uid);
    // A small saw, as a collector makes: no two samples are alike.
    const saw = ((this.clock.monoMs() / 400) % 5) * 0.2 * MIB;
    const leaked = since === undefined ? 0 : ((this.clock.monoMs() - since) / 1000) * 1.2 * MIB;
    return 60 * MIB + saw + leaked;
  }

  async #every(ms: number, work: () => unknown): Promise<void> {
    while (!this.#stop.signal.aborted) {
      await work();
      await this.clock.sleep(ms, this.#stop.signal);
    }
  }

  #sample(): void {
    this.web.killForMemory();
    const nowMs = this.clock.wallMs();
    const gauges = this.web.pods().flatMap((pod): GaugePoint[] => {
      const { name, uid, deletionTimestamp } = pod.metadata;
      if (deletionTimestamp !== undefined) return [];
      const bytes = this.web.memoryBytes(pod);
      const value = this.#options.tell?.(pod, bytes) ?? bytes;
      const claim = { podUid: uid, podName: name, namespace: NAMESPACE, container: CONTAINER };
      return [{ claim, quantity: 'process.memory.usage', timeMs: nowMs, value }];
    });
    this.#engine.ingest(
      {
        signal: 'metrics',
        receivedAtMs: nowMs,
        gauges,
        requests: [],
        items: gauges.length,
        rejected: 0,
        rejectionMessage: '',
      },
      nowMs,
    );
    this.#analysis.tick();
  }

  /** The watches: the same object until it changes. */
  readonly #raw: RawObjects = (resource, namespace) =>
    this.all(resource)
      .filter(({ metadata }) => namespace === undefined || metadata.namespace === namespace)
      .map((object) => {
        const { uid, resourceVersion } = object.metadata;
        const known = this.#clones.get(uid);
        if (known?.version === resourceVersion) return known.clone;
        const clone = structuredClone(object);
        this.#clones.set(uid, { version: resourceVersion, clone });
        return clone;
      });

  /** Answers metrics.k8s.io from what the containers really hold. */
  #withMetrics(cluster: ClusterPort): ClusterPort {
    const timestamp = (): string => new Date(this.clock.wallMs()).toISOString();
    const list = (): ApiReply => ({
      kind: 'ok',
      status: 200,
      body: {
        items: this.web.pods().map((pod) => ({
          metadata: { name: pod.metadata.name, namespace: NAMESPACE },
          timestamp: timestamp(),
          containers: [
            {
              name: CONTAINER,
              usage: { memory: `${Math.round(this.web.memoryBytes(pod) / 1024)}Ki` },
            },
          ],
        })),
      },
    });
    return {
      send: (request, signal) =>
        request.group === 'metrics.k8s.io'
          ? Promise.resolve(list())
          : cluster.send(request, signal),
    };
  }
}

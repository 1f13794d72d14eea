// SPDX-License-Identifier: Apache-2.0
/**
 * A small world for the protocol: namespace `shop`, Deployment `web` of three replicas of which the
 * first leaks, a policy that restarts it, and telemetry that says so. Time is virtual.
 */
import type { HealingAction } from '../../src/api/healing-action.ts';
import { healingPolicySpecSchema, type Mode } from '../../src/api/healing-policy.ts';
import type { Analysis, AnalysisAnswer, AnalysisQuery } from '../../src/domain/analysis.ts';
import type { Evidence } from '../../src/domain/evidence.ts';
import type { Plan } from '../../src/domain/healing.ts';
import { parseHealingAction } from '../../src/execute/parse-kinds.ts';
import type { ResourceMetrics, ResourceSample } from '../../src/knowledge/resource-metrics.ts';
import { ModelApiServer, type ModelObject, PODS } from './api-server.ts';
import { VirtualClock } from './virtual-clock.ts';
import { CONTAINER, ModelWorkload, type WorkloadOptions } from './workload.ts';

const MIB = 2 ** 20;
const LIMIT_BYTES = 256 * MIB;
const SLOPE_BYTES_PER_SECOND = 0.15 * MIB;
/** Telemetry comes every second, metrics.k8s.io every ten. */
const SAMPLE_MS = 1_000;
const METRICS_MS = 10_000;
/** How old the world is when a test begins, in ms: the leak has been seen for as long. */
const AGE_MS = 120_000;

/** Where records live. */
export const ACTIONS = { group: 'homeostat.dev', resource: 'healingactions' } as const;
const POLICIES = { group: 'homeostat.dev', resource: 'healingpolicies' } as const;
/** Where PodDisruptionBudgets live. */
export const BUDGETS = { group: 'policy', resource: 'poddisruptionbudgets' } as const;

/** What may differ from the usual shop. */
export interface ShopOptions {
  readonly mode?: Mode;
  readonly workload?: Partial<WorkloadOptions>;
  readonly policy?: Readonly<Record<string, unknown>>;
  /** Bytes per second by which the replacement grows; 0: it is cured. */
  readonly replacementSlope?: number;
}

const spec = (options: ShopOptions) =>
  healingPolicySpecSchema.parse({
    mode: options.mode ?? 'Auto',
    targets: [{ name: 'web', kind: options.workload?.kind ?? 'Deployment', resourceName: 'web' }],
    triggers: [
      {
        name: 'leak',
        detector: { type: 'MemoryLeak', params: { horizon: '60s', resolution: '2s' } },
      },
    ],
    actions: [{ name: 'restart', restart: {}, timeout: '10m', settle: '30s' }],
    safety: { minHealthy: 1 },
    verify: { initialDelay: '5s', window: '20s', interval: '2s', minSamples: 5 },
    ...options.policy,
  });

/** The world. */
export class Shop {
  readonly clock = new VirtualClock();
  readonly server = new ModelApiServer(this.clock);
  readonly web: ModelWorkload;
  readonly policyUid: string;
  /** The pod that leaks. */
  readonly target: ModelObject;
  readonly #replacementSlope: number;
  /** Uids of the pods that an eviction has ended, as the pods themselves say. */
  readonly disrupted = new Set<string>();
  /** False: telemetry is silent. */
  isTelling = true;

  private constructor(options: ShopOptions) {
    this.#replacementSlope = options.replacementSlope ?? 0;
    this.server.put({ group: '', resource: 'namespaces' }, { metadata: { name: 'shop' } });
    const policy = this.server.put(POLICIES, {
      apiVersion: 'homeostat.dev/v1alpha1',
      kind: 'HealingPolicy',
      metadata: { name: 'web-leaks', namespace: 'shop' },
      spec: spec(options),
    });
    this.policyUid = policy.metadata.uid;
    this.web = new ModelWorkload(this.server, this.clock, {
      kind: 'Deployment',
      namespace: 'shop',
      name: 'web',
      replicas: 3,
      memoryLimitBytes: LIMIT_BYTES,
      memoryBytes: ({ uid, ageMs }) => this.#memory(uid, ageMs),
      ...options.workload,
    });
    this.server.onChange(({ resource, object }) => {
      const conditions: readonly { type: string }[] = object.status?.conditions ?? [];
      const isDisrupted = conditions.some(({ type }) => type === 'DisruptionTarget');
      if (resource === 'pods' && isDisrupted) this.disrupted.add(object.metadata.uid);
    });
    const [target] = this.web.pods();
    if (target === undefined) throw new Error('the workload has no pod');
    this.target = target;
  }

  /** Opens a shop whose first replica has leaked for two minutes. */
  static async open(options: ShopOptions = {}): Promise<Shop> {
    const shop = new Shop(options);
    await shop.clock.advance(AGE_MS);
    return shop;
  }

  /** Every record, in order of creation. */
  records(): readonly HealingAction[] {
    return this.server.all(ACTIONS).map((raw) => {
      const record = parseHealingAction(raw);
      if (record === null) throw new Error(`unreadable record ${raw.metadata.name}`);
      return record;
    });
  }

  /** Accepted evictions without dry run, as the audit log has them: one pod uid each. */
  evictions(): readonly string[] {
    return this.server.audit
      .filter(
        ({ request, status }) =>
          request.subresource === 'eviction' && request.dryRun !== true && status < 300,
      )
      .map(({ request }) => {
        const body = request.body as {
          deleteOptions?: { preconditions?: { uid?: string } };
        };
        return body.deleteOptions?.preconditions?.uid ?? `name ${request.name}`;
      });
  }

  /** The plan to restart the leaking pod, with evidence of now. */
  plan(overrides: Partial<Plan> = {}): Plan {
    const evidence = this.#evidence();
    return {
      policyUid: this.policyUid,
      incident: 'memory-leak-web',
      step: { index: 0, name: 'restart', action: 'restart' },
      target: {
        ...evidence.subject,
        workload: evidence.subject.workload as NonNullable<typeof evidence.subject.workload>,
      },
      diagnosis: {
        incident: 'memory-leak-web',
        cause: 'MemoryLeak',
        subject: evidence.subject,
        evidence,
      },
      live: true,
      ...overrides,
    };
  }

  /** The analysis side: knows the memory of every pod, and calls the first one leaking. */
  readonly analysis: Pick<Analysis, 'query'> = {
    query: (query) => Promise.resolve(this.#answer(query)),
  };

  /** metrics.k8s.io: the true memory, every ten seconds. */
  readonly metrics: ResourceMetrics = {
    series: (podUid, _container, { fromMs, toMs }) => {
      const samples: ResourceSample[] = [];
      const first = Math.ceil(fromMs / METRICS_MS) * METRICS_MS;
      for (
        let timeMs = first;
        timeMs <= Math.min(toMs, this.clock.wallMs());
        timeMs += METRICS_MS
      ) {
        const bytes = this.#memoryAt(podUid, timeMs);
        if (bytes !== null) samples.push({ timeMs, bytes });
      }
      return samples;
    },
  };

  #memory(uid: string, ageMs: number): number {
    const isTarget = this.target === undefined || uid === this.target.metadata.uid;
    if (!isTarget) return 40 * MIB + (this.#replacementSlope * ageMs) / 1000;
    return 20 * MIB + (SLOPE_BYTES_PER_SECOND * ageMs) / 1000;
  }

  #startedAtMs(pod: ModelObject): number {
    return Date.parse(pod.status?.containerStatuses?.[0]?.state?.running?.startedAt as string);
  }

  #memoryAt(podUid: string, timeMs: number): number | null {
    const pod = this.server.peek(PODS).find(({ metadata }) => metadata.uid === podUid);
    if (pod === undefined) return null;
    const startedAtMs = this.#startedAtMs(pod);
    return timeMs < startedAtMs ? null : this.#memory(podUid, timeMs - startedAtMs);
  }

  #evidence(): Evidence {
    const nowMs = this.clock.wallMs();
    const { name, uid } = this.target.metadata;
    const workload = {
      apiVersion: 'apps/v1',
      kind:
        this.target.metadata.ownerReferences?.[0]?.kind === 'StatefulSet'
          ? 'StatefulSet'
          : 'Deployment',
      namespace: 'shop',
      name: 'web',
      uid: this.web.uid,
    };
    return {
      detector: 'MemoryLeak',
      trigger: {
        policyUid: this.policyUid,
        policyNamespace: 'shop',
        policyName: 'web-leaks',
        trigger: 'leak',
      },
      subject: { pod: { namespace: 'shop', name, uid }, workload, container: CONTAINER },
      classification: 'leak',
      firing: true,
      quantity: 'container.memory.working_set',
      window: { fromMs: nowMs - 100_000, toMs: nowMs },
      newestSampleMs: nowMs,
      sampleIntervalMs: SAMPLE_MS,
      samples: 100,
      summary: 'app: the memory floor rises steadily',
      measures: {
        restartCount: 0,
        limitBytes: LIMIT_BYTES,
        floorBytes: 160 * MIB,
        headroomBytes: 90 * MIB,
        slopeBytesPerSecond: SLOPE_BYTES_PER_SECOND,
        lower80TimeToOomMs: 50_000,
      },
    };
  }

  #answer(query: AnalysisQuery): AnalysisAnswer {
    const { podUid } = query;
    switch (query.kind) {
      case 'evidence': {
        const isThere = this.#memoryAt(podUid, this.clock.wallMs()) !== null;
        const isTarget = podUid === this.target.metadata.uid;
        return {
          kind: 'evidence',
          evidence: this.isTelling && isTarget && isThere ? this.#evidence() : null,
        };
      }
      case 'interpolate':
        return {
          kind: 'interpolate',
          values: query.timesMs.map((timeMs) =>
            this.isTelling ? this.#memoryAt(podUid, timeMs) : null,
          ),
        };
      case 'samples': {
        const newestMs = Math.floor(this.clock.wallMs() / SAMPLE_MS) * SAMPLE_MS;
        const newestValue = this.#memoryAt(podUid, newestMs);
        const count = Math.floor((newestMs - query.sinceMs) / SAMPLE_MS) + 1;
        if (!this.isTelling || newestValue === null || count <= 0) {
          return { kind: 'samples', quantities: [] };
        }
        const quantity = 'container.memory.working_set';
        const floorBytes = newestValue;
        return {
          kind: 'samples',
          quantities: [{ quantity, count, newestMs, newestValue, floorBytes }],
        };
      }
    }
  }
}

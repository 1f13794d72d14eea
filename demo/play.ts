// SPDX-License-Identifier: Apache-2.0
/**
 * The story, told while it happens: what the operator sees, decides and does is read from the cluster
 * as anybody could. Nothing here tells the operator anything.
 */
import { Driver } from './driver.ts';
import { leakPolicy, POLICY, SHOP, WEB, webDeployment } from './manifests.ts';
import type { Narrator } from './narrator.ts';
import {
  type Look,
  look,
  type ObservedAction,
  type ObservedIncident,
  type ObservedPod,
} from './observed.ts';
import type { Stage } from './stage.ts';
import { LEAK } from './timeline.ts';

/** What happened, for the proof. */
export interface Story {
  readonly simulated: readonly ObservedAction[];
  readonly healed: readonly ObservedAction[];
  readonly escalated: ObservedIncident | null;
}

const LOOK_MS = 500;
const MEMORY_LINE_MS = 10_000;
const ACT_DEADLINE_MS = 300_000;
const TERMINAL: ReadonlySet<string> = new Set([
  'Succeeded',
  'Failed',
  'Inconclusive',
  'Blocked',
  'Simulated',
]);
const mebibytes = (bytes: number): string => `${Math.round(bytes / 2 ** 20)} MiB`;

/** Plays one run of the demo. */
export class Play {
  readonly #stage: Stage;
  readonly #narrator: Narrator;
  readonly #driver = new Driver(LEAK.requestsPerSecond);
  readonly #told = new Set<string>();
  #memoryToldAt = 0;

  constructor(stage: Stage, narrator: Narrator) {
    this.#stage = stage;
    this.#narrator = narrator;
  }

  /** Applies workload and policy, and waits for three Ready replicas. */
  async open(): Promise<void> {
    const { cluster, endpoint } = this.#stage;
    const apply = async (object: unknown): Promise<void> => {
      const { code, stderr } = await cluster.kubectl(['apply', '-f', '-'], {
        input: JSON.stringify(object),
      });
      if (code !== 0) throw new Error(stderr);
    };
    await apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: SHOP } });
    await apply(webDeployment(endpoint));
    this.#narrator.say(
      'stage',
      `kubectl apply: Deployment ${SHOP}/${WEB}, 3 replicas, limit ${LEAK.limitText}, OTLP to ${endpoint}`,
    );
    await cluster.waitFor(
      'three replicas are Ready',
      async () => (await look(cluster)).pods.filter(({ isReady }) => isReady).length === 3,
      120_000,
    );
    this.#narrator.say('cluster', 'three replicas are Ready');
    await apply(leakPolicy());
    this.#narrator.say('stage', `kubectl apply: HealingPolicy ${SHOP}/${POLICY}, mode DryRun`);
  }

  /** Stops sending requests. */
  close(): void {
    this.#driver.drive(null);
  }

  /** Leaks in one pod until a plan was rehearsed in DryRun. */
  async dryRun(): Promise<readonly ObservedAction[]> {
    return this.#until('a plan is rehearsed', ({ actions }) => {
      const simulated = actions.filter(
        ({ spec, status }) => spec.mode === 'DryRun' && status?.phase === 'Simulated',
      );
      return simulated.length > 0 ? simulated : undefined;
    });
  }

  /** Sets `mode: Auto`, as a user would after reading what would have been done. */
  async goLive(): Promise<void> {
    const patch = JSON.stringify({ spec: { mode: 'Auto' } });
    const { code, stderr } = await this.#stage.cluster.kubectl([
      ...['patch', 'healingpolicy', POLICY, '-n', SHOP, '--type=merge', '-p', patch],
    ]);
    if (code !== 0) throw new Error(stderr);
    this.#narrator.say('stage', 'kubectl patch healingpolicy web-leak: mode: Auto');
  }

  /** Leaks on, in the replacement too, until `count` live actions have ended. */
  async heal(count: number): Promise<readonly ObservedAction[]> {
    return this.#until(`live action ${count} has ended`, ({ actions }) => {
      const ended = actions.filter(
        ({ spec, status }) => spec.mode === 'Auto' && TERMINAL.has(status?.phase ?? ''),
      );
      return ended.length >= count ? ended : undefined;
    });
  }

  /** Leaks on until the guard refuses and the incident is escalated. */
  async escalate(): Promise<ObservedIncident> {
    return this.#until('the incident is escalated', ({ incidents }) =>
      incidents.find(({ status }) => status?.state === 'Escalated'),
    );
  }

  async #until<T>(description: string, check: (seen: Look) => T | undefined): Promise<T> {
    const deadline = performance.now() + ACT_DEADLINE_MS;
    while (performance.now() < deadline) {
      const seen = await look(this.#stage.cluster);
      this.#drive(seen.pods);
      this.#tell(seen);
      const found = check(seen);
      if (found !== undefined) return found;
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    }
    throw new Error(`not within ${ACT_DEADLINE_MS / 1000} s: ${description}`);
  }

  /** Sends the requests to one pod, and when that is gone to its replacement, the youngest. */
  #drive(pods: readonly ObservedPod[]): void {
    const serving = pods.filter(
      ({ isReady, isDeleting, ip }) => isReady && !isDeleting && ip !== '',
    );
    const driven = this.#driver.pod;
    if (driven !== null && pods.some(({ uid, isDeleting }) => uid === driven.uid && !isDeleting))
      return;
    const [next] = serving.toSorted((a, b) => (a.createdAt < b.createdAt ? 1 : -1));
    if (next === undefined || (driven !== null && serving.length < 3)) return;
    this.#driver.drive(next);
    this.#narrator.say(
      'workload',
      `${LEAK.requestsPerSecond} requests/s to ${next.name}; the program keeps ${Math.round(LEAK.bytesPerRequest / 1024)} KiB of each`,
    );
  }

  #once(key: string, tell: () => void): void {
    if (this.#told.has(key)) return;
    this.#told.add(key);
    tell();
  }

  #tell(seen: Look): void {
    const { usedBytes, pod } = this.#driver;
    if (
      pod !== null &&
      usedBytes !== null &&
      performance.now() - this.#memoryToldAt > MEMORY_LINE_MS
    ) {
      this.#memoryToldAt = performance.now();
      this.#narrator.say(
        'workload',
        `${pod.name} holds ${mebibytes(usedBytes)} of ${mebibytes(LEAK.limitBytes)}`,
      );
    }
    for (const trigger of seen.policy.status?.triggers ?? []) {
      this.#once(`${trigger.state}/${pod?.uid}`, () =>
        this.#narrator.say('homeostat', `sees: ${trigger.state}: ${trigger.message}`),
      );
    }
    for (const each of seen.pods.filter(({ restartCount }) => restartCount > 0)) {
      this.#once(`${each.uid}/restart/${each.restartCount}`, () =>
        this.#narrator.say('cluster', `${each.name} was restarted in place (${each.restartCount})`),
      );
    }
    for (const incident of seen.incidents) this.#tellIncident(incident);
    for (const action of seen.actions) this.#tellAction(action);
  }

  #tellIncident({ metadata, spec, status }: ObservedIncident): void {
    const state = `${status?.state ?? 'new'} ${status?.reason ?? ''}`.trim();
    this.#once(`${metadata.name}/${state}`, () => {
      this.#narrator.say('homeostat', `decides: Incident about ${spec.subject.pod.name}: ${state}`);
      if (status?.message !== undefined && status.message !== '')
        this.#narrator.list([status.message]);
    });
  }

  #tellAction({ metadata, spec, status }: ObservedAction): void {
    const phase = status?.phase ?? 'Planned';
    this.#once(`${metadata.name}/${phase}`, () => {
      const what =
        spec.mode === 'DryRun'
          ? 'rehearses a restart of'
          : `restarts (generation ${spec.lineageGeneration})`;
      const reason = status?.reason === undefined ? '' : ` ${status.reason}`;
      this.#narrator.say('homeostat', `does: ${what} ${spec.target.name}: ${phase}${reason}`);
      if (status?.message !== undefined && status.message !== '')
        this.#narrator.list([status.message]);
    });
  }
}

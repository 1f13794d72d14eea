// SPDX-License-Identifier: Apache-2.0
import type { MonoMs } from '../domain/clock.ts';
import { parseQuantity } from '../domain/quantity-text.ts';
import { listAt, textAt } from '../execute/raw-json.ts';
import type { ResourceReading } from '../knowledge/resource-metrics.ts';
import type { LoopOptions, LoopPorts } from './ports.ts';

/** A round waits at most this long in ms: an aggregated API may take minutes to say that it is away. */
const MAX_WAIT_MS = 1_000;

/**
 * Polls metrics.k8s.io, one list per target namespace, and keeps what it says as a series. Runs on
 * every replica: a new leader has the witness's history.
 */
export class ResourceMetricsPoll {
  readonly #ports: LoopPorts;
  readonly #options: LoopOptions;
  #dueAtMs: MonoMs = Number.NEGATIVE_INFINITY;
  #polling: Promise<void> | null = null;

  constructor(ports: LoopPorts, options: LoopOptions) {
    this.#ports = ports;
    this.#options = options;
  }

  /**
   * Polls when the interval has passed; a namespace that cannot be read stays without samples. An
   * answer that is late is taken in when it comes, and the round goes on without it.
   */
  async round(namespaces: ReadonlySet<string>): Promise<void> {
    const { clock } = this.#ports;
    const nowMs = clock.monoMs();
    if (this.#polling !== null || nowMs < this.#dueAtMs) return;
    this.#dueAtMs = nowMs + this.#options.resourceMetricsIntervalMs;
    const polling = this.#pollAll(namespaces).finally(() => {
      this.#polling = null;
    });
    this.#polling = polling;
    const answered = new AbortController();
    await Promise.race([polling, clock.sleep(MAX_WAIT_MS, answered.signal)]);
    answered.abort();
  }

  async #pollAll(namespaces: ReadonlySet<string>): Promise<void> {
    await Promise.all(
      [...namespaces].map(async (namespace) => {
        this.#ports.metrics.add(await this.#poll(namespace));
      }),
    );
    const pods = [...namespaces].flatMap((namespace) => this.#ports.state.pods(namespace));
    this.#ports.metrics.retain(new Set(pods.map(({ facts }) => facts.uid)));
  }

  async #poll(namespace: string): Promise<readonly ResourceReading[]> {
    const { cluster, state, log } = this.#ports;
    const reply = await cluster.send({
      verb: 'list',
      group: 'metrics.k8s.io',
      version: 'v1beta1',
      resource: 'pods',
      namespace,
    });
    if (reply.kind !== 'ok') {
      log.debug('metrics.k8s.io could not be read', { entity: namespace, error: reply.message });
      return [];
    }
    const uids = new Map(state.pods(namespace).map(({ facts }) => [facts.name, facts]));
    return listAt(reply.body, 'items').flatMap((item) => {
      const pod = uids.get(textAt(item, 'metadata', 'name'));
      const timeMs = Date.parse(textAt(item, 'timestamp'));
      // A sample from before the pod was made belongs to an earlier pod of the same name.
      if (pod === undefined || !(timeMs >= pod.createdAtMs)) return [];
      return listAt(item, 'containers').flatMap((container) => {
        const bytes = parseQuantity(textAt(container, 'usage', 'memory'));
        const name = textAt(container, 'name');
        return bytes === null || name === ''
          ? []
          : [{ podUid: pod.uid, container: name, timeMs, bytes }];
      });
    });
  }
}

// SPDX-License-Identifier: Apache-2.0
import type { MonoMs } from '../domain/clock.ts';
import { parseQuantity } from '../domain/quantity-text.ts';
import { listAt, textAt } from '../execute/raw-json.ts';
import type { ResourceReading } from '../knowledge/resource-metrics.ts';
import type { LoopOptions, LoopPorts } from './ports.ts';

/**
 * Polls metrics.k8s.io, one list per target namespace, and keeps what it says as a series. Runs on
 * every replica: a new leader has the witness's history.
 */
export class ResourceMetricsPoll {
  readonly #ports: LoopPorts;
  readonly #options: LoopOptions;
  #dueAtMs: MonoMs = Number.NEGATIVE_INFINITY;

  constructor(ports: LoopPorts, options: LoopOptions) {
    this.#ports = ports;
    this.#options = options;
  }

  /** Polls when the interval has passed; a namespace that cannot be read stays without samples. */
  async round(namespaces: ReadonlySet<string>): Promise<void> {
    const nowMs = this.#ports.clock.monoMs();
    if (nowMs < this.#dueAtMs) return;
    this.#dueAtMs = nowMs + this.#options.resourceMetricsIntervalMs;
    const polled = await Promise.all([...namespaces].map((namespace) => this.#poll(namespace)));
    this.#ports.metrics.add(polled.flat());
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

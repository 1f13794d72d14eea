// SPDX-License-Identifier: Apache-2.0
import type { ObjectMeta } from '../api/scalars.ts';
import type { MonoMs } from '../domain/clock.ts';
import { deletion, expire } from '../execute/expire.ts';
import type { LoopPorts } from './ports.ts';

const INTERVAL_MS = 60_000;
/** Deletions of one round: a backlog is worked off over several rounds, without a burst. */
const MAX_DELETIONS = 200;

/** Deletes ended records and closed incidents that no limit looks back on any more. */
export class Expiry {
  readonly #ports: LoopPorts;
  #dueAtMs: MonoMs = Number.NEGATIVE_INFINITY;

  constructor(ports: LoopPorts) {
    this.#ports = ports;
  }

  /**
   * Runs once a minute. While a policy cannot be read its windows are unknown, and nothing goes in its
   * namespace; policies count no records of another.
   */
  async round(signal: AbortSignal): Promise<void> {
    const { clock, state, cluster, log } = this.#ports;
    if (clock.monoMs() < this.#dueAtMs) return;
    this.#dueAtMs = clock.monoMs() + INTERVAL_MS;
    const unclear = new Set(state.invalidPolicies().map(({ metadata }) => metadata.namespace));
    const isClear = ({ metadata }: { readonly metadata: ObjectMeta }): boolean =>
      !unclear.has(metadata.namespace);
    const expired = expire({
      nowMs: clock.wallMs(),
      policies: state.policies(),
      records: state.actions().filter(isClear),
      incidents: state.incidents().filter(isClear),
    });
    const deletions = [
      ...expired.records.map((each) => deletion('healingactions', each)),
      ...expired.incidents.map((each) => deletion('incidents', each)),
    ];
    for (const request of deletions.slice(0, MAX_DELETIONS)) {
      if (signal.aborted) return;
      const reply = await cluster.send(request);
      if (reply.kind !== 'ok')
        log.debug('not deleted yet', { entity: request.name ?? '', error: reply.message });
    }
    if (deletions.length > 0) log.info('ended records deleted', { count: deletions.length });
  }
}

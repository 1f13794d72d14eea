// SPDX-License-Identifier: Apache-2.0
import type { ContainerFacts, ObjectDelta } from '../domain/entity.ts';

/**
 * Computes what changed since the last round, so that only changes cross to the analysis worker.
 * Keeps one fingerprint per pod of the watched targets.
 */
export class ObjectDeltas {
  #sent = new Map<string, string>();

  /** Takes the containers of all policies' targets; the same container may come twice. */
  next(containers: readonly ContainerFacts[]): readonly ObjectDelta[] {
    const pods = new Map<string, Map<string, ContainerFacts>>();
    for (const facts of containers) {
      const { uid } = facts.ref.pod;
      const pod = pods.get(uid) ?? new Map<string, ContainerFacts>();
      pod.set(facts.ref.container, facts);
      pods.set(uid, pod);
    }
    const deltas: ObjectDelta[] = [];
    const sent = new Map<string, string>();
    for (const [podUid, byName] of pods) {
      const facts = [...byName.values()];
      const fingerprint = JSON.stringify(facts);
      sent.set(podUid, fingerprint);
      if (this.#sent.get(podUid) !== fingerprint) {
        deltas.push({ kind: 'upsert', podUid, containers: facts });
      }
    }
    for (const podUid of this.#sent.keys()) {
      if (!sent.has(podUid)) deltas.push({ kind: 'delete', podUid });
    }
    this.#sent = sent;
    return deltas;
  }

  /** Forgets what was sent: after a restart of the worker everything is sent again. */
  reset(): void {
    this.#sent.clear();
  }
}

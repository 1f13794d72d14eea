// SPDX-License-Identifier: Apache-2.0
import { containerKey } from '../domain/entity.ts';
import type { Evidence } from '../domain/evidence.ts';

/**
 * The newest evidence of each trigger about each container. Kept on every replica, so that a new
 * leader need not wait for the next round; bounded by the containers that are watched.
 */
export class EvidenceBook {
  readonly #byPolicy = new Map<string, Map<string, Evidence>>();

  /** Takes a round in. */
  add(evidence: readonly Evidence[]): void {
    for (const each of evidence) {
      const { policyUid, trigger } = each.trigger;
      const rows = this.#byPolicy.get(policyUid) ?? new Map<string, Evidence>();
      rows.set(`${trigger}/${containerKey(each.subject.pod.uid, each.subject.container)}`, each);
      this.#byPolicy.set(policyUid, rows);
    }
  }

  /** Forgets policies, triggers and containers that are no longer watched. */
  retain(
    watched: ReadonlyMap<
      string,
      { readonly containers: ReadonlySet<string>; readonly triggers: ReadonlySet<string> }
    >,
  ): void {
    for (const [policyUid, rows] of this.#byPolicy) {
      const kept = watched.get(policyUid);
      if (kept === undefined) {
        this.#byPolicy.delete(policyUid);
        continue;
      }
      for (const [key, { subject, trigger }] of rows) {
        const isKept =
          kept.triggers.has(trigger.trigger) &&
          kept.containers.has(containerKey(subject.pod.uid, subject.container));
        if (!isKept) rows.delete(key);
      }
    }
  }

  /** Newest evidence of a policy, one row per trigger and container. */
  of(policyUid: string): readonly Evidence[] {
    return [...(this.#byPolicy.get(policyUid)?.values() ?? [])];
  }

  /** Newest evidence about one container under one trigger; `null`: none. */
  about(policyUid: string, trigger: string, key: string): Evidence | null {
    return this.#byPolicy.get(policyUid)?.get(`${trigger}/${key}`) ?? null;
  }
}

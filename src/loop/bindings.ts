// SPDX-License-Identifier: Apache-2.0
import type { HealingPolicy } from '../api/healing-policy.ts';
import type { Analysis, Binding } from '../domain/analysis.ts';
import type { ClusterState } from './cluster-state.ts';
import { ObjectDeltas } from './object-deltas.ts';
import {
  containerFacts,
  type NamespacePods,
  namespacePods,
  type ResolvedTargets,
  resolveTargets,
} from './targets.ts';

/** A policy with what its targets select now. */
export interface WatchedPolicy {
  readonly policy: HealingPolicy;
  readonly targets: ResolvedTargets;
}

const bindingsOf = ({ policy, targets }: WatchedPolicy): readonly Binding[] =>
  policy.spec.triggers.map((trigger) => ({
    trigger: {
      policyUid: policy.metadata.uid,
      policyNamespace: policy.metadata.namespace,
      policyName: policy.metadata.name,
      trigger: trigger.name,
    },
    detector: trigger.detector.type,
    params: trigger.detector.params,
    containers: targets.containers,
  }));

/**
 * Keeps the analysis worker informed: which containers exist, and which trigger watches which. Runs
 * on every replica, so that a standby is warm.
 */
export class Bindings {
  readonly #deltas = new ObjectDeltas();
  #bound = '';

  /** Resolves all policies and sends what changed since the last call. */
  refresh(state: ClusterState, analysis: Analysis): readonly WatchedPolicy[] {
    const seen = new Map<string, NamespacePods>();
    const watched = state
      .policies()
      .filter(({ metadata }) => metadata.deletionTimestamp === undefined)
      .map((policy) => {
        const { namespace } = policy.metadata;
        const here = seen.get(namespace) ?? namespacePods(state, namespace);
        seen.set(namespace, here);
        return { policy, targets: resolveTargets(here, policy) };
      });
    // All containers of a pod are sent, the unwatched too: identity must know that there are several.
    const containers = watched.flatMap(({ targets }) => targets.pods.flatMap(containerFacts));
    const deltas = this.#deltas.next(containers);
    if (deltas.length > 0) analysis.apply(deltas);
    const bindings = watched.flatMap(bindingsOf);
    const fingerprint = JSON.stringify(bindings);
    if (fingerprint !== this.#bound) {
      analysis.bind(bindings);
      this.#bound = fingerprint;
    }
    return watched;
  }
}

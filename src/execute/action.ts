// SPDX-License-Identifier: Apache-2.0
/**
 * The action contract: what would be sent, what must hold, what it passes through, how to undo it.
 *
 * Everything here is computed before anything is sent. `intents` are data; the executor sends them.
 * The chart's RBAC is generated from `rbac`: a rule for each call that the action makes, no more.
 */
import type { z } from 'zod';
import type { intentSchema } from '../api/healing-action.ts';
import type { PodFacts, PredictedState, WorkloadFacts } from '../domain/healing.ts';

/** One rule of a (Cluster)Role. */
export interface RbacRule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly verbs: readonly string[];
}

/** A request that may be sent, with its preconditions; the record stores it before it is sent. */
export type Intent = z.output<typeof intentSchema>;

/** The live facts an action is computed from. */
export interface ActFacts {
  readonly target: PodFacts;
  readonly workload: WorkloadFacts;
  readonly peers: readonly PodFacts[];
}

/** What a probe found out about an intent whose answer was lost. */
export type ProbeResult = 'done' | 'notDone' | 'unknown';

/** An action as registered. */
export interface Action<Id extends string = string> {
  readonly id: Id;
  readonly title: string;
  /** `once`: one record, one effect. */
  readonly effect: 'once';
  readonly params: z.ZodType;
  readonly rbac: readonly RbacRule[];
  /** Every state that the workload passes through, in order. */
  predict(facts: ActFacts): readonly PredictedState[];
  intents(facts: ActFacts): readonly Intent[];
  /** Why there is no undo. */
  readonly undoUnavailableReason: string;
  /**
   * Judges from a read of the target whether the intent took effect.
   * @param pod the raw Pod, `null` when the API server says 404
   */
  probe(intent: Intent, pod: unknown): ProbeResult;
}

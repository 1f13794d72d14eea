// SPDX-License-Identifier: Apache-2.0
/**
 * The decisions of `plan` in the shape in which `execute` takes them (its `Judge`): plain functions
 * of gathered facts, handed in by whoever puts the two together.
 */
import type { GatheredFacts } from '../api/gathered-facts.ts';
import type { Mode } from '../api/healing-policy.ts';
import { PASS, type Verdict } from '../domain/verdict.ts';
import { type Decision, decide, decideBeforeRehearsal } from './decide.ts';
import { effectiveMode } from './effective-mode.ts';
import type { GuardInput } from './guard.ts';
import { planGeneration } from './lineage.ts';

const verdictOf = (decision: Decision): Verdict => {
  switch (decision.kind) {
    case 'go':
      return PASS;
    case 'refused':
      return { kind: 'Refuse', reason: decision.reason, message: decision.message };
    case 'unknown':
      return { kind: 'Unknown', missing: decision.missing };
  }
};

/** Judges plans: the guards in their order, the mode in force, the generation of a restart. */
export const judge = {
  /**
   * Asks the guards. With `rehearsal: null` it asks those that come before the rehearsal: a pass then
   * permits the rehearsal and nothing else.
   */
  decide: (input: GuardInput): Verdict =>
    verdictOf(input.rehearsal === null ? decideBeforeRehearsal(input) : decide(input)),

  /** Computes the mode in force; `null` while the policy or its namespace is unknown. */
  effectiveMode: ({ policy, namespace, operatorMaxMode }: GatheredFacts): Mode | null =>
    policy.kind === 'unknown' || namespace.kind === 'unknown'
      ? null
      : effectiveMode({
          specMode: policy.value.spec.mode,
          operatorMaxMode,
          namespaceAnnotations: namespace.value.annotations,
        }),

  /** Counts the generation that a restart of the target would have; `null` while it is unknown. */
  lineageGeneration: (facts: GatheredFacts): number | null => {
    const { policy, target, records } = facts;
    if (policy.kind === 'unknown' || target.kind === 'unknown' || records.kind === 'unknown') {
      return null;
    }
    if (target.value === null) return null;
    const read = { policy: policy.value, target: target.value, records: records.value };
    return planGeneration(facts, read);
  },
};

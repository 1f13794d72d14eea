// SPDX-License-Identifier: Apache-2.0
import type { WorkloadFacts } from '../domain/healing.ts';
import { selectorMatches } from '../domain/label-selector.ts';
import type { HealingPolicy, PolicyTarget } from './healing-policy.ts';

const targetSelects = (target: PolicyTarget, { ref, labels }: WorkloadFacts): boolean => {
  if (ref.apiVersion !== target.apiVersion || ref.kind !== target.kind) return false;
  if (target.exclude?.names.includes(ref.name) === true) return false;
  return target.resourceName === undefined
    ? target.selector !== undefined && selectorMatches(target.selector, labels)
    : target.resourceName === ref.name;
};

/**
 * Tells which of a policy's targets selects a workload; `undefined`: none. A policy reaches no
 * further than its own namespace.
 */
export const selectingTarget = (
  policy: Pick<HealingPolicy, 'metadata' | 'spec'>,
  workload: WorkloadFacts,
): PolicyTarget | undefined =>
  workload.ref.namespace === policy.metadata.namespace
    ? policy.spec.targets.find((target) => targetSelects(target, workload))
    : undefined;

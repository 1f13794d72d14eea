// SPDX-License-Identifier: Apache-2.0
import { type Marks, protectingMark } from '../../domain/marks.ts';
import { PASS, type Verdict } from '../../domain/verdict.ts';
import type { Guard } from '../guard.ts';
import { podText, workloadText } from '../object-names.ts';
import { withFacts } from '../required-facts.ts';

/** Namespaces of Kubernetes itself. */
const SYSTEM_NAMESPACES: ReadonlySet<string> = new Set([
  'kube-system',
  'kube-public',
  'kube-node-lease',
]);

interface Marked {
  readonly labels: Marks;
  readonly annotations: Marks;
}

const refuse = (message: string): Verdict => ({ kind: 'Refuse', reason: 'Protected', message });

/** Refuses what nobody may touch: system namespaces, our own, and whatever is marked. */
export const protectedTarget: Guard<'protected'> = {
  id: 'protected',
  title: 'Is the target outside system namespaces and without a protecting mark?',
  check: ({ plan, operatorNamespace, namespace, target, workload }) => {
    const home = plan.target.pod.namespace;
    if (SYSTEM_NAMESPACES.has(home) || home === operatorNamespace) {
      return refuse(`namespace ${home} is never healed`);
    }
    return withFacts({ namespace, target, workload }, (known) => {
      const marked: readonly (readonly [string, Marked | null])[] = [
        [podText(plan.target.pod), known.target],
        [workloadText(plan.target.workload), known.workload],
        [`namespace ${home}`, known.namespace],
      ];
      for (const [name, object] of marked) {
        const mark = object === null ? null : protectingMark(object);
        if (mark !== null) return refuse(`${name} carries ${mark}`);
      }
      return PASS;
    });
  },
};

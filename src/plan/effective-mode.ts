// SPDX-License-Identifier: Apache-2.0
import { MODES, type Mode } from '../api/healing-policy.ts';
import { MAX_MODE, type Marks } from '../domain/marks.ts';

const lower = (a: Mode, b: Mode): Mode => (MODES.indexOf(a) <= MODES.indexOf(b) ? a : b);

/** Reads the cap that a namespace sets; a value that is no mode caps to Observe, the weakest. */
const namespaceCap = (annotations: Marks): Mode => {
  if (!Object.hasOwn(annotations, MAX_MODE)) return 'Auto';
  return MODES.find((mode) => mode === annotations[MAX_MODE]) ?? 'Observe';
};

/**
 * Computes the mode that is in force: the lowest of the policy's own, the operator's cap and the
 * namespace annotation `homeostat.dev/max-mode`. A cap never raises.
 */
export const effectiveMode = (caps: {
  readonly specMode: Mode;
  readonly operatorMaxMode: Mode;
  readonly namespaceAnnotations: Marks;
}): Mode =>
  lower(lower(caps.specMode, caps.operatorMaxMode), namespaceCap(caps.namespaceAnnotations));

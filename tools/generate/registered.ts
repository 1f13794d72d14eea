// SPDX-License-Identifier: Apache-2.0

import { DETECTORS } from '../../src/analyze/detectors/index.ts';
import type { Kind } from '../../src/api/kinds.ts';
import { kinds } from '../../src/api/kinds.ts';
import { actions } from '../../src/execute/actions/index.ts';

/** Lists the kinds with the ids of the registered detectors and actions. */
export const registeredKinds = (): readonly Kind[] => {
  const [first, ...rest] = DETECTORS.map(({ id }) => id);
  if (first === undefined) throw new Error('no detector is registered');
  return kinds({ detectors: [first, ...rest], actions: actions.map(({ id }) => id) });
};

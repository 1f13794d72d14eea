// SPDX-License-Identifier: Apache-2.0
import type { Strategy } from '../strategy.ts';
import { restartLeaking } from './restart-leaking.ts';

/** Every strategy, sorted by id. */
export const strategies = [restartLeaking] as const satisfies readonly Strategy[];

// SPDX-License-Identifier: Apache-2.0
import type { Action } from '../action.ts';
import { restart } from './restart.ts';

/** Every action, sorted by id. */
export const actions = [restart] as const satisfies readonly Action[];

/** Finds an action by its API name; `undefined`: there is none. */
export const actionById = (id: string): Action | undefined =>
  actions.find((action) => action.id === id);

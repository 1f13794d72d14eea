// SPDX-License-Identifier: Apache-2.0
import type { Guard } from '../guard.ts';
import { breaker } from './breaker.ts';
import { budget } from './budget.ts';
import { conflict } from './conflict.ts';
import { cooldown } from './cooldown.ts';
import { corroborated } from './corroborated.ts';
import { fresh } from './fresh.ts';
import { leader } from './leader.ts';
import { minHealthy } from './min-healthy.ts';
import { noStorm } from './no-storm.ts';
import { notPaused } from './not-paused.ts';
import { ownership } from './ownership.ts';
import { protectedTarget } from './protected.ts';
import { recurrence } from './recurrence.ts';
import { rehearsalAccepted } from './rehearsal-accepted.ts';
import { sameTarget } from './same-target.ts';

/** Every guard that is asked before the rehearsal, in order; the first that does not pass wins. */
export const guardsBeforeRehearsal = [
  // May this process act at all?
  leader,
  // Did a person say no?
  notPaused,
  protectedTarget,
  // Is what was seen still so, and does anybody else see it?
  sameTarget,
  fresh,
  corroborated,
  // Would acting make it worse?
  noStorm,
  minHealthy,
  // Does acting help, and was it not done too often?
  breaker,
  recurrence,
  cooldown,
  budget,
  // Is it ours to do?
  ownership,
  conflict,
] as const satisfies readonly Guard[];

/** Every guard, in the order of DESIGN 4.5. */
export const guards = [
  ...guardsBeforeRehearsal,
  // Would the API server accept it?
  rehearsalAccepted,
] as const satisfies readonly Guard[];

/** Id of a registered guard. */
export type GuardId = (typeof guards)[number]['id'];

// SPDX-License-Identifier: Apache-2.0
import { humanDuration } from '../../domain/duration.ts';
import { PASS, type Verdict } from '../../domain/verdict.ts';
import { maxStalenessMs } from '../evidence-age.ts';
import type { Guard } from '../guard.ts';
import { podText } from '../object-names.ts';

const refuse = (message: string): Verdict => ({ kind: 'Refuse', reason: 'StaleData', message });

/** A sender's clock may be this far ahead of ours, in ms. */
const MAX_AHEAD_MS = 60_000;

/** Refuses evidence whose newest sample is old, or from the future. */
export const fresh: Guard<'fresh'> = {
  id: 'fresh',
  title: 'Is the newest sample at most max(60 s, 3 x the observed interval) old?',
  check: ({ nowMs, plan }) => {
    const { evidence } = plan.diagnosis;
    const name = `the newest sample of ${podText(plan.target.pod)}`;
    const ageMs = nowMs - evidence.newestSampleMs;
    const limitMs = maxStalenessMs(evidence);
    // Written so that NaN is refused.
    if (!(ageMs <= limitMs)) {
      return refuse(
        `${name} is ${humanDuration(ageMs)} old, at most ${humanDuration(limitMs)} is fresh`,
      );
    }
    if (!(ageMs >= -MAX_AHEAD_MS)) {
      return refuse(`${name} lies ${humanDuration(-ageMs)} in the future`);
    }
    return PASS;
  },
};

// SPDX-License-Identifier: Apache-2.0
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ActionSummary } from '../../../src/domain/healing.ts';
import { type BreakerState, breakerState } from '../../../src/plan/breaker-state.ts';
import { HOUR, MINUTE, NOW, record } from './valid-input.ts';

const LIMITS = { failures: 3, windowMs: 4 * HOUR, openForMs: HOUR };

/** A finished record: acted and finished `hours` after the beginning of the story. */
const at = (hours: number, phase = 'Failed'): ActionSummary => ({
  ...record,
  name: `r-${hours}`,
  phase,
  createdAtMs: NOW + hours * HOUR,
  actedAtMs: NOW + hours * HOUR,
  finishedAtMs: NOW + hours * HOUR,
});
const stateAt = (hours: number, records: readonly ActionSummary[]): BreakerState =>
  breakerState(records, LIMITS, NOW + hours * HOUR);

describe('breakerState', () => {
  const tripped = [at(0), at(1), at(2)];

  it('stays closed below the limit, and counts', () => {
    expect(stateAt(2, [at(0), at(1)])).toEqual({
      state: 'Closed',
      failures: 2,
      reopensAtMs: null,
      probing: false,
    });
  });

  it('opens at the limit, for as long as the policy says', () => {
    expect(stateAt(2, tripped)).toEqual({
      state: 'Open',
      failures: 3,
      reopensAtMs: NOW + 3 * HOUR,
      probing: false,
    });
    expect(stateAt(3 - 1e-6, tripped).state).toBe('Open');
    expect(stateAt(3, tripped).state).toBe('HalfOpen');
  });

  it('does not open for failures of different windows', () => {
    expect(stateAt(4, [at(0), at(3), at(4)]).state).toBe('Closed');
    expect(stateAt(3.99, [at(0), at(3), at(3.99)]).state).toBe('Open');
  });

  it('counts a failure until exactly a window has passed', () => {
    expect(stateAt(4 - 1e-6, [at(0)]).failures).toBe(1);
    expect(stateAt(4, [at(0)]).failures).toBe(0);
  });

  it('stays open although the failures leave the window meanwhile', () => {
    const records = [at(0), at(0.1), at(3.9)];
    expect(stateAt(4.8, records)).toMatchObject({ state: 'Open', failures: 1 });
  });

  it('closes when the one let through succeeds, and forgets the failures', () => {
    const records = [...tripped, at(3.5, 'Succeeded')];
    expect(stateAt(3.5, records)).toMatchObject({ state: 'Closed', failures: 0 });
    expect(stateAt(3.8, [...records, at(3.6), at(3.7)]).state).toBe('Closed');
    expect(stateAt(3.8, [...records, at(3.6), at(3.7), at(3.8)]).state).toBe('Open');
  });

  it('opens again when the one let through fails, though it is the only one in the window', () => {
    const records = [...tripped, at(6.5)];
    expect(stateAt(6.6, records)).toMatchObject({
      state: 'Open',
      failures: 1,
      reopensAtMs: NOW + 7.5 * HOUR,
    });
  });

  it('does not close for a success of an action from before it opened', () => {
    const late = { ...at(3.5, 'Succeeded'), createdAtMs: NOW, actedAtMs: NOW };
    expect(stateAt(3.6, [...tripped, late]).state).toBe('HalfOpen');
  });

  it('tells that the one let through is under way', () => {
    const probe = { ...at(3.2, 'Verifying'), open: true, finishedAtMs: null };
    expect(stateAt(3.5, [...tripped, probe])).toMatchObject({ state: 'HalfOpen', probing: true });
  });

  it('forgets when nothing has failed for a window after it could have let one through', () => {
    expect(stateAt(6.99, tripped).state).toBe('HalfOpen');
    expect(stateAt(7, tripped).state).toBe('Closed');
  });

  it('counts what proved nothing, and not what was blocked or simulated', () => {
    const three = (phase: string) => [at(0, phase), at(1, phase), at(2, phase)];
    expect(stateAt(2, three('Inconclusive')).state).toBe('Open');
    expect(stateAt(2, three('Blocked')).state).toBe('Closed');
    expect(stateAt(2, three('Simulated')).state).toBe('Closed');
  });

  it('stays open when one of two outcomes at one moment is a failure', () => {
    const together = [at(3.5), at(3.5, 'Succeeded')];
    expect(stateAt(3.6, [...tripped, ...together]).state).toBe('Open');
    expect(stateAt(3.6, [...tripped, ...together.toReversed()]).state).toBe('Open');
  });

  const story = fc.array(
    fc.tuple(
      fc.integer({ min: 0, max: 40 * 60 }),
      fc.constantFrom('Failed', 'Inconclusive', 'Succeeded', 'Blocked'),
    ),
    { maxLength: 30 },
  );

  it('does not depend on the order in which records are listed', () => {
    fc.assert(
      fc.property(story, fc.integer({ min: 0, max: 50 * 60 }), (events, minute) => {
        const records = events.map(([m, phase]) => at(m / 60, phase));
        const state = stateAt(
          minute / 60,
          records.filter((r) => r.finishedAtMs! <= NOW + minute * MINUTE),
        );
        const reversed = stateAt(
          minute / 60,
          records.toReversed().filter((r) => r.finishedAtMs! <= NOW + minute * MINUTE),
        );
        expect(reversed).toEqual(state);
      }),
    );
  });

  it('agrees with a breaker that lives through the story', () => {
    fc.assert(
      fc.property(story, (events) => {
        const living = new LivingBreaker();
        const records: ActionSummary[] = [];
        for (const [minute, phase] of events.toSorted(([a], [b]) => a - b)) {
          const nowMs = NOW + minute * MINUTE;
          const state = living.stateAt(nowMs);
          expect(breakerState(records, LIMITS, nowMs).state).toBe(state);
          if (state === 'Open') continue;
          living.tell(phase, nowMs);
          records.push(at(minute / 60, phase));
        }
      }),
      { numRuns: 300 },
    );
  });
});

/**
 * The oracle: keeps its state in memory and is told of each event as it happens. It is asked before
 * each action, so the story only holds actions that it let through.
 */
class LivingBreaker {
  #openUntilMs: number | null = null;
  #failedAtMs: number[] = [];

  stateAt(nowMs: number): BreakerState['state'] {
    if (this.#openUntilMs !== null && nowMs >= this.#openUntilMs + LIMITS.windowMs) this.#close();
    if (this.#openUntilMs === null) return 'Closed';
    return nowMs < this.#openUntilMs ? 'Open' : 'HalfOpen';
  }

  tell(phase: string, nowMs: number): void {
    const wasHalfOpen = this.stateAt(nowMs) === 'HalfOpen';
    if (phase === 'Succeeded' && wasHalfOpen) this.#close();
    if (phase !== 'Failed' && phase !== 'Inconclusive') return;
    this.#failedAtMs = this.#failedAtMs.filter((at) => nowMs - at < LIMITS.windowMs);
    this.#failedAtMs.push(nowMs);
    if (wasHalfOpen || this.#failedAtMs.length >= LIMITS.failures) {
      this.#openUntilMs = nowMs + LIMITS.openForMs;
    }
  }

  #close(): void {
    this.#openUntilMs = null;
    this.#failedAtMs = [];
  }
}

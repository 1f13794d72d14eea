// SPDX-License-Identifier: Apache-2.0
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { known, unknown } from '../../../src/domain/fact.ts';
import { decide, decideBeforeRehearsal } from '../../../src/plan/decide.ts';
import type { GuardInput } from '../../../src/plan/guard.ts';
import { guards, guardsBeforeRehearsal } from '../../../src/plan/guards/index.ts';
import { judge } from '../../../src/plan/judge.ts';
import { deepFreeze, randomInput } from './random-input.ts';
import {
  FACTS,
  HOUR,
  having,
  MINUTE,
  missing,
  NOW,
  pod,
  points,
  policy,
  recordAged,
  valid,
  workload,
} from './valid-input.ts';

/** For each guard, in order, an input that it alone refuses. */
const REFUSED: readonly (readonly [string, GuardInput])[] = [
  ['leader', having({ leadership: { mayWrite: false } })],
  ['notPaused', having({ policy: policy({ suspend: true }) })],
  [
    'protected',
    having({ workload: { ...workload, labels: { 'homeostat.dev/protected': 'true' } } }),
  ],
  ['sameTarget', having({ target: { ...pod, deleting: true } })],
  [
    'fresh',
    {
      ...valid,
      plan: {
        ...valid.plan,
        diagnosis: {
          ...valid.plan.diagnosis,
          evidence: { ...valid.plan.diagnosis.evidence, newestSampleMs: NOW - HOUR },
        },
      },
    },
  ],
  [
    'corroborated',
    having({
      corroboration: { quantity: 'container.memory.rss', points, oomKilledAtMs: null },
    }),
  ],
  ['noStorm', having({ population: { total: 9, healthy: 3 } })],
  ['minHealthy', having({ predicted: [{ readyReplicas: 1, desiredReplicas: 3 }] })],
  [
    'breaker',
    having({
      records: [2, 3, 3.9].map((hours) => recordAged(hours * HOUR, { phase: 'Failed' })),
      policy: policy({ safety: { breaker: { openFor: '3h' } } }),
    }),
  ],
  [
    'recurrence',
    having({
      target: { ...pod, createdAtMs: NOW - HOUR },
      records: [recordAged(2 * HOUR, { lineageGeneration: 3 })],
    }),
  ],
  ['cooldown', having({ records: [recordAged(4 * MINUTE)] })],
  [
    'budget',
    having({
      records: [recordAged(30 * MINUTE)],
      policy: policy({ safety: { budgets: [{ name: 'one', max: 1, scope: 'Policy' }] } }),
    }),
  ],
  ['ownership', having({ workload: { ...workload, updatedReplicas: 2 } })],
  ['conflict', having({ rivals: [{ name: 'other', uid: 'policy-2', priority: 0 }] })],
  ['rehearsalAccepted', having({ rehearsal: { kind: 'denied', message: 'no' } })],
];

type Tree = Readonly<Record<string, unknown>>;

/** Carries every difference of `other` from `base` over to `target`; lists are put together. */
const carried = (target: unknown, other: unknown, base: unknown): unknown => {
  if (other === base) return target;
  if (Array.isArray(target) && Array.isArray(other)) return [...target, ...other];
  if (typeof target !== 'object' || typeof other !== 'object' || other === null) return other;
  const merged: Record<string, unknown> = { ...target };
  for (const [key, value] of Object.entries(other)) {
    merged[key] = carried(merged[key], value, (base as Tree | undefined)?.[key]);
  }
  return merged;
};

/** Refused by both. */
const merged = (first: GuardInput, second: GuardInput): GuardInput =>
  carried(first, second, valid) as GuardInput;

describe('guards', () => {
  it('stand in the order of the design', () => {
    expect(guards.map(({ id }) => id)).toEqual(REFUSED.map(([id]) => id));
    expect(guardsBeforeRehearsal.map(({ id }) => id)).toEqual(
      REFUSED.slice(0, -1).map(([id]) => id),
    );
  });
});

describe('decide', () => {
  it('goes when every guard passes', () => {
    expect(decide(valid)).toEqual({ kind: 'go' });
  });

  it.each(REFUSED)('refuses with the guard, its reason and its sentence: %s', (id, input) => {
    const guard = guards.find((each) => each.id === id)!;
    const { kind: _, ...verdict } = guard.check(input);
    expect(decide(input)).toEqual({ kind: 'refused', guard: id, ...verdict });
    const others = guards.filter((each) => each.id !== id);
    expect(others.filter((each) => each.check(input).kind !== 'Pass')).toEqual([]);
  });

  it.each(REFUSED.slice(1).map(([id], i) => [REFUSED[i]![0], id, i] as const))(
    'asks %s before %s',
    (before, _, i) => {
      const both = merged(REFUSED[i]![1], REFUSED[i + 1]![1]);
      const verdicts = guards.slice(i, i + 2).map((guard) => guard.check(both).kind);
      expect(verdicts).toEqual(['Refuse', 'Refuse']);
      const decision = decide(both);
      expect(decision.kind === 'go' ? null : decision.guard).toBe(before);
    },
  );

  it.each(FACTS.filter((name) => name !== 'peers'))(
    'never goes while %s is unknown, and says what is missing',
    (name) => {
      expect(decide(missing(name))).toMatchObject({
        kind: 'unknown',
        missing: expect.stringContaining(`${name} could not be read`),
      });
    },
  );

  it('never goes without the answer of the rehearsal', () => {
    expect(decide({ ...valid, rehearsal: null })).toMatchObject({
      kind: 'unknown',
      guard: 'rehearsalAccepted',
    });
  });

  it('lets the first objection win over an unknown fact behind it', () => {
    const input = missing('rivals', having({ leadership: { mayWrite: false } }));
    expect(decide(input)).toMatchObject({ kind: 'refused', guard: 'leader' });
  });

  it('never goes when any guard objects or any fact is unknown, and never throws', () => {
    let went = 0;
    fc.assert(
      fc.property(randomInput, (input) => {
        deepFreeze(input);
        const decision = decide(input);
        const objecting = guards.find((guard) => guard.check(input).kind !== 'Pass');
        const isUnknown = FACTS.some((name) => input[name]?.kind !== 'known');
        if (objecting === undefined) went++;
        expect(decision.kind === 'go').toBe(objecting === undefined);
        if (objecting !== undefined && decision.kind !== 'go') {
          expect(decision.guard).toBe(objecting.id);
        }
        if (isUnknown && input.peers.kind === 'known') expect(decision.kind).not.toBe('go');
      }),
      { numRuns: 2_000 },
    );
    // Else the property above would hold of a decide that never goes.
    expect(went).toBeGreaterThan(20);
  });

  it('gives each refusal a sentence that is short enough for an Event', () => {
    fc.assert(
      fc.property(randomInput, (input) => {
        const decision = decide(input);
        const text = decision.kind === 'refused' ? decision.message : '';
        expect(text.length).toBeLessThanOrEqual(1_024);
      }),
      { numRuns: 500 },
    );
  });
});

describe('decideBeforeRehearsal', () => {
  it('asks all but the rehearsal', () => {
    const input = { ...valid, rehearsal: null };
    expect(decideBeforeRehearsal(input)).toEqual({ kind: 'go' });
    for (const [id, refused] of REFUSED.slice(0, -1)) {
      expect(decideBeforeRehearsal(refused)).toMatchObject({ kind: 'refused', guard: id });
    }
  });
});

describe('judge', () => {
  it('asks the guards before the rehearsal, then with it', () => {
    expect(judge.decide({ ...valid, rehearsal: null })).toEqual({ kind: 'Pass' });
    expect(judge.decide(valid)).toEqual({ kind: 'Pass' });
    const denied = known({ kind: 'denied', message: 'no' } as const, NOW, 'test');
    expect(judge.decide({ ...valid, rehearsal: denied })).toMatchObject({
      kind: 'Refuse',
      reason: 'RBACDenied',
    });
    expect(judge.decide({ ...valid, rehearsal: unknown('lost') })).toEqual({
      kind: 'Unknown',
      missing: 'lost',
    });
  });

  it('knows the mode in force, or that it does not', () => {
    expect(judge.effectiveMode(valid)).toBe('Auto');
    expect(judge.effectiveMode({ ...valid, operatorMaxMode: 'DryRun' })).toBe('DryRun');
    const annotations = { 'homeostat.dev/max-mode': 'Observe' };
    expect(
      judge.effectiveMode(having({ namespace: { name: 'shop', labels: {}, annotations } })),
    ).toBe('Observe');
    expect(judge.effectiveMode(missing('policy'))).toBeNull();
    expect(judge.effectiveMode(missing('namespace'))).toBeNull();
  });

  it('counts the generation of a restart, or says that it does not know', () => {
    const second = having({
      target: { ...pod, createdAtMs: NOW - HOUR },
      records: [recordAged(2 * HOUR)],
    });
    expect(judge.lineageGeneration(valid)).toBe(1);
    expect(judge.lineageGeneration(second)).toBe(2);
    expect(judge.lineageGeneration(having({ target: null }))).toBeNull();
    for (const name of ['policy', 'target', 'records'] as const) {
      expect(judge.lineageGeneration(missing(name))).toBeNull();
    }
  });
});

// SPDX-License-Identifier: Apache-2.0
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { TERMINAL_PHASES } from '../../../src/api/healing-action.ts';
import {
  attemptFor,
  fenceEpochOf,
  isOpen,
  type RecordKey,
  recordName,
  summarise,
} from '../../../src/execute/record.ts';
import { record, SPEC } from './records.ts';

const KEY: RecordKey = {
  policyUid: 'policy-1',
  incident: 'incident-1',
  targetUid: 'pod-1',
  step: 'restart',
  live: true,
};

const attempt = (number: number) => ({ spec: { step: { ...SPEC.step, attempt: number } } });

describe('recordName', () => {
  it('is a DNS label of at most 63 characters, whatever the policy is called', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 253 }), fc.nat(), (policyName, number) => {
        expect(recordName(policyName, KEY, number)).toMatch(/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/);
      }),
    );
  });

  it('is the same for the same plan, and another when any part of it differs', () => {
    const name = recordName('web-leaks', KEY, 1);
    expect(recordName('web-leaks', { ...KEY }, 1)).toBe(name);
    const others = [
      recordName('web-leaks', { ...KEY, policyUid: 'x' }, 1),
      recordName('web-leaks', { ...KEY, incident: 'x' }, 1),
      recordName('web-leaks', { ...KEY, targetUid: 'x' }, 1),
      recordName('web-leaks', { ...KEY, step: 'x' }, 1),
      recordName('web-leaks', { ...KEY, live: false }, 1),
      recordName('web-leaks', KEY, 2),
    ];
    expect(new Set([name, ...others]).size).toBe(7);
  });
});

describe('attemptFor', () => {
  it('begins with 1', () => {
    expect(attemptFor([], KEY)).toEqual({ attempt: 1, open: null });
  });

  it('counts on from the highest ended record of the same key', () => {
    const records = [
      record({ phase: 'Failed' }, attempt(1)),
      record({ phase: 'Blocked' }, attempt(4)),
    ];
    expect(attemptFor(records, KEY)).toEqual({ attempt: 5, open: null });
  });

  it('gives an open record its own number, so that a repeated create meets it', () => {
    const open = record({ phase: 'Admitted' }, attempt(2));
    expect(attemptFor([record({ phase: 'Failed' }, attempt(1)), open], KEY)).toEqual({
      attempt: 2,
      open,
    });
  });

  it('counts live and simulated records apart', () => {
    const simulated = record({ phase: 'Simulated' }, { spec: { mode: 'DryRun' } });
    expect(attemptFor([simulated], KEY).attempt).toBe(1);
    expect(attemptFor([simulated], { ...KEY, live: false }).attempt).toBe(2);
  });
});

describe('summarise', () => {
  it('counts the first sending as acted while the effect is in doubt', () => {
    const steps = [
      { seq: 0, sentAt: '2026-03-01T12:00:05.000Z' },
      { seq: 0, sentAt: '2026-03-01T12:00:09.000Z' },
    ];
    expect(summarise(record({ phase: 'Executing', steps })).actedAtMs).toBe(
      Date.parse('2026-03-01T12:00:05.000Z'),
    );
    expect(summarise(record()).actedAtMs).toBeNull();
  });

  it('gives what limits are counted from', () => {
    const status = {
      phase: 'Failed',
      reason: 'Ineffective',
      actedAt: '2026-03-01T12:00:05.000Z',
      finishedAt: '2026-03-01T12:01:00.000Z',
    } as const;
    expect(summarise(record(status))).toEqual({
      name: 'web-leaks-x',
      policyUid: 'policy-1',
      policyName: 'web-leaks',
      action: 'restart',
      cause: 'MemoryLeak',
      targetUid: 'pod-1',
      workloadUid: 'web-uid',
      container: 'app',
      live: true,
      phase: 'Failed',
      reason: 'Ineffective',
      open: false,
      lineageGeneration: 1,
      attempt: 1,
      createdAtMs: Date.parse('2026-03-01T12:00:00Z'),
      actedAtMs: Date.parse(status.actedAt),
      finishedAtMs: Date.parse(status.finishedAt),
    });
  });
});

describe('isOpen', () => {
  it('is false for every terminal phase and true without a status', () => {
    expect(isOpen(record())).toBe(true);
    for (const phase of TERMINAL_PHASES) expect(isOpen(record({ phase }))).toBe(false);
  });
});

describe('fenceEpochOf', () => {
  it('is the higher of the creator and the last adopter', () => {
    expect(fenceEpochOf(record())).toBe(1);
    expect(fenceEpochOf(record({ phase: 'Planned', fence: { epoch: 4, holder: 'b' } }))).toBe(4);
  });
});

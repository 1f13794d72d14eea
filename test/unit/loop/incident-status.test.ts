// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import type { HealingAction } from '../../../src/api/healing-action.ts';
import type { Incident } from '../../../src/api/incident.ts';
import type { Evidence } from '../../../src/domain/evidence.ts';
import { type IncidentInput, incidentStatus, isFinal } from '../../../src/loop/incident-status.ts';

const NOW = Date.parse('2026-01-01T00:00:00Z');

const evidence = (change: Partial<Evidence> = {}): Evidence =>
  ({
    detector: 'MemoryLeak',
    classification: 'leak',
    firing: true,
    quantity: 'process.memory.usage',
    newestSampleMs: NOW - 1000,
    summary: 'memory rises',
    measures: { confirmations: 3 },
    ...change,
  }) as Evidence;

const action = (phase: string, change: Record<string, unknown> = {}, mode = 'Auto') =>
  ({
    metadata: { name: `act-${phase}` },
    spec: { mode, target: { name: 'web-1' } },
    status: { phase, ...change },
  }) as unknown as HealingAction;

/** A complete, open incident with firing evidence; each row changes one thing. */
const input = (change: Partial<IncidentInput> = {}): IncidentInput => ({
  incident: { metadata: { generation: 1 }, spec: {} } as unknown as Incident,
  evidence: evidence(),
  actions: [],
  refusal: null,
  subjectGone: false,
  nowMs: NOW,
  ...change,
});

const withStatus = (state: string, reason: string) =>
  ({
    metadata: { generation: 1 },
    spec: {},
    status: {
      state,
      reason,
      openedAt: '2025-12-31T00:00:00.000Z',
      closedAt: '2025-12-31T01:00:00.000Z',
    },
  }) as unknown as Incident;

describe('incidentStatus', () => {
  it.each<[string, Partial<IncidentInput>, string, string]>([
    ['opens on firing evidence', {}, 'Open', 'Detected'],
    [
      'names the guard that refused',
      { refusal: { reason: 'MinHealthy', message: 'm' } },
      'Open',
      'MinHealthy',
    ],
    [
      'escalates on recurrence',
      { refusal: { reason: 'Recurrence', message: 'm' } },
      'Escalated',
      'Recurrence',
    ],
    [
      'says what a rehearsal found',
      { actions: [action('Simulated', {}, 'DryRun')] },
      'Open',
      'DryRunPassed',
    ],
    [
      'keeps saying it while the cooldown refuses the next',
      {
        actions: [action('Simulated', {}, 'DryRun')],
        refusal: { reason: 'Cooldown', message: 'm' },
      },
      'Open',
      'DryRunPassed',
    ],
    [
      'is being mitigated while a record is open',
      { actions: [action('Settling')] },
      'Mitigating',
      'Settling',
    ],
    [
      'is resolved by an effective action',
      { actions: [action('Succeeded')], subjectGone: true },
      'Resolved',
      'Effective',
    ],
    [
      'stays open when an action failed and the pod is still there',
      { actions: [action('Failed', { reason: 'PDBBlocked' })] },
      'Open',
      'PDBBlocked',
    ],
    [
      'escalates when an action failed and its target is gone',
      { actions: [action('Failed', { reason: 'Ineffective' })], subjectGone: true },
      'Escalated',
      'Ineffective',
    ],
    [
      'escalates when an action is inconclusive',
      { actions: [action('Inconclusive', { reason: 'TooFewSamples' })], subjectGone: true },
      'Escalated',
      'TooFewSamples',
    ],
    ['is resolved when the pod went without us', { subjectGone: true }, 'Resolved', 'SubjectGone'],
    [
      'is resolved when the signal went away',
      { evidence: evidence({ firing: false, measures: { confirmations: 0 } }) },
      'Resolved',
      'SignalCleared',
    ],
    [
      'stays open while a confirmation is left',
      { evidence: evidence({ firing: false, measures: { confirmations: 2 } }) },
      'Open',
      'Detected',
    ],
    [
      'never takes unknown for an all-clear',
      { evidence: evidence({ firing: false, classification: 'unknown', measures: {} }) },
      'Open',
      'Detected',
    ],
    ['never takes missing evidence for an all-clear', { evidence: null }, 'Open', 'Detected'],
    [
      'stays resolved while nothing fires',
      { incident: withStatus('Resolved', 'SignalCleared'), evidence: null },
      'Resolved',
      'SignalCleared',
    ],
    [
      'flaps when the signal is back',
      { incident: withStatus('Resolved', 'SignalCleared') },
      'Flapping',
      'Detected',
    ],
    [
      'keeps flapping while it stays open',
      {
        incident: withStatus('Flapping', 'Detected'),
        refusal: { reason: 'Cooldown', message: 'm' },
      },
      'Flapping',
      'Cooldown',
    ],
  ])('%s', (_, change, state, reason) => {
    expect(incidentStatus(input(change))).toMatchObject({ state, reason });
  });

  it.each([
    ['Escalated', 'Recurrence'],
    ['Resolved', 'Effective'],
    ['Resolved', 'SubjectGone'],
  ])('never changes %s %s again', (state, reason) => {
    const incident = withStatus(state, reason);
    expect(isFinal(incident.status)).toBe(true);
    expect(incidentStatus(input({ incident }))).toBe(incident.status);
  });

  it('is the same again when it is computed from its own result', () => {
    for (const change of [{}, { subjectGone: true }, { actions: [action('Executing')] }]) {
      const first = incidentStatus(input(change));
      const incident = { ...input().incident, status: first };
      expect(incidentStatus(input({ ...change, incident, nowMs: NOW + 5000 }))).toEqual(first);
    }
  });

  it('drops the end when it flaps, and keeps the beginning', () => {
    const status = incidentStatus(input({ incident: withStatus('Resolved', 'SignalCleared') }));
    expect(status.closedAt).toBeUndefined();
    expect(status.openedAt).toBe('2025-12-31T00:00:00.000Z');
  });

  it('shows the figures of the evidence as text', () => {
    const { evidence: rows } = incidentStatus(
      input({ evidence: evidence({ measures: { slope: 1.5, late: Number.POSITIVE_INFINITY } }) }),
    );
    expect(rows?.[0]?.measures).toEqual({ slope: '1.5', late: 'Infinity' });
  });
});

// SPDX-License-Identifier: Apache-2.0
import { OPEN_PHASES, OUTCOME_REASONS, PHASES, type Phase } from '../../src/api/healing-action.ts';
import { INCIDENT_STATES, type IncidentState } from '../../src/api/incident.ts';
import { BLOCK_REASONS, type BlockReason } from '../../src/domain/verdict.ts';
import type { Generator } from './generator.ts';
import { code, page, table } from './markdown.ts';

const PHASE_MEANING: Readonly<Record<Phase, string>> = {
  Planned: 'the record exists; nothing was sent',
  Admitted: 'the guards passed again for this record',
  Executing: 'the request may have been sent; its effect is not known yet',
  Settling: 'the effect is known; the replacement is not Ready yet',
  Verifying: 'the replacement is Ready; its memory is watched',
  Succeeded: 'the effect on the signal is proven',
  Failed: 'it was not done, or it did not help',
  Inconclusive: 'it was done, and nothing is proven; counts like a failure in the breaker',
  Blocked: 'refused after the record existed; the reason is that of the guard',
  Simulated: 'mode DryRun: rehearsed on the API server, nothing changed',
};

const STATE_MEANING: Readonly<Record<IncidentState, string>> = {
  Open: 'found; nothing was done yet, the reason says what stands against it',
  Mitigating: 'an action is under way; the reason is its phase',
  Resolved: 'the action helped, the signal went away, or the pod is gone',
  Flapping: 'open again after the signal had gone away',
  Escalated: 'a person is needed; final',
};

const OUTCOME_MEANING: Readonly<Record<(typeof OUTCOME_REASONS)[number], string>> = {
  Effective: 'time to OOM was beyond the horizon through the whole window',
  Ineffective: 'the replacement runs into the horizon as well',
  OOMKilled: 'the replacement was killed for memory',
  PDBBlocked: 'a PodDisruptionBudget did not allow the eviction until `timeout`',
  RBACDenied: 'the API server forbids the request',
  Refused: 'the API server refused the request for another reason',
  ReplacementLost: 'the replacement went away before it was verified',
  ReplacementNotReady: 'the replacement did not stay Ready',
  SettleTimeout: 'no replacement was Ready within `settle`',
  Timeout: 'it was not done within `timeout`',
  TooFewSamples: 'fewer samples than `verify.minSamples`, so nothing is proven',
  DryRunPassed: 'the dry run was accepted',
};

const BLOCK_MEANING: Readonly<Record<BlockReason, string>> = {
  NotLeader: 'this replica does not hold the Lease safely enough to write',
  Paused: 'suspended, paused, frozen, or the mode in force was lowered',
  Protected: 'a system namespace, our own, or an object with a protecting mark',
  TargetChanged: 'the pod, its container or the policy is no longer what the evidence speaks of',
  StaleData: 'the newest sample is too old, or from the future',
  NotCorroborated: 'metrics.k8s.io does not show the same growth',
  StormActive: 'many pods of the targets are unhealthy, or were a moment ago',
  MinHealthy: 'too few replicas would stay ready',
  BreakerOpen: 'recent actions of this policy did not help',
  Recurrence: 'the trouble came back through too many replacements; the Incident is Escalated',
  Cooldown: 'the last action is not long enough ago',
  BudgetExhausted: 'a budget is used up, or enough actions are under way',
  UnsupportedOwner: 'no Deployment or StatefulSet would replace the pod',
  TargetBusy: 'a rollout of the workload is under way',
  Conflict: 'another policy of the same or a higher priority targets the workload',
  RBACDenied: 'the API server forbids a call that is needed',
  PDBBlocked: 'a PodDisruptionBudget refused the dry run',
  DryRunRefused: 'the API server refused the dry run for another reason',
  FactMissing: 'a fact that a guard needs could not be read',
};

const EVENTS = `All Events are of \`events.k8s.io/v1\`; repeats become a series. Those about a record or a refusal regard
the pod, those about an incident regard the Incident. Their reasons:`;

const rowsOf = <K extends string>(
  names: readonly K[],
  meaning: Readonly<Record<K, string>>,
  nameOf: (name: K) => string = (name) => name,
): readonly (readonly string[])[] =>
  names.map((name) => [
    code(nameOf(name)),
    `${meaning[name]}.`.replace(/^./, (c) => c.toUpperCase()),
  ]);

/** Generates the page of phases, states, reasons and Events. */
export const referenceEvents: Generator = {
  id: 'reference-events',
  folder: 'docs/reference',
  suffix: 'events-and-reasons.md',
  files: () => {
    const open = new Set<string>(OPEN_PHASES);
    const phases = PHASES.map((phase) => [
      code(phase),
      open.has(phase) ? 'no' : 'yes',
      `${PHASE_MEANING[phase]}.`,
    ]);
    const parts = [
      'One word means the same in a record, an Incident, an Event, a log line and a metric.',
      '## Phases of a HealingAction',
      table(['Phase', 'Final', 'Meaning'], phases),
      '## Reasons of a HealingAction that ended',
      table(['Reason', 'Meaning'], rowsOf(OUTCOME_REASONS, OUTCOME_MEANING)),
      '## Reasons of a refusal',
      'In an Incident that waits, in an Event on the pod, and in a record that is Blocked. The [guards](guards.md) say who refuses with what.',
      table(['Reason', 'Meaning'], rowsOf(BLOCK_REASONS, BLOCK_MEANING)),
      '## States of an Incident',
      table(['State', 'Meaning'], rowsOf(INCIDENT_STATES, STATE_MEANING)),
      'Reasons beside those above: `Detected` (nothing was decided yet), `Observed` (mode Observe), `SignalCleared`, `SubjectGone` (the pod was replaced without us).',
      '## Events',
      EVENTS,
      table(
        ['Event reason', 'When'],
        [
          ...rowsOf(PHASES, PHASE_MEANING, (phase) => `Healing${phase}`),
          ...rowsOf(INCIDENT_STATES, STATE_MEANING, (state) => `Incident${state}`),
          ['any reason of a refusal', 'A plan was not carried out, and the reason is new.'],
        ],
      ),
    ];
    const sources = 'src/domain/verdict.ts, src/api/healing-action.ts and src/api/incident.ts';
    return new Map([['events-and-reasons.md', page(sources, 'Events and reasons', parts)]]);
  },
};

// SPDX-License-Identifier: Apache-2.0
import type { HealingPolicy } from '../../api/healing-policy.ts';
import { durationMs } from '../../domain/duration.ts';
import type { ContainerRef, WorkloadRef } from '../../domain/entity.ts';
import type { Diagnosis, Plan } from '../../domain/healing.ts';
import type { Strategy } from '../strategy.ts';

interface Candidate {
  readonly diagnosis: Diagnosis;
  readonly target: Plan['target'];
  readonly timeToOomMs: number;
}

const ownedBy = (subject: ContainerRef, workload: WorkloadRef): Plan['target'] => ({
  ...subject,
  workload,
});

/** Time to OOM below which the policy wants a restart, in ms; `null`: its trigger is gone. */
const horizonMs = (policy: HealingPolicy, { evidence }: Diagnosis): number | null => {
  const trigger = policy.spec.triggers.find(
    ({ name, detector }) =>
      name === evidence.trigger.trigger && detector.type === evidence.detector,
  );
  return trigger === undefined ? null : durationMs(trigger.detector.params.horizon);
};

/** A leak that would end in OOM within the horizon, by the lower end of the 80 % interval. */
const candidates = (policy: HealingPolicy, diagnosis: Diagnosis): readonly Candidate[] => {
  const { cause, evidence, subject } = diagnosis;
  if (cause !== 'MemoryLeak' || !evidence.firing) return [];
  if (evidence.trigger.policyUid !== policy.metadata.uid || subject.workload === null) return [];
  const horizon = horizonMs(policy, diagnosis);
  const timeToOomMs = evidence.measures['lower80TimeToOomMs'] ?? Number.NaN;
  // Written so that NaN, which stands for a missing figure too, proposes nothing.
  if (horizon === null || !(timeToOomMs < horizon)) return [];
  return [{ diagnosis, timeToOomMs, target: ownedBy(subject, subject.workload) }];
};

const byUrgency = (a: Candidate, b: Candidate): number =>
  a.timeToOomMs - b.timeToOomMs || (a.diagnosis.incident < b.diagnosis.incident ? -1 : 1);

/**
 * Proposes to restart leaking pods before they are OOMKilled, the worst first. Which of a workload is
 * taken up is for the loop: one at a time.
 */
export const restartLeaking: Strategy<'restartLeaking'> = {
  id: 'restartLeaking',
  title: 'Restart the worst leaking pod of a workload whose time to OOM lies within the horizon',
  plan: ({ policy, mode, diagnoses }) => {
    const step = policy.spec.actions[0];
    if (mode === 'Observe' || step === undefined) return [];
    const sorted = diagnoses.flatMap((each) => candidates(policy, each)).toSorted(byUrgency);
    return sorted.map(({ diagnosis, target }) => ({
      policyUid: policy.metadata.uid,
      incident: diagnosis.incident,
      step: { index: 0, name: step.name, action: 'restart' },
      target,
      diagnosis,
      live: mode === 'Auto',
    }));
  },
};

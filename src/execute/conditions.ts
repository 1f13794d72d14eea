// SPDX-License-Identifier: Apache-2.0
import type { HealingAction } from '../api/healing-action.ts';
import type { Condition } from '../api/scalars.ts';
import { isOpen, phaseOf } from './record.ts';

type Status = Condition['status'];

interface Judgement {
  readonly type: 'Admitted' | 'Executed' | 'Verified' | 'Ready';
  readonly status: Status;
  readonly reason: string;
  /** Since when, as the record's own times say; `undefined`: since the record was made. */
  readonly since: string | undefined;
}

const admitted = ({ status }: HealingAction, phase: string): Judgement => {
  const type = 'Admitted';
  if (status?.admittedAt !== undefined) {
    return { type, status: 'True', reason: 'GuardsPassed', since: status.admittedAt };
  }
  if (phase === 'Planned') return { type, status: 'Unknown', reason: 'Pending', since: undefined };
  return { type, status: 'False', reason: status?.reason ?? phase, since: status?.finishedAt };
};

const executed = (record: HealingAction, phase: string): Judgement => {
  const type = 'Executed';
  const { status } = record;
  if (status?.actedAt !== undefined) {
    return { type, status: 'True', reason: 'EffectKnown', since: status.actedAt };
  }
  if (!isOpen(record)) {
    return { type, status: 'False', reason: status?.reason ?? phase, since: status?.finishedAt };
  }
  if (phase !== 'Executing') {
    return { type, status: 'Unknown', reason: 'Pending', since: undefined };
  }
  const since = status?.steps?.at(-1)?.sentAt;
  return { type, status: 'Unknown', reason: 'EffectInDoubt', since };
};

const VERIFIED: Readonly<Record<string, Status>> = {
  Succeeded: 'True',
  Failed: 'False',
  Inconclusive: 'Unknown',
};

const verified = ({ status }: HealingAction, phase: string): Judgement => {
  const type = 'Verified';
  const outcome = status?.actedAt === undefined ? undefined : VERIFIED[phase];
  if (outcome !== undefined) {
    return { type, status: outcome, reason: status?.reason ?? phase, since: status?.finishedAt };
  }
  if (phase === 'Verifying') {
    const since = status?.verification?.startedAt;
    return { type, status: 'Unknown', reason: 'Verifying', since };
  }
  return { type, status: 'Unknown', reason: 'Pending', since: undefined };
};

const ready = (record: HealingAction, phase: string): Judgement => {
  const type = 'Ready';
  const { status } = record;
  if (isOpen(record)) return { type, status: 'Unknown', reason: phase, since: undefined };
  const good = phase === 'Succeeded' || phase === 'Simulated';
  const reason = status?.reason ?? phase;
  return { type, status: good ? 'True' : 'False', reason, since: status?.finishedAt };
};

/**
 * Derives every condition of a record from its phase and its own times; reads no clock, so the same
 * record always has the same conditions. `Ready` is True when the record ended well, False when it
 * ended otherwise, and Unknown while it is open.
 */
export const conditionsFor = (record: HealingAction): readonly Condition[] => {
  const phase = phaseOf(record);
  const end = record.status?.finishedAt;
  return [admitted, executed, verified, ready].map((judge) => {
    const { type, status, reason, since } = judge(record, phase);
    return {
      type,
      status,
      reason,
      message: since === undefined || since !== end ? '' : (record.status?.message ?? ''),
      lastTransitionTime: since ?? record.metadata.creationTimestamp,
      observedGeneration: record.metadata.generation,
    };
  });
};

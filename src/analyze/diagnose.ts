// SPDX-License-Identifier: Apache-2.0
import type { Evidence } from '../domain/evidence.ts';
import { hashName } from '../domain/hash-name.ts';
import type { Diagnosis } from '../domain/healing.ts';

/** What an incident is named after: one finding about one life of one container. */
export interface IncidentKey {
  readonly policyUid: string;
  readonly detector: string;
  /** Empty for a pod without a workload. */
  readonly workloadUid: string;
  readonly container: string;
  readonly podUid: string;
  readonly restartCount: number;
}

/**
 * Names an incident. The name depends on nothing but the key, so a crash between two writes, or a
 * second replica, finds the first object instead of making another. A DNS label of at most 63
 * characters.
 */
export const incidentName = (key: IncidentKey): string =>
  hashName(key.detector, [
    key.policyUid,
    key.detector,
    key.workloadUid,
    key.container,
    key.podUid,
    key.restartCount,
  ]);

/**
 * Wraps one piece of evidence into a diagnosis: the detector's name is the cause. Whether the
 * evidence fires is not judged here; the strategies do.
 * @param restartCount of the subject's container now, as the API server says
 */
export const diagnose = (evidence: Evidence, restartCount: number): Diagnosis => ({
  incident: incidentName({
    policyUid: evidence.trigger.policyUid,
    detector: evidence.detector,
    workloadUid: evidence.subject.workload?.uid ?? '',
    container: evidence.subject.container,
    podUid: evidence.subject.pod.uid,
    restartCount,
  }),
  cause: evidence.detector,
  subject: evidence.subject,
  evidence,
});

// SPDX-License-Identifier: Apache-2.0
import type { HealingAction } from '../api/healing-action.ts';
import type { Evidence, TriggerRef } from '../domain/evidence.ts';
import type { Plan } from '../domain/healing.ts';
import type { GaugeQuantity } from '../domain/telemetry.ts';

/** The trigger that a record came from. */
export const triggerOf = ({ spec, metadata }: HealingAction): TriggerRef => ({
  policyUid: spec.policyRef.uid,
  policyNamespace: metadata.namespace,
  policyName: spec.policyRef.name,
  trigger: spec.cause.trigger,
});

const subjectOf = ({ spec, metadata }: HealingAction): Plan['target'] => ({
  pod: { namespace: metadata.namespace, name: spec.target.name, uid: spec.target.uid },
  workload: { ...spec.workload, namespace: metadata.namespace },
  container: spec.target.container,
});

/** What the record remembers of its evidence; it is as old as it is. */
const rememberedEvidence = (record: HealingAction): Evidence => {
  const { cause } = record.spec;
  const observedAtMs = Date.parse(cause.observedAt);
  return {
    detector: cause.type,
    trigger: triggerOf(record),
    subject: subjectOf(record),
    classification: 'remembered',
    firing: false,
    quantity: cause.quantity as GaugeQuantity,
    window: { fromMs: observedAtMs, toMs: observedAtMs },
    newestSampleMs: observedAtMs,
    sampleIntervalMs: 0,
    samples: 0,
    summary: cause.summary,
    measures: Object.fromEntries(
      Object.entries(cause.measures).map(([name, text]) => [name, Number(text)]),
    ),
  };
};

/**
 * Makes a record a plan again, so that the same guards judge it before its effect.
 * @param evidence the newest about the target; `null`: telemetry has nothing, the record's memory is used
 */
export const planOfRecord = (record: HealingAction, evidence: Evidence | null): Plan => {
  const { spec } = record;
  const target = subjectOf(record);
  return {
    policyUid: spec.policyRef.uid,
    incident: spec.incidentRef.name,
    step: {
      index: spec.step.index,
      name: spec.step.name,
      action: Object.keys(spec.action)[0] ?? '',
    },
    target,
    diagnosis: {
      incident: spec.incidentRef.name,
      cause: spec.cause.type,
      subject: target,
      evidence: evidence ?? rememberedEvidence(record),
    },
    live: spec.mode === 'Auto',
  };
};

// SPDX-License-Identifier: Apache-2.0
import type { Incident } from '../api/incident.ts';
import { containerKey } from '../domain/entity.ts';
import type { EvidenceBook } from './evidence-book.ts';
import { incidentStatus, isFinal } from './incident-status.ts';
import type { LoopPorts } from './ports.ts';
import type { Refusals } from './refusals.ts';
import { isSameStatus, writeStatus } from './write-status.ts';

/** Parts that incidents are judged from. */
export interface IncidentParts {
  readonly book: EvidenceBook;
  readonly refusals: Refusals;
}

/** Keeps the status of every open incident true. */
export const reconcileIncidents = async (
  ports: LoopPorts,
  parts: IncidentParts,
  signal: AbortSignal,
): Promise<void> => {
  const incidents = ports.state.incidents();
  parts.refusals.retain(new Set(incidents.map(({ metadata }) => metadata.name)));
  for (const incident of incidents) {
    if (signal.aborted) return;
    if (!isFinal(incident.status)) await reconcile(ports, parts, incident);
  }
};

const reconcile = async (
  ports: LoopPorts,
  parts: IncidentParts,
  incident: Incident,
): Promise<void> => {
  const { state, cluster, clock, events, log } = ports;
  const { name, namespace } = incident.metadata;
  const { policyRef, trigger, subject } = incident.spec;
  const pod = state.pods(namespace).find(({ facts }) => facts.uid === subject.pod.uid);
  const status = incidentStatus({
    incident,
    evidence: parts.book.about(
      policyRef.uid,
      trigger,
      containerKey(subject.pod.uid, subject.container),
    ),
    actions: state
      .actions(namespace)
      .filter(({ spec }) => spec.incidentRef.name === name)
      .toSorted((a, b) => a.spec.step.attempt - b.spec.step.attempt),
    refusal: parts.refusals.of(name),
    subjectGone: pod === undefined,
    nowMs: clock.wallMs(),
  });
  if (incident.status !== undefined && isSameStatus(incident.status, status)) return;
  const reply = await writeStatus(cluster, 'incidents', incident, status);
  if (reply.kind !== 'ok') return;
  if (incident.status?.state === status.state && incident.status.reason === status.reason) return;
  log.info('incident changed', {
    incident: name,
    reason: `${status.state} ${status.reason ?? ''}`.trim(),
    detail: status.message ?? '',
  });
  events.emit({
    type: status.state === 'Escalated' ? 'Warning' : 'Normal',
    reason: `Incident${status.state}`,
    action: 'Heal',
    note: `${status.reason ?? ''}: ${status.message ?? ''}`.slice(0, 1024),
    regarding: {
      apiVersion: 'homeostat.dev/v1alpha1',
      kind: 'Incident',
      namespace,
      name,
      uid: incident.metadata.uid,
    },
  });
};

// SPDX-License-Identifier: Apache-2.0
import type { HealingAction } from '../api/healing-action.ts';
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
  const surroundings = new Map<string, Surroundings>();
  for (const incident of incidents) {
    if (signal.aborted) return;
    if (isFinal(incident.status)) continue;
    const { namespace } = incident.metadata;
    const around = surroundings.get(namespace) ?? surroundingsOf(ports, namespace);
    surroundings.set(namespace, around);
    await reconcile(ports, { ...parts, around }, incident);
  }
};

/** What the incidents of one namespace are judged by, read once a round. */
interface Surroundings {
  readonly podUids: ReadonlySet<string>;
  readonly actions: ReadonlyMap<string, readonly HealingAction[]>;
}

const surroundingsOf = ({ state }: LoopPorts, namespace: string): Surroundings => ({
  podUids: new Set(state.pods(namespace).map(({ facts }) => facts.uid)),
  actions: Map.groupBy(state.actions(namespace), ({ spec }) => spec.incidentRef.name),
});

const reconcile = async (
  ports: LoopPorts,
  parts: IncidentParts & { readonly around: Surroundings },
  incident: Incident,
): Promise<void> => {
  const { cluster, clock, events, log } = ports;
  const { podUids, actions } = parts.around;
  const { name, namespace } = incident.metadata;
  const { policyRef, trigger, subject } = incident.spec;
  const status = incidentStatus({
    incident,
    evidence: parts.book.about(
      policyRef.uid,
      trigger,
      containerKey(subject.pod.uid, subject.container),
    ),
    actions: (actions.get(name) ?? []).toSorted(
      (a, b) => a.spec.step.attempt - b.spec.step.attempt,
    ),
    refusal: parts.refusals.of(name),
    subjectGone: !podUids.has(subject.pod.uid),
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

// SPDX-License-Identifier: Apache-2.0
/**
 * Incident: one finding about one container's life, with its evidence and what was decided. Its name
 * is a hash of (policy uid, detector, workload uid, container, pod uid, restart count), so a crash
 * never makes two.
 */
import { z } from 'zod';
import { policyRefSchema } from './healing-policy.ts';
import {
  conditionsSchema,
  nameSchema,
  type ObjectMeta,
  objectNameSchema,
  timeSchema,
  uidSchema,
} from './scalars.ts';

const atomic = { 'x-kubernetes-list-type': 'atomic' };

/** States of an incident; Resolved and Escalated are final. */
export const INCIDENT_STATES = ['Open', 'Mitigating', 'Resolved', 'Escalated'] as const;
/** One of {@link INCIDENT_STATES}. */
export type IncidentState = (typeof INCIDENT_STATES)[number];

/** Schema of `Incident.spec`, immutable: what the incident is about. */
export const incidentSpecSchema = z.object({
  policyRef: policyRefSchema,
  detector: z.string().max(63),
  trigger: nameSchema,
  subject: z.object({
    workload: z.object({
      apiVersion: z.string().max(64),
      kind: z.string().max(63),
      name: objectNameSchema,
      uid: uidSchema,
    }),
    pod: z.object({ name: objectNameSchema, uid: uidSchema }),
    container: nameSchema,
    restartCount: z.int32().min(0),
  }),
});

/** `Incident.spec`. */
export type IncidentSpec = z.output<typeof incidentSpecSchema>;

/** Schema of `Incident.status`. */
export const incidentStatusSchema = z.object({
  state: z.enum(INCIDENT_STATES),
  /** Why the state is what it is: a block reason, or the outcome of an action. */
  reason: z.string().max(63).optional(),
  message: z.string().max(2048).optional(),
  openedAt: timeSchema,
  closedAt: timeSchema.optional(),
  cause: z.object({ type: z.string().max(63), summary: z.string().max(1024) }).optional(),
  /** Newest evidence: figures as decimal text, names carry the unit. */
  evidence: z
    .array(
      z.object({
        quantity: z.string().max(128),
        classification: z.string().max(63),
        observedAt: timeSchema,
        summary: z.string().max(1024),
        measures: z.record(z.string().max(64), z.string().max(64)).meta({ maxProperties: 48 }),
      }),
    )
    .max(4)
    .optional()
    .meta(atomic),
  actions: z.array(objectNameSchema).max(16).optional().meta(atomic),
  observedGeneration: z.int().min(0).optional(),
  conditions: conditionsSchema.optional(),
});

/** `Incident.status`. */
export type IncidentStatus = z.output<typeof incidentStatusSchema>;

/** An Incident as read from the API server. */
export interface Incident {
  readonly metadata: ObjectMeta;
  readonly spec: IncidentSpec;
  readonly status?: IncidentStatus;
}

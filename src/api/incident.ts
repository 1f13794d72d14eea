// SPDX-License-Identifier: Apache-2.0
/**
 * Incident: one finding about one container's life, with its evidence and what was decided. Its name
 * is a hash of (policy uid, detector, workload uid, container, pod uid, restart count), so a crash
 * never makes two.
 */
import { z } from 'zod';
import { workloadRefSchema } from './healing-action.ts';
import { policyRefSchema } from './healing-policy.ts';
import { atomicList, immutable, mapOf } from './rule.ts';
import {
  conditionsSchema,
  nameSchema,
  type ObjectMeta,
  objectNameSchema,
  observedGenerationSchema,
  timeSchema,
  uidSchema,
} from './scalars.ts';

/**
 * States of an incident. Escalated is final, Resolved too unless its signal merely went away: if that
 * comes back in the same life of the container the incident is Flapping, which is open again.
 */
export const INCIDENT_STATES = ['Open', 'Mitigating', 'Resolved', 'Flapping', 'Escalated'] as const;
/** One of {@link INCIDENT_STATES}. */
export type IncidentState = (typeof INCIDENT_STATES)[number];

/** Schema of `Incident.spec`, immutable: what the incident is about. */
export const incidentSpecSchema = immutable(
  z.object({
    policyRef: policyRefSchema.describe('The policy that watched.'),
    detector: z.string().max(63).describe('The detector that found it.'),
    trigger: nameSchema.describe('The trigger of the policy.'),
    subject: z
      .object({
        workload: workloadRefSchema.describe('The controller that owns the pod.'),
        pod: z
          .object({
            name: objectNameSchema.describe('Name of the pod.'),
            uid: uidSchema.describe('Uid of the pod.'),
          })
          .describe('The pod.'),
        container: nameSchema.describe('The container.'),
        restartCount: z
          .int32()
          .min(0)
          .describe('Restarts of the container before: the next life is another incident.'),
      })
      .describe('What the incident is about: one life of one container.'),
  }),
);

/** `Incident.spec`. */
export type IncidentSpec = z.output<typeof incidentSpecSchema>;

/** Schema of `Incident.status`. */
export const incidentStatusSchema = z.object({
  state: z
    .enum(INCIDENT_STATES)
    .describe(
      'Open: nothing was done yet. Mitigating: an action is under way. Escalated: a person is needed.',
    ),
  /** Why the state is what it is: a block reason, or the outcome of an action. */
  reason: z
    .string()
    .max(63)
    .optional()
    .describe('Why, one word: what stood against acting, or the outcome of an action.'),
  message: z.string().max(2048).optional().describe('Why, for people.'),
  openedAt: timeSchema.describe('When it was found.'),
  closedAt: timeSchema.optional().describe('When it was resolved or escalated.'),
  cause: z
    .object({
      type: z.string().max(63).describe('What is believed to be wrong.'),
      summary: z.string().max(1024).describe('The same in a sentence.'),
    })
    .optional()
    .describe('The diagnosis.'),
  /** Newest evidence: figures as decimal text, names carry the unit. */
  evidence: atomicList(
    z.object({
      quantity: z.string().max(128).describe('The quantity it was seen in.'),
      classification: z.string().max(63).describe("The detector's class, such as leak."),
      observedAt: timeSchema.describe('Time of the newest sample.'),
      summary: z.string().max(1024).describe('What was seen, in a sentence.'),
      measures: mapOf(z.string().max(64), z.string().max(64), 48).describe(
        'Figures as decimal text; names carry the unit.',
      ),
    }),
    { max: 4 },
  )
    .optional()
    .describe('The newest evidence.'),
  actions: atomicList(objectNameSchema, { max: 16 })
    .optional()
    .describe('HealingActions that answered it.'),
  observedGeneration: observedGenerationSchema,
  conditions: conditionsSchema.optional().describe('What holds of the incident.'),
});

/** `Incident.status`. */
export type IncidentStatus = z.output<typeof incidentStatusSchema>;

/** An Incident as read from the API server. */
export interface Incident {
  readonly metadata: ObjectMeta;
  readonly spec: IncidentSpec;
  readonly status?: IncidentStatus;
}

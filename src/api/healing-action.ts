// SPDX-License-Identifier: Apache-2.0
/**
 * HealingAction: the immutable write-ahead record of one action on one target. Written before the
 * effect; every limit is recomputed from these records, never from memory.
 */
import { z } from 'zod';
import { BLOCK_REASONS } from '../domain/verdict.ts';
import { policyRefSchema } from './healing-policy.ts';
import {
  conditionsSchema,
  durationSchema,
  nameSchema,
  type ObjectMeta,
  objectNameSchema,
  timeSchema,
  uidSchema,
} from './scalars.ts';

const atomic = { 'x-kubernetes-list-type': 'atomic' };

/** Phases in which something is still to be done. */
export const OPEN_PHASES = ['Planned', 'Admitted', 'Executing', 'Settling', 'Verifying'] as const;
/** Phases that never change again. */
export const TERMINAL_PHASES = [
  'Succeeded',
  'Failed',
  'Inconclusive',
  'Blocked',
  'Simulated',
] as const;
/** Every phase of a record. */
export const PHASES = [...OPEN_PHASES, ...TERMINAL_PHASES] as const;
/** One of {@link PHASES}. */
export type Phase = (typeof PHASES)[number];

/** Reasons of a terminal phase other than Blocked, which carries a block reason. */
export const OUTCOME_REASONS = [
  'Effective',
  'Ineffective',
  'OOMKilled',
  'PDBBlocked',
  'RBACDenied',
  'Refused',
  'ReplacementLost',
  'ReplacementNotReady',
  'SettleTimeout',
  'Timeout',
  'TooFewSamples',
  'DryRunPassed',
] as const;

const workloadSchema = z.object({
  apiVersion: z.string().max(64),
  kind: z.string().max(63),
  name: objectNameSchema,
  uid: uidSchema,
});

/** One request that may be sent to the API server, with what must hold and how to find out whether it took effect. */
export const intentSchema = z.object({
  seq: z.int32().min(0),
  verb: z.enum(['evict']),
  /** Path of the request, without query. */
  path: z.string().max(1024),
  preconditions: z.object({ uid: uidSchema, resourceVersion: z.string().max(64) }),
});

/** Schema of `HealingAction.spec`, immutable. */
export const healingActionSpecSchema = z.object({
  policyRef: policyRefSchema,
  incidentRef: z.object({ name: objectNameSchema }),
  target: z.object({
    apiVersion: z.string().max(64),
    kind: z.literal('Pod'),
    namespace: objectNameSchema,
    name: objectNameSchema,
    uid: uidSchema,
    resourceVersion: z.string().max(64),
    container: nameSchema,
    podCreatedAt: timeSchema,
  }),
  workload: workloadSchema,
  /** Uids of the workload's pods before the effect, at most 256: none of them is the replacement. */
  peersBefore: z.array(uidSchema).max(256).meta(atomic),
  step: z.object({ index: z.int32().min(0), name: nameSchema, attempt: z.int32().min(1) }),
  action: z.object({ restart: z.object({}) }),
  mode: z.enum(['DryRun', 'Auto']),
  cause: z.object({
    type: z.string().max(63),
    trigger: nameSchema,
    summary: z.string().max(1024),
    quantity: z.string().max(128),
    /** Figures of the evidence, as decimal text: names carry the unit. */
    measures: z.record(z.string().max(64), z.string().max(64)).meta({ maxProperties: 48 }),
    observedAt: timeSchema,
  }),
  intents: z.array(intentSchema).max(8).meta(atomic),
  undoUnavailableReason: z.string().max(512),
  predicted: z.object({
    /** Ready replicas of the workload in each intermediate state. */
    readyReplicas: z.array(z.int32().min(0)).max(8).meta(atomic),
    desiredReplicas: z.int32().min(0),
  }),
  /** 1 + the highest generation among live restarts of the workload, container and cause before this pod was created. */
  lineageGeneration: z.int32().min(1),
  budgetsCharged: z.array(nameSchema).max(20).meta(atomic),
  limits: z.object({
    timeout: durationSchema,
    settle: durationSchema,
    verify: z.object({
      initialDelay: durationSchema,
      window: durationSchema,
      interval: durationSchema,
      minSamples: z.int32().min(1),
    }),
    horizon: durationSchema,
    resolution: durationSchema,
  }),
  fencing: z.object({
    leaseName: objectNameSchema,
    epoch: z.int().min(0),
    holder: z.string().max(253),
  }),
});

/** `HealingAction.spec`. */
export type HealingActionSpec = z.output<typeof healingActionSpecSchema>;

/** Schema of `HealingAction.status`; every write carries metadata.resourceVersion. */
export const healingActionStatusSchema = z.object({
  phase: z.enum(PHASES),
  reason: z
    .enum([...new Set([...OUTCOME_REASONS, ...BLOCK_REASONS])] as [string, ...string[]])
    .optional(),
  message: z.string().max(2048).optional(),
  /** The leader that may write this record now: the newest epoch wins. */
  fence: z.object({ epoch: z.int().min(0), holder: z.string().max(253) }).optional(),
  /** Each sending of an intent: written with `sentAt` before the call, completed after it. */
  steps: z
    .array(
      z.object({
        seq: z.int32().min(0),
        sentAt: timeSchema,
        observedAt: timeSchema.optional(),
        httpStatus: z.int32().min(0).max(599).optional(),
        note: z.string().max(1024).optional(),
      }),
    )
    .max(64)
    .optional()
    .meta(atomic),
  admittedAt: timeSchema.optional(),
  /** First moment at which the effect was known to be done. */
  actedAt: timeSchema.optional(),
  nextAttemptAt: timeSchema.optional(),
  replacement: z
    .object({ name: objectNameSchema, uid: uidSchema, readyAt: timeSchema.optional() })
    .optional(),
  verification: z
    .object({
      startedAt: timeSchema,
      samples: z.int32().min(0),
      newestSampleAt: timeSchema.optional(),
      beforeTimeToOom: z.string().max(32).optional(),
      afterTimeToOom: z.string().max(32).optional(),
      verdict: z.enum(['Effective', 'Ineffective', 'Inconclusive']).optional(),
    })
    .optional(),
  finishedAt: timeSchema.optional(),
  observedGeneration: z.int().min(0).optional(),
  conditions: conditionsSchema.optional(),
});

/** `HealingAction.status`. */
export type HealingActionStatus = z.output<typeof healingActionStatusSchema>;

/** A HealingAction as read from the API server. */
export interface HealingAction {
  readonly metadata: ObjectMeta;
  readonly spec: HealingActionSpec;
  readonly status?: HealingActionStatus;
}

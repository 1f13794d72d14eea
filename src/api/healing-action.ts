// SPDX-License-Identifier: Apache-2.0
/**
 * HealingAction: the immutable write-ahead record of one action on one target. Written before the
 * effect; every limit is recomputed from these records, never from memory.
 */
import { z } from 'zod';
import { BLOCK_REASONS } from '../domain/verdict.ts';
import { policyRefSchema } from './healing-policy.ts';
import { atomicList, immutable, mapOf, transitionRuled } from './rule.ts';
import {
  conditionsSchema,
  durationSchema,
  nameSchema,
  type ObjectMeta,
  objectNameSchema,
  observedGenerationSchema,
  timeSchema,
  uidSchema,
} from './scalars.ts';

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

/** Schema of a reference to a workload, as records and incidents carry it. */
export const workloadRefSchema = z.object({
  apiVersion: z.string().max(64).describe('API version of the workload.'),
  kind: z.string().max(63).describe('Kind of the workload.'),
  name: objectNameSchema.describe('Name of the workload.'),
  uid: uidSchema.describe('Uid of the workload.'),
});

/** One request that may be sent to the API server, with what must hold and how to find out whether it took effect. */
export const intentSchema = z.object({
  seq: z.int32().min(0).describe('Place in the order of sending, from 0.'),
  verb: z.enum(['evict']).describe('What is asked for.'),
  /** Path of the request, without query. */
  path: z.string().max(1024).describe('Path of the request, without query.'),
  preconditions: z
    .object({
      uid: uidSchema.describe('Uid that the target must have.'),
      resourceVersion: z.string().max(64).describe('Version that the target had when planned.'),
    })
    .describe('What must hold of the target, checked by the API server.'),
});

/** Schema of `HealingAction.spec`, immutable. */
export const healingActionSpecSchema = immutable(
  z.object({
    policyRef: policyRefSchema.describe('The policy that wanted it, and at which generation.'),
    incidentRef: z
      .object({ name: objectNameSchema.describe('Name of the Incident.') })
      .describe('The incident that it answers.'),
    target: z
      .object({
        apiVersion: z.string().max(64).describe('API version of the target.'),
        kind: z.literal('Pod').describe('Kind of the target.'),
        namespace: objectNameSchema.describe('Namespace of the target.'),
        name: objectNameSchema.describe('Name of the pod.'),
        uid: uidSchema.describe(
          'Uid of the pod: a replacement of the same name is another target.',
        ),
        resourceVersion: z.string().max(64).describe('Version of the pod when it was planned.'),
        container: nameSchema.describe('The container in trouble.'),
        podCreatedAt: timeSchema.describe('When the pod was created.'),
      })
      .describe('What is acted on.'),
    workload: workloadRefSchema.describe('The controller that owns the target.'),
    peersBefore: atomicList(uidSchema, { max: 256 }).describe(
      'Uids of the pods of the workload before the effect: none of them is the replacement.',
    ),
    step: z
      .object({
        index: z.int32().min(0).describe("Index of the step in the policy's ladder."),
        name: nameSchema.describe('Name of the step.'),
        attempt: z.int32().min(1).describe('How many times it has been tried, this one included.'),
      })
      .describe('The step of the policy that this carries out.'),
    action: z
      .object({ restart: z.object({}).describe('Evicts the pod.') })
      .describe('The action with its parameters resolved.'),
    mode: z
      .enum(['DryRun', 'Auto'])
      .describe('DryRun: rehearsed on the API server only. Auto: carried out.'),
    cause: z
      .object({
        type: z.string().max(63).describe('What is believed to be wrong.'),
        trigger: nameSchema.describe('Trigger of the policy that fired.'),
        summary: z.string().max(1024).describe('What was seen, in a sentence.'),
        quantity: z.string().max(128).describe('The quantity it was seen in.'),
        /** Figures of the evidence, as decimal text: names carry the unit. */
        measures: mapOf(z.string().max(64), z.string().max(64), 48).describe(
          'Figures of the evidence as decimal text; names carry the unit.',
        ),
        observedAt: timeSchema.describe('Time of the newest sample.'),
      })
      .describe('Why.'),
    intents: atomicList(intentSchema, { max: 8 }).describe(
      'The requests that may be sent, fixed before the first is.',
    ),
    undoUnavailableReason: z.string().max(512).describe('Why it cannot be undone.'),
    predicted: z
      .object({
        /** Ready replicas of the workload in each intermediate state. */
        readyReplicas: atomicList(z.int32().min(0), { max: 8 }).describe(
          'Ready replicas in each state that it passes through.',
        ),
        desiredReplicas: z.int32().min(0).describe('Desired replicas.'),
      })
      .describe('What it was expected to do to the workload.'),
    /** 1 + the highest generation among live restarts of the workload, container and cause before this pod was created. */
    lineageGeneration: z
      .int32()
      .min(1)
      .describe(
        'How many times in a row the container and those it replaced were restarted for this cause, this one included.',
      ),
    budgetsCharged: atomicList(nameSchema, { max: 20 }).describe('Budgets that it is charged to.'),
    limits: z
      .object({
        timeout: durationSchema.describe('How long it is tried.'),
        settle: durationSchema.describe('How long the replacement may take to become Ready.'),
        verify: z
          .object({
            initialDelay: durationSchema.describe('Time before samples count.'),
            window: durationSchema.describe('How long the effect is watched.'),
            interval: durationSchema.describe('How often it is looked at.'),
            minSamples: z.int32().min(1).describe('Samples without which nothing is proven.'),
          })
          .describe('How success is proven.'),
        horizon: durationSchema.describe('Time to OOM that the replacement must exceed.'),
        resolution: durationSchema.describe('Resolution of the detector.'),
      })
      .describe('Limits of the policy at the time of planning.'),
    fencing: z
      .object({
        leaseName: objectNameSchema.describe('Name of the Lease.'),
        epoch: z.int().min(0).describe('Epoch of the leader that wrote the record.'),
        holder: z.string().max(253).describe('Identity of that leader.'),
      })
      .describe('Who wrote the record.'),
  }),
);

/** `HealingAction.spec`. */
export type HealingActionSpec = z.output<typeof healingActionSpecSchema>;

const REASONS = [...new Set([...OUTCOME_REASONS, ...BLOCK_REASONS])] as [string, ...string[]];
const terminal = TERMINAL_PHASES.map((phase) => `'${phase}'`).join(', ');

/** Schema of `HealingAction.status`; every write carries metadata.resourceVersion. */
export const healingActionStatusSchema = transitionRuled(
  z.object({
    phase: z.enum(PHASES).describe('How far it has come.'),
    reason: z.enum(REASONS).optional().describe('Why it ended as it did, one word.'),
    message: z.string().max(2048).optional().describe('Why, for people.'),
    /** The leader that may write this record now: the newest epoch wins. */
    fence: z
      .object({
        epoch: z.int().min(0).describe('Epoch of the leader that owns the record now.'),
        holder: z.string().max(253).describe('Identity of that leader.'),
      })
      .optional()
      .describe('The leader that may write this record: the highest epoch wins.'),
    /** Each sending of an intent: written with `sentAt` before the call, completed after it. */
    steps: atomicList(
      z.object({
        seq: z.int32().min(0).describe('Which intent.'),
        sentAt: timeSchema.describe('Written before the request left.'),
        observedAt: timeSchema.optional().describe('When its effect or refusal was known.'),
        httpStatus: z.int32().min(0).max(599).optional().describe('Status of the answer.'),
        note: z.string().max(1024).optional().describe('What the answer said.'),
      }),
      { max: 64 },
    )
      .optional()
      .describe('Each sending of an intent: written before the call, completed after it.'),
    admittedAt: timeSchema.optional().describe('When the guards had passed.'),
    /** First moment at which the effect was known to be done. */
    actedAt: timeSchema.optional().describe('When the effect was first known to be done.'),
    nextAttemptAt: timeSchema.optional().describe('When a refused request is sent again.'),
    replacement: z
      .object({
        name: objectNameSchema.describe('Name of the pod.'),
        uid: uidSchema.describe('Its uid.'),
        readyAt: timeSchema.optional().describe('When it was Ready.'),
      })
      .optional()
      .describe('The pod that took the place of the target.'),
    verification: z
      .object({
        startedAt: timeSchema.describe('From when on samples count.'),
        samples: z.int32().min(0).describe('Samples seen.'),
        newestSampleAt: timeSchema.optional().describe('Time of the newest sample.'),
        beforeTimeToOom: z.string().max(32).optional().describe('Time to OOM before.'),
        afterTimeToOom: z.string().max(32).optional().describe('Time to OOM after.'),
        verdict: z
          .enum(['Effective', 'Ineffective', 'Inconclusive'])
          .optional()
          .describe('What was proven.'),
      })
      .optional()
      .describe('The proof of the effect.'),
    finishedAt: timeSchema.optional().describe('When it reached its last phase.'),
    observedGeneration: observedGenerationSchema,
    conditions: conditionsSchema.optional().describe('What holds of the action.'),
  }),
  {
    cel: `!(oldSelf.phase in [${terminal}]) || self.phase == oldSelf.phase`,
    message: 'must not leave a final `phase`: plan another action',
  },
  {
    cel: '!has(oldSelf.fence) || (has(self.fence) && self.fence.epoch >= oldSelf.fence.epoch)',
    message: 'must not lower `fence.epoch`: a newer leader owns this record',
  },
);

/** `HealingAction.status`. */
export type HealingActionStatus = z.output<typeof healingActionStatusSchema>;

/** A HealingAction as read from the API server. */
export interface HealingAction {
  readonly metadata: ObjectMeta;
  readonly spec: HealingActionSpec;
  readonly status?: HealingActionStatus;
}

// SPDX-License-Identifier: Apache-2.0
/**
 * HealingPolicy: what to watch, what to do about it, and how far that may go. A field stands here
 * only when something enforces it and a test fails when it is ignored.
 */
import { z } from 'zod';
import {
  conditionsSchema,
  countOrPercentSchema,
  durationSchema,
  nameSchema,
  type ObjectMeta,
  objectNameSchema,
  timeSchema,
  uidSchema,
} from './scalars.ts';

const listMapByName = { 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['name'] };
const listSet = { 'x-kubernetes-list-type': 'set' };

/** Modes from the least to the most powerful; a cap takes the lower of two. */
export const MODES = ['Observe', 'DryRun', 'Auto'] as const;
/** One of {@link MODES}. */
export type Mode = (typeof MODES)[number];

const labelSelectorSchema = z.object({
  matchLabels: z
    .record(z.string().max(317), z.string().max(63))
    .optional()
    .meta({ maxProperties: 16 }),
  matchExpressions: z
    .array(
      z.object({
        key: z.string().min(1).max(317),
        operator: z.enum(['In', 'NotIn', 'Exists', 'DoesNotExist']),
        values: z
          .array(z.string().max(63))
          .max(32)
          .optional()
          .meta({ 'x-kubernetes-list-type': 'atomic' }),
      }),
    )
    .max(16)
    .optional()
    .meta({ 'x-kubernetes-list-type': 'atomic' }),
});

/** A label selector as Kubernetes writes it. */
export type LabelSelector = z.output<typeof labelSelectorSchema>;

const targetSchema = z.object({
  name: nameSchema,
  apiVersion: z.literal('apps/v1').default('apps/v1'),
  kind: z.enum(['Deployment', 'StatefulSet']),
  resourceName: objectNameSchema.optional(),
  selector: labelSelectorSchema.optional(),
  exclude: z.object({ names: z.array(objectNameSchema).max(32).meta(listSet) }).optional(),
  containers: z.array(nameSchema).max(16).optional().meta(listSet),
});

/** One target of a policy: workloads of the policy's own namespace. */
export type PolicyTarget = z.output<typeof targetSchema>;

/**
 * Builds the schema of a trigger. The detectors' ids come in as an argument, because `api` must not
 * import `analyze`.
 */
const triggerSchema = z.object({
  name: nameSchema,
  detector: z.object({
    type: z.enum(['MemoryLeak']),
    params: z
      .object({
        horizon: durationSchema.default('30m'),
        resolution: durationSchema.default('5m'),
        minSlopeBytesPerHour: z.int().min(0).default(0),
      })
      .default({ horizon: '30m', resolution: '5m', minSlopeBytesPerHour: 0 }),
  }),
});

/** One trigger of a policy. */
export type PolicyTrigger = z.output<typeof triggerSchema>;

const actionStepSchema = z.object({
  name: nameSchema,
  restart: z.object({}),
  timeout: durationSchema.default('10m'),
  settle: durationSchema.default('2m'),
});

/** One step of the ladder of actions. */
export type PolicyActionStep = z.output<typeof actionStepSchema>;

const budgetSchema = z.object({
  name: nameSchema,
  max: z.int32().min(0).max(1000),
  window: durationSchema.default('1h'),
  scope: z.enum(['Policy', 'Workload', 'Namespace']),
});

/** A limit on the number of actions in a window. */
export type Budget = z.output<typeof budgetSchema>;

const safetySchema = z.object({
  maxConcurrent: z.int32().min(1).max(100).default(1),
  minHealthy: countOrPercentSchema.default('51%'),
  storm: z
    .object({
      unhealthyAbove: countOrPercentSchema.default('40%'),
      cooldown: durationSchema.default('5m'),
    })
    .default({ unhealthyAbove: '40%', cooldown: '5m' }),
  budgets: z
    .array(budgetSchema)
    .min(1)
    .max(20)
    .default([{ name: 'default', max: 5, window: '1h', scope: 'Namespace' }])
    .meta(listMapByName),
  cooldown: z
    .object({ perTarget: durationSchema.default('10m'), perAction: durationSchema.default('5m') })
    .default({ perTarget: '10m', perAction: '5m' }),
  breaker: z
    .object({
      failures: z.int32().min(1).max(100).default(3),
      window: durationSchema.default('4h'),
      openFor: durationSchema.default('1h'),
    })
    .default({ failures: 3, window: '4h', openFor: '1h' }),
  recurrence: z
    .object({ max: z.int32().min(1).max(100).default(3), window: durationSchema.default('6h') })
    .default({ max: 3, window: '6h' }),
});

/** The guardrails of a policy. */
export type Safety = z.output<typeof safetySchema>;

const verifySchema = z.object({
  initialDelay: durationSchema.default('30s'),
  window: durationSchema.default('10m'),
  interval: durationSchema.default('15s'),
  minSamples: z.int32().min(1).max(10_000).default(5),
});

/** How success is proven. */
export type Verify = z.output<typeof verifySchema>;

/** Defaults of {@link verifySchema}, written once. */
const VERIFY_DEFAULT: Verify = {
  initialDelay: '30s',
  window: '10m',
  interval: '15s',
  minSamples: 5,
};

/** Schema of `HealingPolicy.spec`. */
export const healingPolicySpecSchema = z.object({
  mode: z.enum(MODES).default('DryRun'),
  suspend: z.boolean().default(false),
  pauseRequests: z.array(z.string().min(1).max(253)).max(16).default([]).meta(listSet),
  priority: z.int32().min(-1000).max(1000).default(0),
  targets: z.array(targetSchema).min(1).max(32).meta(listMapByName),
  triggers: z.array(triggerSchema).min(1).max(32).meta(listMapByName),
  actions: z.array(actionStepSchema).min(1).max(1).meta(listMapByName),
  safety: safetySchema.default(safetySchema.parse({})),
  verify: verifySchema.default(VERIFY_DEFAULT),
  history: z
    .object({
      successfulActionsLimit: z.int32().min(0).max(1000).default(20),
      failedActionsLimit: z.int32().min(0).max(1000).default(50),
      ttl: durationSchema.default('168h'),
    })
    .default({ successfulActionsLimit: 20, failedActionsLimit: 50, ttl: '168h' }),
});

/** `HealingPolicy.spec` with every default filled in. */
export type HealingPolicySpec = z.output<typeof healingPolicySpecSchema>;

/** Schema of `HealingPolicy.status`: a view, never the source of a limit. */
export const healingPolicyStatusSchema = z.object({
  observedGeneration: z.int().min(0).optional(),
  effectiveMode: z.enum(MODES).optional(),
  conditions: conditionsSchema.optional(),
  targets: z
    .object({
      workloads: z.int32().min(0),
      pods: z.int32().min(0),
      healthy: z.int32().min(0),
      protected: z.int32().min(0),
    })
    .optional(),
  triggers: z
    .array(
      z.object({
        name: nameSchema,
        state: z.enum(['Unknown', 'Inactive', 'Firing']),
        message: z.string().max(1024),
        since: timeSchema.optional(),
      }),
    )
    .max(32)
    .optional()
    .meta(listMapByName),
  budgets: z
    .array(
      z.object({
        name: nameSchema,
        used: z.int32().min(0),
        max: z.int32().min(0),
        resetsAt: timeSchema.optional(),
      }),
    )
    .max(20)
    .optional()
    .meta(listMapByName),
  breaker: z
    .object({
      state: z.enum(['Closed', 'Open', 'HalfOpen']),
      failures: z.int32().min(0),
      reopensAt: timeSchema.optional(),
    })
    .optional(),
  /** Start of the present or last storm and its end: the storm's cooldown is counted from here. */
  storm: z.object({ since: timeSchema.optional(), until: timeSchema.optional() }).optional(),
  lastAction: z
    .object({ name: objectNameSchema, phase: z.string().max(32), time: timeSchema })
    .optional(),
  counts: z
    .object({
      planned: z.int32().min(0),
      executed: z.int32().min(0),
      effective: z.int32().min(0),
      ineffective: z.int32().min(0),
      blocked: z.int32().min(0),
    })
    .optional(),
});

/** `HealingPolicy.status`. */
export type HealingPolicyStatus = z.output<typeof healingPolicyStatusSchema>;

/** A HealingPolicy as read from the API server, defaults filled in. */
export interface HealingPolicy {
  readonly metadata: ObjectMeta;
  readonly spec: HealingPolicySpec;
  readonly status?: HealingPolicyStatus;
}

/** Reference to the policy, as records carry it. */
export const policyRefSchema = z.object({
  name: objectNameSchema,
  uid: uidSchema,
  generation: z.int().min(0),
});

// SPDX-License-Identifier: Apache-2.0
/**
 * HealingPolicy: what to watch, what to do about it, and how far that may go. A field stands here
 * only when something enforces it and a test fails when it is ignored.
 */
import { z } from 'zod';
import { durationMs } from '../domain/duration.ts';
import { labelSelectorSchema } from './label-selector.ts';
import { listBy, ruled, setOf } from './rule.ts';
import { safetySchema } from './safety.ts';
import {
  celIsDuration,
  conditionsSchema,
  durationFrom,
  durationSchema,
  nameSchema,
  type ObjectMeta,
  objectNameSchema,
  observedGenerationSchema,
  timeSchema,
  uidSchema,
} from './scalars.ts';

/** Modes from the least to the most powerful; a cap takes the lower of two. */
export const MODES = ['Observe', 'DryRun', 'Auto'] as const;
/** One of {@link MODES}. */
export type Mode = (typeof MODES)[number];

const targetSchema = ruled(
  z.object({
    name: nameSchema.describe('Name of the target inside the policy.'),
    apiVersion: z.literal('apps/v1').default('apps/v1').describe('API version of the workloads.'),
    kind: z.enum(['Deployment', 'StatefulSet']).describe('Kind of the workloads.'),
    resourceName: objectNameSchema
      .optional()
      .describe('Selects one workload by name; instead of `selector`.'),
    selector: labelSelectorSchema
      .optional()
      .describe(
        'Selects workloads by their own labels, not by those of their pods; `{}` selects all of the kind. Instead of `resourceName`.',
      ),
    exclude: z
      .object({
        names: setOf(objectNameSchema, { max: 32 }).describe('Names of workloads.'),
      })
      .optional()
      .describe('Workloads that are left alone although they are selected.'),
    containers: setOf(nameSchema, { min: 1, max: 16 })
      .optional()
      .describe('Containers that are watched; all when left out.'),
  }),
  {
    cel: 'has(self.resourceName) != has(self.selector)',
    holds: ({ resourceName, selector }) =>
      (resourceName === undefined) !== (selector === undefined),
    message:
      'must have exactly one of `resourceName` and `selector`: name one workload, or select several by labels',
  },
  {
    cel: '!has(self.resourceName) || !has(self.exclude) || !(self.resourceName in self.exclude.names)',
    holds: ({ resourceName, exclude }) =>
      resourceName === undefined || exclude?.names.includes(resourceName) !== true,
    message: 'must not exclude the workload that `resourceName` names: remove one of the two',
  },
);

/** One target of a policy: workloads of the policy's own namespace. */
export type PolicyTarget = z.output<typeof targetSchema>;

const memoryLeakParamsSchema = ruled(
  z.object({
    horizon: durationFrom('1s', '720h')
      .default('30m')
      .describe('Act when the container would run out of memory within this time.'),
    resolution: durationFrom('1s', '24h')
      .default('5m')
      .describe(
        'Length of one bucket of samples; every other duration of the detector is a multiple of it.',
      ),
    minSlopeBytesPerHour: z
      .int()
      .min(0)
      .max(2 ** 40)
      .default(0)
      .describe('Slower growth than this is no leak, in bytes per hour.'),
  }),
  {
    cel: `!${celIsDuration('self.horizon')} || !${celIsDuration('self.resolution')} || duration(self.horizon) >= duration(self.resolution)`,
    holds: ({ horizon, resolution }) => durationMs(horizon) >= durationMs(resolution),
    message:
      '`horizon` must be at least `resolution`, or the leak is found too late: lengthen the one or shorten the other',
  },
);

const triggerSchema = <D extends string>(type: z.ZodType<D>) =>
  z.object({
    name: nameSchema.describe('Name of the trigger inside the policy.'),
    detector: z
      .object({
        type: type.describe('Which detector watches.'),
        params: memoryLeakParamsSchema.prefault({}).describe('Parameters of the detector.'),
      })
      .describe('The detector whose finding triggers the policy.'),
  });

/** One trigger of a policy. */
export type PolicyTrigger = z.output<ReturnType<typeof triggerSchema<string>>>;

/** Schema of one step: one field for each registered action, by its id. */
export const actionStepSchema = z.object({
  name: nameSchema.describe('Name of the step inside the policy.'),
  restart: z
    .object({})
    .describe('Evicts the pod through the API server; its controller makes a new one.'),
  timeout: durationFrom('60s')
    .default('10m')
    .describe('How long an eviction is tried again and its replacement waited for.'),
  settle: durationFrom('1s')
    .default('2m')
    .describe('How long the replacement may take to become Ready.'),
});

/** One step of the ladder of actions. */
export type PolicyActionStep = z.output<typeof actionStepSchema>;

const verifySchema = ruled(
  z.object({
    initialDelay: durationSchema
      .default('30s')
      .describe('Time after the replacement is Ready before samples count.'),
    window: durationFrom('1s').default('10m').describe('How long the effect is watched.'),
    interval: durationFrom('100ms').default('15s').describe('How often it is looked at.'),
    minSamples: z
      .int32()
      .min(1)
      .max(10_000)
      .default(5)
      .describe('With fewer samples nothing is proven: the action ends as Inconclusive.'),
  }),
  {
    cel: `!${celIsDuration('self.window')} || !${celIsDuration('self.interval')} || duration(self.window) >= duration(self.interval)`,
    holds: ({ window, interval }) => durationMs(window) >= durationMs(interval),
    message:
      '`window` must be at least `interval`, or the effect is never looked at: lengthen the one or shorten the other',
  },
);

const historySchema = z.object({
  successfulActionsLimit: z
    .int32()
    .min(0)
    .max(1000)
    .default(20)
    .describe('Finished records of actions that helped that are kept.'),
  failedActionsLimit: z
    .int32()
    .min(0)
    .max(1000)
    .default(50)
    .describe('Other finished records that are kept.'),
  ttl: durationFrom('1s').default('168h').describe('Finished records older than this are deleted.'),
});

const specSchema = <D extends string>(detectorType: z.ZodType<D>) =>
  ruled(
    z.object({
      mode: z
        .enum(MODES)
        .default('DryRun')
        .describe(
          'Observe: detect and report. DryRun: also plan, rehearse on the API server and record. Auto: also act. The operator and the namespace annotation `homeostat.dev/max-mode` may lower it.',
        ),
      suspend: z.boolean().default(false).describe('Nothing new is done while true.'),
      pauseRequests: setOf(z.string().min(1).max(253), { max: 16 })
        .default([])
        .describe('Who wants a pause; nothing new is done while anybody does.'),
      priority: z
        .int32()
        .min(-1000)
        .max(1000)
        .default(0)
        .describe('Of two policies for one workload the higher acts; of equals neither does.'),
      targets: listBy('name', targetSchema, { min: 1, max: 32 }).describe(
        'Workloads of the namespace of the policy.',
      ),
      triggers: listBy('name', triggerSchema(detectorType), { min: 1, max: 32 }).describe(
        'What to watch for; any of them suffices.',
      ),
      actions: listBy('name', actionStepSchema, { min: 1, max: 1 }).describe(
        'What to do about it.',
      ),
      safety: safetySchema.prefault({}).describe('How far that may go.'),
      verify: verifySchema.prefault({}).describe('How it is proven that it helped.'),
      history: historySchema
        .prefault({})
        .describe(
          'How many records are kept. What lies inside a budget, breaker or recurrence window is always kept.',
        ),
    }),
    {
      cel: `!${celIsDuration('self.verify.initialDelay')} || self.actions.all(step, !${celIsDuration('step.settle')} || !${celIsDuration('step.timeout')} || duration(step.settle) + duration(self.verify.initialDelay) < duration(step.timeout))`,
      holds: ({ actions, verify }) =>
        actions.every(
          ({ settle, timeout }) =>
            durationMs(settle) + durationMs(verify.initialDelay) < durationMs(timeout),
        ),
      message:
        '`settle` + `verify.initialDelay` must be less than `timeout` of every action: lengthen the timeout or shorten the others',
    },
  );

/**
 * Builds the schema of `HealingPolicy.spec`. The ids of the detectors come in as an argument, because
 * `api` must not import `analyze`.
 */
export const policySpecSchema = <D extends string>(detectors: readonly [D, ...D[]]) =>
  specSchema(z.enum(detectors));

/** Schema of `HealingPolicy.spec` with the detectors of this version. */
export const healingPolicySpecSchema = policySpecSchema(['MemoryLeak']);

/**
 * Schema of a `HealingPolicy.spec` that the API server has taken. It has compared the detectors with
 * the registered ones; one that this process does not have is reported when it is bound.
 */
export const storedPolicySpecSchema = specSchema<string>(z.string().max(63));

/** `HealingPolicy.spec` with every default filled in. */
export type HealingPolicySpec = z.output<typeof storedPolicySpecSchema>;

const count = (description: string) => z.int32().min(0).describe(description);

/** Schema of `HealingPolicy.status`: a view, never the source of a limit. */
export const healingPolicyStatusSchema = z.object({
  observedGeneration: observedGenerationSchema,
  effectiveMode: z.enum(MODES).optional().describe('The mode in force after every cap.'),
  conditions: conditionsSchema.optional().describe('What holds of the policy.'),
  targets: z
    .object({
      workloads: count('Workloads selected.'),
      pods: count('Their pods.'),
      healthy: count('Pods that are Ready.'),
      protected: count('Pods that are never touched.'),
    })
    .optional()
    .describe('What the targets select now.'),
  triggers: listBy(
    'name',
    z.object({
      name: nameSchema.describe('Name of the trigger.'),
      state: z
        .enum(['Unknown', 'Inactive', 'Firing'])
        .describe('Unknown: there is not enough telemetry to tell.'),
      message: z.string().max(1024).describe('What is seen.'),
      since: timeSchema.optional().describe('Since when the state is so.'),
    }),
    { max: 32 },
  )
    .optional()
    .describe('State of each trigger.'),
  budgets: listBy(
    'name',
    z.object({
      name: nameSchema.describe('Name of the budget.'),
      used: count('Actions charged to it now.'),
      max: count('Actions that it permits.'),
      resetsAt: timeSchema.optional().describe('When there is room again.'),
    }),
    { max: 20 },
  )
    .optional()
    .describe('Use of each budget.'),
  breaker: z
    .object({
      state: z
        .enum(['Closed', 'Open', 'HalfOpen'])
        .describe('Open: nothing is done. HalfOpen: one action is let through.'),
      failures: count('Failures in the window.'),
      reopensAt: timeSchema.optional().describe('When one action is let through.'),
    })
    .optional()
    .describe('State of the circuit breaker.'),
  storm: z
    .object({
      since: timeSchema.optional().describe('When it began.'),
      until: timeSchema.optional().describe('When it ended; its cooldown is counted from here.'),
    })
    .optional()
    .describe('The present or last storm.'),
  lastAction: z
    .object({
      name: objectNameSchema.describe('Name of the HealingAction.'),
      phase: z.string().max(32).describe('Its phase.'),
      time: timeSchema.describe('When it was created.'),
    })
    .optional()
    .describe('The newest record of the policy.'),
  counts: z
    .object({
      planned: count('Records created.'),
      executed: count('Those that acted.'),
      effective: count('Those that helped.'),
      ineffective: count('Those that did not, or proved nothing.'),
      blocked: count('Those refused before they acted.'),
    })
    .optional()
    .describe('Records that exist now.'),
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
  name: objectNameSchema.describe('Name of the HealingPolicy.'),
  uid: uidSchema.describe('Its uid.'),
  generation: z.int().min(0).describe('Generation of its spec.'),
});

// SPDX-License-Identifier: Apache-2.0
/** The guardrails of a policy. Each field is read by one guard in `plan/guards`. */
import { z } from 'zod';
import { durationMs } from '../domain/duration.ts';
import { listBy, ruled } from './rule.ts';
import {
  celIsDuration,
  countOrPercentSchema,
  durationFrom,
  durationSchema,
  nameSchema,
} from './scalars.ts';

const budgetSchema = z.object({
  name: nameSchema.describe('Name of the budget, for messages and status.'),
  max: z
    .int32()
    .min(0)
    .max(1000)
    .describe('How many actions may be taken in the window; 0 permits none.'),
  window: durationFrom('1s').default('1h').describe('Length of the sliding window.'),
  scope: z
    .enum(['Policy', 'Workload', 'Namespace'])
    .describe(
      'Whose actions count: those of this policy, or those of all policies on the workload or in the namespace.',
    ),
});

/** A limit on the number of actions in a window. */
export type Budget = z.output<typeof budgetSchema>;

const stormSchema = z.object({
  unhealthyAbove: countOrPercentSchema
    .default('40%')
    .describe('A storm is on while more pods of the targets than this are unhealthy.'),
  cooldown: durationSchema.default('5m').describe('How long nothing is done after a storm.'),
});

const cooldownSchema = z.object({
  perTarget: durationSchema
    .default('10m')
    .describe('Least time between two actions on one workload, by whatever policy.'),
  perAction: durationSchema
    .default('5m')
    .describe('Least time between two actions of the same kind by this policy.'),
});

const breakerSchema = z.object({
  failures: z
    .int32()
    .min(1)
    .max(100)
    .default(3)
    .describe('Failed or inconclusive actions in the window that open the breaker.'),
  window: durationFrom('1s').default('4h').describe('Window in which failures are counted.'),
  openFor: durationFrom('1s')
    .default('1h')
    .describe('How long nothing is done then; after it one action is let through.'),
});

const recurrenceSchema = z.object({
  max: z
    .int32()
    .min(1)
    .max(100)
    .default(3)
    .describe(
      'How many times in a row a container and its replacements may be restarted for one cause; then the incident escalates.',
    ),
  window: durationFrom('1s').default('6h').describe('How far back restarts count.'),
});

const seconds = (field: string): string => `duration(${field}).getSeconds()`;

/** Schema of `HealingPolicy.spec.safety`. */
export const safetySchema = ruled(
  z.object({
    maxConcurrent: z
      .int32()
      .min(1)
      .max(100)
      .default(1)
      .describe('How many actions of this policy may be under way at a time.'),
    minHealthy: countOrPercentSchema
      .default('51%')
      .describe(
        'Ready replicas that must remain in every state an action passes through; a percentage of the desired replicas, rounded up.',
      ),
    storm: stormSchema
      .prefault({})
      .describe('Nothing is done while many pods are unhealthy: the cause lies elsewhere then.'),
    budgets: listBy('name', budgetSchema, { min: 1, max: 20 })
      .default([{ name: 'default', max: 5, window: '1h', scope: 'Namespace' }])
      .describe('Limits on the number of actions; the most restrictive wins.'),
    cooldown: cooldownSchema.prefault({}).describe('Least time between actions.'),
    breaker: breakerSchema.prefault({}).describe('Stops when acting does not help.'),
    recurrence: recurrenceSchema
      .prefault({})
      .describe('Stops when the trouble comes back after acting, even though acting helped.'),
  }),
  {
    cel: `!${celIsDuration('self.recurrence.window')} || !${celIsDuration('self.cooldown.perTarget')} || duration(self.recurrence.window) > duration(self.cooldown.perTarget)`,
    holds: ({ recurrence, cooldown }) =>
      durationMs(recurrence.window) > durationMs(cooldown.perTarget),
    message:
      '`recurrence.window` must be longer than `cooldown.perTarget`, or no restart is ever counted: lengthen the window or shorten the cooldown',
  },
  {
    cel: `!${celIsDuration('self.breaker.window')} || !${celIsDuration('self.cooldown.perAction')} || ${seconds('self.breaker.window')} > ${seconds('self.cooldown.perAction')} * (self.breaker.failures - 1)`,
    holds: ({ breaker, cooldown }) =>
      Math.trunc(durationMs(breaker.window) / 1_000) >
      Math.trunc(durationMs(cooldown.perAction) / 1_000) * (breaker.failures - 1),
    message:
      '`breaker.window` must be longer than `cooldown.perAction` x (`breaker.failures` - 1), or so many failures never fall into one window: lengthen the window or lower the number',
  },
);

// SPDX-License-Identifier: Apache-2.0
import { z } from 'zod';
import { atomicList, mapOf, ruled } from './rule.ts';

const labelValueSchema = z
  .string()
  .max(63)
  .regex(/^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$/, {
    error: 'must be the value of a label: letters, digits, dashes, dots, at most 63',
  });

const requirementSchema = ruled(
  z.object({
    key: z
      .string()
      .min(1)
      .max(317)
      .regex(/^([a-z0-9]([-a-z0-9.]*[a-z0-9])?\/)?([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]$/, {
        error: 'must be the key of a label, such as app or example.com/tier',
      })
      .describe('Key of the label.'),
    operator: z
      .enum(['In', 'NotIn', 'Exists', 'DoesNotExist'])
      .describe('How the label is compared; NotIn also selects objects without the label.'),
    values: atomicList(labelValueSchema, { max: 32 })
      .optional()
      .describe('Values for In and NotIn; left out for Exists and DoesNotExist.'),
  }),
  {
    cel: "self.operator in ['In', 'NotIn'] ? has(self.values) && self.values.size() > 0 : !has(self.values) || self.values.size() == 0",
    holds: ({ operator, values = [] }) =>
      (operator === 'In' || operator === 'NotIn') === values.length > 0,
    message: 'must have `values` with In and NotIn, and none with Exists and DoesNotExist',
  },
);

/** Schema of a label selector as Kubernetes writes it; an empty one selects everything. */
export const labelSelectorSchema = z.object({
  matchLabels: mapOf(z.string().max(317), labelValueSchema, 16)
    .optional()
    .describe('Labels that must all be there with these values.'),
  matchExpressions: atomicList(requirementSchema, { max: 16 })
    .optional()
    .describe('Requirements that must all hold.'),
});

// SPDX-License-Identifier: Apache-2.0
import { z } from 'zod';
import { DURATION_PATTERN } from '../domain/duration.ts';

/** API group of every kind of ours. */
export const GROUP = 'homeostat.dev';
/** The one served version. */
export const VERSION = 'v1alpha1';
/** `apiVersion` of every object of ours. */
export const API_VERSION = `${GROUP}/${VERSION}`;

/** Schema of a duration such as `90s`; at most 32 characters. */
export const durationSchema = z.string().max(32).regex(new RegExp(DURATION_PATTERN));

/** Schema of a count or a percentage, as Kubernetes writes it: `2` or `"40%"`. */
export const countOrPercentSchema = z.union([
  z.int32().min(0),
  z
    .string()
    .max(10)
    .regex(/^((100|[0-9]{1,2})%|[0-9]+)$/),
]);

/** A count or a percentage. */
export type CountOrPercent = z.output<typeof countOrPercentSchema>;

/** Schema of a name of ours inside a list: a DNS label. */
export const nameSchema = z
  .string()
  .min(1)
  .max(63)
  .regex(/^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/);

/** Schema of the name of a Kubernetes object. */
export const objectNameSchema = z.string().min(1).max(253);

/** Schema of a uid. */
export const uidSchema = z.string().min(1).max(128);

/** Schema of a moment as Kubernetes writes it (RFC 3339, UTC). */
export const timeSchema = z.string().max(40).meta({ format: 'date-time' });

/** Schema of a `metav1.Condition`. */
export const conditionSchema = z.object({
  type: z.string().max(316),
  status: z.enum(['True', 'False', 'Unknown']),
  observedGeneration: z.int().min(0).optional(),
  lastTransitionTime: timeSchema,
  reason: z.string().min(1).max(1024),
  message: z.string().max(32768),
});

/** One condition of a status. */
export type Condition = z.output<typeof conditionSchema>;

/** Schema of the conditions of a status: a map by type. */
export const conditionsSchema = z
  .array(conditionSchema)
  .max(16)
  .meta({ 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['type'] });

/** What every object of ours carries besides spec and status; a part of `metav1.ObjectMeta`. */
export interface ObjectMeta {
  readonly name: string;
  readonly namespace: string;
  readonly uid: string;
  readonly resourceVersion: string;
  readonly generation: number;
  readonly creationTimestamp: string;
  readonly deletionTimestamp?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
}

// SPDX-License-Identifier: Apache-2.0
import { z } from 'zod';
import { DURATION_PATTERN, durationMs } from '../domain/duration.ts';
import { listBy, ruled } from './rule.ts';

/** API group of every kind of ours. */
export const GROUP = 'homeostat.dev';
/** The one served version. */
export const VERSION = 'v1alpha1';
/** `apiVersion` of every object of ours. */
export const API_VERSION = `${GROUP}/${VERSION}`;

/** CEL that is true when a field holds a duration: `duration()` fails on anything else. */
export const celIsDuration = (field: string): string => `${field}.matches(r'${DURATION_PATTERN}')`;

/**
 * Builds the schema of a duration such as `90s`, at most 32 characters.
 * @param from smallest value, such as `1s`
 * @param to largest value
 */
export const durationFrom = (from: string, to = '8760h') => {
  const message = `must be a duration from ${from} to ${to}, such as 90s or 1h30m`;
  return ruled(
    z
      .string()
      .max(32, { error: message, abort: true })
      .regex(new RegExp(DURATION_PATTERN), { error: message, abort: true }),
    {
      cel: `${celIsDuration('self')} && duration(self) >= duration('${from}') && duration(self) <= duration('${to}')`,
      holds: (text) => durationMs(text) >= durationMs(from) && durationMs(text) <= durationMs(to),
      message,
    },
  );
};

/** Schema of any duration up to a year; `0s` is one. */
export const durationSchema = durationFrom('0s');

/** What {@link countOrPercentSchema} says to anything else. */
const COUNT_OR_PERCENT = 'must be a count such as 2 or a percentage from 0% to 100%, such as "40%"';
const COUNT_OR_PERCENT_PATTERN = /^((100|[0-9]{1,2})%|[0-9]+)$/;

/** Schema of a count or a percentage, as Kubernetes writes it: `2` or `"40%"`. */
export const countOrPercentSchema = ruled(
  z.union(
    [
      z.int32({ error: COUNT_OR_PERCENT }).min(0, { error: COUNT_OR_PERCENT }),
      z
        .string()
        .max(10, { error: COUNT_OR_PERCENT })
        .regex(COUNT_OR_PERCENT_PATTERN, { error: COUNT_OR_PERCENT }),
    ],
    { error: COUNT_OR_PERCENT },
  ),
  {
    cel: `type(self) == int ? int(self) >= 0 : string(self).matches(r'${COUNT_OR_PERCENT_PATTERN.source}')`,
    holds: () => true,
    message: COUNT_OR_PERCENT,
  },
);

/** A count or a percentage. */
export type CountOrPercent = z.output<typeof countOrPercentSchema>;

/** Schema of a name of ours inside a list: a DNS label. */
export const nameSchema = z
  .string()
  .min(1)
  .max(63)
  .regex(/^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/, {
    error: 'must be a DNS label: lower case letters, digits and dashes, such as web-1',
  });

/** Schema of the name of a Kubernetes object. */
export const objectNameSchema = z
  .string()
  .min(1)
  .max(253)
  .regex(/^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/, {
    error: 'must be the name of an object: lower case letters, digits, dashes and dots',
  });

/** Schema of a uid. */
export const uidSchema = z.string().min(1).max(128);

const TIME =
  /^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]{1,9})?Z$/;

/** February 30 passes the pattern; the API server refuses it by the format, this by the calendar. */
const isInCalendar = (text: string): boolean => {
  const ms = Date.parse(`${text.slice(0, 10)}T00:00:00Z`);
  return !Number.isNaN(ms) && new Date(ms).toISOString().startsWith(text.slice(0, 10));
};

/** Schema of a moment as Kubernetes writes it (RFC 3339, UTC). */
export const timeSchema = z
  .string()
  .max(40)
  .regex(TIME, { error: 'must be a time in UTC such as 2026-06-01T12:00:00Z', abort: true })
  .refine(isInCalendar, 'must be a day that exists')
  .meta({ format: 'date-time' });

/** Schema of a `metav1.Condition`. */
export const conditionSchema = z.object({
  type: z.string().max(316).describe('What the condition is about, one CamelCase word.'),
  status: z.enum(['True', 'False', 'Unknown']).describe('Whether it holds; Unknown is not False.'),
  observedGeneration: z
    .int()
    .min(0)
    .optional()
    .describe('Generation of the object that the condition was computed from.'),
  lastTransitionTime: timeSchema.describe('When the status last changed.'),
  reason: z.string().min(1).max(1024).describe('Why, one CamelCase word for programs.'),
  message: z.string().max(32768).describe('Why, for people.'),
});

/** One condition of a status. */
export type Condition = z.output<typeof conditionSchema>;

/** Schema of the conditions of a status: a map by type. */
export const conditionsSchema = listBy('type', conditionSchema, { max: 16 });

/** Schema of the generation of a spec, as a status reports it. */
export const observedGenerationSchema = z
  .int()
  .min(0)
  .optional()
  .describe('Generation of the spec that this status was computed from.');

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

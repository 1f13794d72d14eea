// SPDX-License-Identifier: Apache-2.0
/**
 * Objects of ours from whatever came in: the object with its defaults, or everything that is wrong
 * with it, each with its place and a sentence. The verdict is the API server's: nulls are dropped and
 * unknown fields pruned before anything is judged, as it does.
 */
import { z } from 'zod';
import {
  type HealingPolicy,
  healingPolicySpecSchema,
  healingPolicyStatusSchema,
} from './healing-policy.ts';
import { API_VERSION, objectNameSchema } from './scalars.ts';

/** One thing that is wrong with an object. */
export interface Problem {
  /** Place as the API server writes it, for example `spec.targets[0].name`. */
  readonly path: string;
  /** What must be, for example `must be one of Observe, DryRun, Auto, not "Always"`. */
  readonly message: string;
}

/** An object, or what is wrong with it. */
export type Parsed<T> =
  | { readonly kind: 'ok'; readonly value: T }
  | { readonly kind: 'problems'; readonly problems: readonly [Problem, ...Problem[]] };

/** Writes a problem as one sentence: `spec.mode` must be ... */
export const problemText = ({ path, message }: Problem): string =>
  `\`${path}\`${message.startsWith('`') ? ': ' : ' '}${message}`;

const MAX_QUOTED = 64;

const quoted = (value: unknown): string => {
  const text = JSON.stringify(value) ?? String(value);
  return text.length > MAX_QUOTED ? `${text.slice(0, MAX_QUOTED)}...` : text;
};

const NOUNS: Readonly<Record<string, string>> = { string: 'characters', array: 'items' };

const amount = (origin: string, limit: number | bigint): string =>
  NOUNS[origin] === undefined ? String(limit) : `${limit} ${NOUNS[origin]}`;

/** Says what zod has no own sentence for; schemas with a message of their own come first. */
const sentence = (issue: z.core.$ZodRawIssue): string => {
  switch (issue.code) {
    case 'invalid_type':
      return issue.input === undefined
        ? 'is required'
        : `must be of type ${issue.expected}, not ${quoted(issue.input)}`;
    case 'invalid_value':
      return issue.input === undefined
        ? 'is required'
        : `must be one of ${issue.values.join(', ')}, not ${quoted(issue.input)}`;
    case 'too_small':
      return `must ${NOUNS[issue.origin] === undefined ? 'be' : 'have'} at least ${amount(issue.origin, issue.minimum)}`;
    case 'too_big':
      return `must ${NOUNS[issue.origin] === undefined ? 'be' : 'have'} at most ${amount(issue.origin, issue.maximum)}`;
    case 'invalid_format':
      return `must match ${issue.pattern ?? issue.format}, not ${quoted(issue.input)}`;
    case 'invalid_key':
      return 'must have shorter keys';
    default:
      return `is not valid: ${quoted(issue.input)}`;
  }
};

const pathText = (path: readonly PropertyKey[]): string =>
  path.reduce<string>(
    (text, step) =>
      typeof step === 'number'
        ? `${text}[${step}]`
        : text === ''
          ? String(step)
          : `${text}.${String(step)}`,
    '',
  );

/** Drops properties that are null, as the API server does before it fills in defaults. */
const withoutNulls = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(withoutNulls);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, each]) => each !== null)
      .map(([key, each]) => [key, withoutNulls(each)]),
  );
};

const textMap = z.record(z.string(), z.string());

const metadataSchema = z.object({
  name: objectNameSchema,
  namespace: z.string().default('default'),
  uid: z.string().default(''),
  resourceVersion: z.string().default(''),
  generation: z.number().default(0),
  creationTimestamp: z.string().default(''),
  deletionTimestamp: z.string().optional(),
  labels: textMap.optional(),
  annotations: textMap.optional(),
});

/** Fields that are undefined are left out: with exact optional properties that differs from absent. */
const compact = <T extends object>(value: T) =>
  Object.fromEntries(Object.entries(value).filter(([, each]) => each !== undefined)) as T;

/**
 * Reads a HealingPolicy, from the API server or a file; a file lacks what the server would set
 * (uid, versions), which is left empty. A status that cannot be read is left out: it is a view.
 * @param specSchema with the registered detectors; by default those of this version
 */
export const parseHealingPolicy = (
  raw: unknown,
  specSchema: z.ZodType<HealingPolicy['spec']> = healingPolicySpecSchema,
): Parsed<HealingPolicy> => {
  const schema = z.object({
    apiVersion: z.literal(API_VERSION),
    kind: z.literal('HealingPolicy'),
    metadata: metadataSchema,
    spec: specSchema,
    status: z.unknown().optional(),
  });
  const parsed = schema.safeParse(withoutNulls(raw), { error: sentence });
  if (!parsed.success) {
    const [first, ...rest] = parsed.error.issues.map(({ path, message }) => ({
      path: pathText(path) || 'the object',
      message,
    }));
    return { kind: 'problems', problems: [first as Problem, ...rest] };
  }
  const status = healingPolicyStatusSchema.safeParse(parsed.data.status);
  const metadata = compact(parsed.data.metadata) as HealingPolicy['metadata'];
  return {
    kind: 'ok',
    value: {
      metadata,
      spec: parsed.data.spec,
      ...(status.success ? { status: status.data } : {}),
    },
  };
};

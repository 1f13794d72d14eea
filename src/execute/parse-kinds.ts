// SPDX-License-Identifier: Apache-2.0
/** Raw objects of our own kinds, checked against the schemas they were admitted by. */
import {
  type HealingAction,
  healingActionSpecSchema,
  healingActionStatusSchema,
} from '../api/healing-action.ts';
import {
  type HealingPolicy,
  healingPolicyStatusSchema,
  storedPolicySpecSchema,
} from '../api/healing-policy.ts';
import type { ObjectMeta } from '../api/scalars.ts';
import { at, countAt, textAt, textsAt } from './raw-json.ts';

/** Reads `metadata`; `null` when name, namespace, uid or resourceVersion is missing. */
export const parseMeta = (raw: unknown): ObjectMeta | null => {
  const meta = at(raw, 'metadata');
  const [name, namespace, uid, resourceVersion] = [
    textAt(meta, 'name'),
    textAt(meta, 'namespace'),
    textAt(meta, 'uid'),
    textAt(meta, 'resourceVersion'),
  ];
  if ([name, namespace, uid, resourceVersion].includes('')) return null;
  const deletionTimestamp = textAt(meta, 'deletionTimestamp');
  return {
    name,
    namespace,
    uid,
    resourceVersion,
    generation: countAt(meta, 0, 'generation'),
    creationTimestamp: textAt(meta, 'creationTimestamp'),
    ...(deletionTimestamp === '' ? {} : { deletionTimestamp }),
    labels: textsAt(meta, 'labels'),
    annotations: textsAt(meta, 'annotations'),
  };
};

/** Reads a HealingAction; `null` when it is none, or of a version with phases unknown to us. */
export const parseHealingAction = (raw: unknown): HealingAction | null => {
  const metadata = parseMeta(raw);
  const spec = healingActionSpecSchema.safeParse(at(raw, 'spec'));
  if (metadata === null || !spec.success) return null;
  const rawStatus = at(raw, 'status');
  if (rawStatus === undefined) return { metadata, spec: spec.data };
  const status = healingActionStatusSchema.safeParse(rawStatus);
  return status.success ? { metadata, spec: spec.data, status: status.data } : null;
};

/** Says what of a policy's spec does not hold together; `null`: it does. */
export const policyFault = (raw: unknown): string | null => {
  const { error } = storedPolicySpecSchema.safeParse(at(raw, 'spec'));
  if (error === undefined) return null;
  const [first] = error.issues;
  return `${['spec', ...(first?.path ?? [])].map(String).join('.')}: ${first?.message ?? 'cannot be read'}`;
};

/** Reads a HealingPolicy with its defaults filled in; `null` when it does not hold together. */
export const parseHealingPolicy = (raw: unknown): HealingPolicy | null => {
  const metadata = parseMeta(raw);
  const spec = storedPolicySpecSchema.safeParse(at(raw, 'spec'));
  if (metadata === null || !spec.success) return null;
  const status = healingPolicyStatusSchema.safeParse(at(raw, 'status') ?? {});
  return { metadata, spec: spec.data, ...(status.success ? { status: status.data } : {}) };
};

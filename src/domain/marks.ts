// SPDX-License-Identifier: Apache-2.0
/**
 * The marks that people set on their own objects to hold us back. Each is read so that a typing
 * mistake holds back more, never less: `protected: "True"` protects, `max-mode: auto` observes.
 */

/** Labels or annotations of one object. */
export type Marks = Readonly<Record<string, string>>;

/** Namespace annotation: no policy acts here. Any value but `false` freezes. */
export const FREEZE = 'homeostat.dev/freeze';
/** Label or annotation of a pod, workload or namespace: never act on it. Any value but `false` protects. */
export const PROTECTED = 'homeostat.dev/protected';
/** Annotation of a pod, workload or namespace: `disabled` keeps us off; only `enabled` means the opposite. */
export const HEAL = 'homeostat.dev/heal';
/** Namespace annotation: the most powerful mode that policies of this namespace may have. */
export const MAX_MODE = 'homeostat.dev/max-mode';

/** Tells whether a mark is set: present with any value but `false`. */
export const isMarked = (marks: Marks, name: string): boolean => {
  const value = Object.hasOwn(marks, name) ? marks[name] : undefined;
  return value !== undefined && value !== 'false';
};

/** Tells whether {@link HEAL} keeps us off: present with any value but `enabled`. */
export const isHealingDisabled = (annotations: Marks): boolean =>
  Object.hasOwn(annotations, HEAL) && annotations[HEAL] !== 'enabled';

/** Names the mark of an object that keeps us off, for a person; `null`: it carries none. */
export const protectingMark = (object: {
  readonly labels: Marks;
  readonly annotations: Marks;
}): string | null => {
  if (isMarked(object.labels, PROTECTED)) return `the label \`${PROTECTED}\``;
  if (isMarked(object.annotations, PROTECTED)) return `the annotation \`${PROTECTED}\``;
  return isHealingDisabled(object.annotations)
    ? `the annotation \`${HEAL}\` that is not \`enabled\``
    : null;
};

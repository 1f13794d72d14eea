// SPDX-License-Identifier: Apache-2.0
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { structuralSchema } from '../../src/api/crd-schema.ts';
import { healingPolicySpecSchema } from '../../src/api/healing-policy.ts';
import { BLOCK_REASONS } from '../../src/domain/verdict.ts';
import { type GuardId, guards } from '../../src/plan/guards/index.ts';
import type { Generator } from './generator.ts';
import { code, kebab, page, table } from './markdown.ts';
import { fieldRows } from './schema-rows.ts';

const FOLDER = join(import.meta.dirname, '../../src/plan/guards');

/** Fields of the policy that a guard reads, beside targets, triggers and actions. */
const FIELDS: Readonly<Record<GuardId, readonly string[]>> = {
  leader: [],
  notPaused: ['spec.suspend', 'spec.pauseRequests', 'spec.mode'],
  protected: [],
  sameTarget: ['spec.targets', 'spec.triggers', 'spec.actions'],
  fresh: [],
  corroborated: [],
  noStorm: ['spec.safety.storm.unhealthyAbove', 'spec.safety.storm.cooldown'],
  minHealthy: ['spec.safety.minHealthy'],
  breaker: [
    'spec.safety.breaker.failures',
    'spec.safety.breaker.window',
    'spec.safety.breaker.openFor',
  ],
  recurrence: ['spec.safety.recurrence.max', 'spec.safety.recurrence.window'],
  cooldown: ['spec.safety.cooldown.perTarget', 'spec.safety.cooldown.perAction'],
  budget: ['spec.safety.maxConcurrent', 'spec.safety.budgets'],
  ownership: [],
  conflict: ['spec.priority'],
  rehearsalAccepted: [],
};

const INTRO = `Every plan is asked these questions, in this order, over one snapshot of facts that was read for it. The
first that does not pass wins, and then nothing is sent. A fact that could not be read does not pass:
its reason is \`FactMissing\`. The guards are asked again before every request to the target.

Refused before a record exists: no HealingAction is written, the Incident says why, and one Event tells
it when the reason is new. Refused after that: the record ends as Blocked.

Before the last guard the action's requests are sent as a dry run, which the API server judges with
admission and disruption budgets.`;

/** The reasons that the source of a guard names: what it can refuse with. */
const reasonsOf = (id: GuardId): readonly string[] => {
  const source = readFileSync(join(FOLDER, `${kebab(id)}.ts`), 'utf8');
  return BLOCK_REASONS.filter((reason) => source.includes(`'${reason}'`));
};

const checkedFields = (): ReadonlyMap<string, readonly string[]> => {
  const known = new Set(
    fieldRows(structuralSchema(healingPolicySpecSchema, 'spec'), 'spec').map(({ path }) => path),
  );
  for (const field of Object.values(FIELDS).flat()) {
    if (!known.has(field)) throw new Error(`no field ${field}: correct FIELDS of the guards page`);
  }
  return new Map(Object.entries(FIELDS));
};

/** Generates the page of guards. */
export const referenceGuards: Generator = {
  id: 'reference-guards',
  folder: 'docs/reference',
  suffix: 'guards.md',
  files: () => {
    const fields = checkedFields();
    const rows = guards.map(({ id, title }, index) => [
      String(index + 1),
      `[${id}](../../src/plan/guards/${kebab(id)}.ts)`,
      title,
      (fields.get(id) ?? []).map(code).join(', '),
      reasonsOf(id).map(code).join(', '),
    ]);
    const heads = ['', 'Guard', 'Asks', 'Fields of the policy', 'Refuses with'];
    const parts = [INTRO, table(heads, rows)];
    return new Map([['guards.md', page('src/plan/guards', 'Guards', parts)]]);
  },
};

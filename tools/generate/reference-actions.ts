// SPDX-License-Identifier: Apache-2.0
import type { Action } from '../../src/execute/action.ts';
import { actions } from '../../src/execute/actions/index.ts';
import { strategies } from '../../src/plan/strategies/index.ts';
import type { Generator } from './generator.ts';
import { code, kebab, page, table } from './markdown.ts';

const INTRO = `An action is what a policy may do, named in \`spec.actions[]\`. A strategy proposes it; the
[guards](guards.md) decide. The chart's roles hold the rights below.`;

const section = (action: Action): string =>
  [
    `## ${action.id}`,
    `${action.title} One record, one effect (\`${action.effect}\`).`,
    `Undo: none. ${action.undoUnavailableReason}`,
    'Rights on the target that it needs:',
    table(
      ['API group', 'Resources', 'Verbs'],
      action.rbac.map((rule) => [
        rule.apiGroups.map((group) => code(group === '' ? 'core' : group)).join(', '),
        rule.resources.map(code).join(', '),
        rule.verbs.map(code).join(', '),
      ]),
    ),
    `File: [src/execute/actions/${kebab(action.id)}.ts](../../src/execute/actions/${kebab(action.id)}.ts).`,
  ].join('\n\n');

/** Generates the page of actions. */
export const referenceActions: Generator = {
  id: 'reference-actions',
  folder: 'docs/reference',
  suffix: 'actions.md',
  files: () => {
    const parts = [
      INTRO,
      ...(actions as readonly Action[]).map(section),
      '## Strategies',
      table(
        ['Strategy', 'What it proposes'],
        strategies.map(({ id, title }) => [code(id), `${title}.`]),
      ),
    ];
    return new Map([['actions.md', page('src/execute/actions', 'Actions', parts)]]);
  },
};

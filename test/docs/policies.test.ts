// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { structuralSchema } from '../../src/api/crd-schema.ts';
import { healingPolicySpecSchema } from '../../src/api/healing-policy.ts';
import { parseHealingPolicy } from '../../src/api/parse.ts';
import { ruleRows } from '../../tools/generate/schema-rows.ts';
import { textOf } from './markdown.ts';
import { examples } from './yaml-examples.ts';

describe('YAML in examples/ and in the pages', () => {
  it.each(examples().map(({ where, text }) => [where, text] as const))('%s is YAML', (_, text) => {
    const documents = parseAllDocuments(text);
    expect(documents.length).toBeGreaterThan(0);
    for (const { errors, warnings } of documents) expect([...errors, ...warnings]).toEqual([]);
  });

  const policies = examples().filter(({ text }) => /^kind: HealingPolicy$/m.test(text));

  it('holds policies in examples/, in the README and in a how-to', () => {
    const places = policies.map(({ where }) => where).join('\n');
    for (const place of ['examples/policies/', 'README.md', 'docs/howto/']) {
      expect(places).toContain(place);
    }
  });

  it.each(policies.map(({ where, text }) => [where, text] as const))(
    '%s is a policy without a problem',
    (_, text) => {
      for (const document of parseAllDocuments(text)) {
        const parsed = parseHealingPolicy(document.toJSON());
        expect(parsed).toMatchObject({ kind: 'ok' });
      }
    },
  );
});

describe('docs/howto/write-a-policy.md', () => {
  it('quotes refusals word for word', () => {
    const table = textOf('docs/howto/write-a-policy.md').split('## When it is refused')[1] ?? '';
    const answers = [...table.matchAll(/^\| .* \| (must .*|`.*) \|$/gm)].map(
      ([, answer]) => answer,
    );
    expect(answers.length).toBe(2);
    const messages = ruleRows(structuralSchema(healingPolicySpecSchema, 'spec'), 'spec').map(
      ({ message }) => message,
    );
    expect(messages).toEqual(expect.arrayContaining(answers));
  });
});

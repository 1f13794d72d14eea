// SPDX-License-Identifier: Apache-2.0
import { customResourceDefinition } from '../../src/api/crd.ts';
import type { Kind } from '../../src/api/kinds.ts';
import { GROUP, VERSION } from '../../src/api/scalars.ts';
import type { StructuralSchema } from '../../src/api/structural-schema.ts';
import type { Generator } from './generator.ts';
import { table } from './markdown.ts';
import { registeredKinds } from './registered.ts';
import { fieldRows, ruleRows } from './schema-rows.ts';

const fieldTable = (schema: StructuralSchema, path: string): string =>
  table(
    ['Field', 'Type', 'Default', 'Meaning'],
    fieldRows(schema, path).map((row) => [
      `\`${row.path}\``,
      row.type,
      row.isRequired ? 'required' : row.default === undefined ? '' : `\`${row.default}\``,
      row.meaning,
    ]),
  );

const ruleTable = (schema: StructuralSchema, path: string): string =>
  table(
    ['Field', 'Rule'],
    ruleRows(schema, path).map((row) => [`\`${row.path}\``, row.message]),
  );

const UNKNOWN_FIELDS = `A field that is not listed here is refused by \`kubectl\`, which asks the API server to be strict
(\`--validate=strict\` is its default). A client that does not ask for that gets a warning at most, and
the API server drops the field: what you read back is what is in force.`;

/** Writes the reference page of a kind. */
export const specPage = (kind: Kind): string => {
  const [version] = customResourceDefinition(kind).spec.versions;
  const { spec, status } = version?.schema.openAPIV3Schema.properties ?? {};
  const parts = [
    '<!-- Generated from src/api by `npm run gen`; do not edit. -->',
    `# ${kind.kind}`,
    kind.description,
    `API version \`${GROUP}/${VERSION}\`, namespaced. \`kubectl get ${kind.plural}\`, short \`${kind.shortName}\`; \`kubectl get homeostat\` lists all kinds of the group. The same texts: \`kubectl explain ${kind.singular}.spec\`.`,
    UNKNOWN_FIELDS,
    '## Spec',
    fieldTable(spec ?? {}, 'spec'),
    '## Rules',
    'Each is checked by the API server when an object is written; what breaks one is refused with this sentence.',
    ruleTable(spec ?? {}, 'spec'),
    '## Status',
    fieldTable(status ?? {}, 'status'),
    '## Columns',
    table(
      ['Column', 'From', 'Meaning'],
      kind.columns.map((column) => [
        column.name,
        `\`${column.jsonPath}\``,
        `${column.description}${column.priority === 1 ? ' Only with `-o wide`.' : ''}`,
      ]),
    ),
    `Field selectors: ${kind.selectable.map((path) => `\`${path.slice(1)}\``).join(', ')}.`,
  ];
  return `${parts.join('\n\n')}\n`;
};

/** Generates the reference pages of the kinds. */
export const specDocs: Generator = {
  id: 'spec-docs',
  folder: `docs/spec/${VERSION}`,
  suffix: '.md',
  files: () => new Map(registeredKinds().map((kind) => [`${kind.singular}.md`, specPage(kind)])),
};

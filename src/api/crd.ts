// SPDX-License-Identifier: Apache-2.0
import { structuralSchema } from './crd-schema.ts';
import type { Kind } from './kinds.ts';
import { GROUP, VERSION } from './scalars.ts';

/** Text that `kubectl explain` shows for the fields that every object has. */
const OBJECT_FIELDS = {
  apiVersion: { type: 'string', description: `${GROUP}/${VERSION}` },
  kind: { type: 'string', description: 'Kind of the object.' },
  metadata: { type: 'object' },
};

/**
 * Builds the CustomResourceDefinition of a kind.
 * @throws SchemaError when a schema has no faithful structural counterpart
 */
export const customResourceDefinition = (kind: Kind) => ({
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name: `${kind.plural}.${GROUP}` },
  spec: {
    group: GROUP,
    scope: 'Namespaced',
    names: {
      kind: kind.kind,
      listKind: `${kind.kind}List`,
      plural: kind.plural,
      singular: kind.singular,
      shortNames: [kind.shortName],
      categories: ['homeostat'],
    },
    versions: [
      {
        name: VERSION,
        served: true,
        storage: true,
        subresources: { status: {} },
        additionalPrinterColumns: kind.columns,
        selectableFields: kind.selectable.map((jsonPath) => ({ jsonPath })),
        schema: {
          openAPIV3Schema: {
            type: 'object',
            description: kind.description,
            required: ['spec'],
            properties: {
              ...OBJECT_FIELDS,
              spec: structuralSchema(kind.spec, 'spec'),
              status: structuralSchema(kind.status, 'status'),
            },
          },
        },
      },
    ],
  },
});

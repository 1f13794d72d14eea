// SPDX-License-Identifier: Apache-2.0
import { stringify } from 'yaml';
import { customResourceDefinition } from '../../src/api/crd.ts';
import type { Kind } from '../../src/api/kinds.ts';
import { GROUP } from '../../src/api/scalars.ts';
import type { Generator } from './generator.ts';
import { registeredKinds } from './registered.ts';

const HEADER = '# Generated from src/api by `npm run gen`; do not edit.\n';

/** Writes the CustomResourceDefinition of a kind as YAML. */
export const crdYaml = (kind: Kind): string =>
  HEADER +
  stringify(customResourceDefinition(kind), { lineWidth: 0, aliasDuplicateObjects: false });

/** Generates `crds/`. */
export const crds: Generator = {
  id: 'crds',
  folder: 'crds',
  suffix: '.yaml',
  files: () =>
    new Map(registeredKinds().map((kind) => [`${kind.plural}.${GROUP}.yaml`, crdYaml(kind)])),
};

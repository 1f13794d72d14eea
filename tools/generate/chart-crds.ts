// SPDX-License-Identifier: Apache-2.0
import { isMap, parseDocument } from 'yaml';
import { GROUP } from '../../src/api/scalars.ts';
import { crdYaml } from './crds.ts';
import type { Generator } from './generator.ts';
import { registeredKinds } from './registered.ts';

/** Marks a CustomResourceDefinition as one that `helm uninstall` leaves: with it all objects would go. */
const kept = (crd: string): string => {
  const document = parseDocument(crd);
  const metadata = document.get('metadata');
  if (!isMap(metadata)) throw new Error('a CustomResourceDefinition must have metadata');
  metadata.set('annotations', document.createNode({ 'helm.sh/resource-policy': 'keep' }));
  return document.toString({ lineWidth: 0 });
};

/** Generates the chart's copies of `crds/`. */
export const chartCrds: Generator = {
  id: 'chart-crds',
  folder: 'charts/homeostat/files/crds',
  suffix: '.yaml',
  files: () =>
    new Map(registeredKinds().map((kind) => [`${kind.plural}.${GROUP}.yaml`, kept(crdYaml(kind))])),
};

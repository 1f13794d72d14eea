// SPDX-License-Identifier: Apache-2.0
// The chart's default rendering as plain manifests for `kubectl apply -k`: a file for each kind, without
// the marks of Helm. The CustomResourceDefinitions beside them come from `npm run gen`.
import { join } from 'node:path';
import { parse, stringify } from 'yaml';
import { ensureBinaries } from '../../test/rig/toolchain/ensure-binaries.ts';
import { runCommand } from '../../test/rig/toolchain/run-command.ts';
import { manifestCrds } from '../generate/manifest-crds.ts';

const root = join(import.meta.dirname, '../..');
const NAMESPACE = 'homeostat-system';

/** Is where the manifests lie. */
export const MANIFESTS_FOLDER = join(root, 'manifests');

const HEADER = '# Generated from charts/homeostat by `make manifests`; do not edit.\n';

const namespaceYaml = stringify({
  apiVersion: 'v1',
  kind: 'Namespace',
  metadata: {
    name: NAMESPACE,
    labels: {
      'app.kubernetes.io/name': 'homeostat',
      'pod-security.kubernetes.io/enforce': 'restricted',
    },
  },
});

/** What only Helm reads. */
const HELM_LINES = [
  /^ +helm\.sh\/chart: .*\n/gm,
  /^ +app\.kubernetes\.io\/managed-by: .*\n/gm,
  /^# Source: .*\n/gm,
];

const withoutHelm = (text: string): string =>
  HELM_LINES.reduce((rest, line) => rest.replaceAll(line, ''), text);

/** Splits a rendering into its objects, as text with their comments. Throws on one without a kind. */
const objectsOf = (rendering: string): readonly { kind: string; text: string }[] =>
  rendering
    .split(/^---$/m)
    .map((text) => withoutHelm(text).trim())
    .filter((text) => text !== '')
    .map((text) => {
      const { kind } = (parse(text) ?? {}) as { kind?: unknown };
      if (typeof kind !== 'string') throw new Error(`an object without a kind:\n${text}`);
      return { kind, text };
    });

/** Renders the chart with its default values, without hooks. Throws what helm says when it fails. */
const renderChart = async (): Promise<string> => {
  const { helm } = await ensureBinaries(['helm']);
  const args = ['template', 'homeostat', join(root, 'charts/homeostat'), '-n', NAMESPACE];
  const { code, stdout, stderr } = await runCommand(helm, [
    ...args,
    '--no-hooks',
    '--set',
    'crds.enabled=false',
  ]);
  if (code !== 0) throw new Error(`helm template failed: ${stderr}`);
  return stdout;
};

/** Renders the manifests but the CustomResourceDefinitions: content by file name. */
export const renderManifests = async (): Promise<ReadonlyMap<string, string>> => {
  const files = new Map([['namespace.yaml', HEADER + namespaceYaml]]);
  const byKind = Map.groupBy(objectsOf(await renderChart()), ({ kind }) => kind);
  for (const [kind, objects] of byKind) {
    const texts = objects.map(({ text }) => text);
    files.set(`${kind.toLowerCase()}.yaml`, `${HEADER}${texts.join('\n---\n')}\n`);
  }
  const kustomization = stringify({
    apiVersion: 'kustomize.config.k8s.io/v1beta1',
    kind: 'Kustomization',
    namespace: NAMESPACE,
    resources: [
      ...[...manifestCrds.files().keys()].map((name) => `crds/${name}`),
      ...[...files.keys()].sort(),
    ],
  });
  return new Map([['kustomization.yaml', HEADER + kustomization], ...files]);
};

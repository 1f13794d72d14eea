// SPDX-License-Identifier: Apache-2.0
import { stringify } from 'yaml';
import { type Grant, rbac } from '../../src/rbac.ts';
import type { Generator } from './generator.ts';

const HEADER =
  '# Generated from src/rbac.ts and the registered actions by `npm run gen`; do not edit.';

const inLine = (list: readonly string[]): string =>
  stringify(list, {
    collectionStyle: 'flow',
    flowCollectionPadding: false,
    lineWidth: 0,
  }).trimEnd();

const ruleYaml = ({ why, ...rule }: Grant): string => {
  const fields = Object.entries(rule).map(([name, list]) => `${name}: ${inLine(list)}`);
  return `# ${why}\n- ${fields.join('\n  ')}`;
};

/** Writes rules as the `rules` of a role, each with its reason. */
export const rulesYaml = (grants: readonly Grant[]): string =>
  `${[HEADER, ...grants.map(ruleYaml)].join('\n')}\n`;

/** Generates the rules of the chart's roles, a file for each scope. */
export const chartRbac: Generator = {
  id: 'chart-rbac',
  folder: 'charts/homeostat/files',
  suffix: '-rules.yaml',
  files: () =>
    new Map([
      ['cluster-rules.yaml', rulesYaml(rbac.cluster)],
      ['own-namespace-rules.yaml', rulesYaml(rbac.own)],
      ['watched-rules.yaml', rulesYaml(rbac.watched)],
    ]),
};

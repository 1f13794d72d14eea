// SPDX-License-Identifier: Apache-2.0
import { flagOf, SETTINGS, variableOf } from '../../src/config.ts';
import type { Generator } from './generator.ts';
import { code, page, table } from './markdown.ts';

const INTRO = `Every setting of the operator is a flag and an environment variable; the flag wins. In the cluster the
chart sets them ([values](../../charts/homeostat/README.md)); \`npm start -- --help\` prints this table.
What is wrong is reported with its row, and the process ends with exit code 2.`;

const settings = Object.keys(SETTINGS) as (keyof typeof SETTINGS)[];

/** Generates the page of settings. */
export const referenceConfiguration: Generator = {
  id: 'reference-configuration',
  folder: 'docs/reference',
  suffix: 'configuration.md',
  files: () => {
    const rows = settings.map((name) => [
      code(flagOf(name)),
      code(variableOf(name)),
      code(SETTINGS[name].default),
      SETTINGS[name].help,
    ]);
    const parts = [INTRO, table(['Flag', 'Variable', 'Default', 'Meaning'], rows)];
    return new Map([['configuration.md', page('src/config.ts', 'Configuration', parts)]]);
  },
};

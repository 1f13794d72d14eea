// SPDX-License-Identifier: Apache-2.0
/**
 * Writes everything that is generated, or with `--check` says what differs and fails:
 * `node tools/generate.ts [--check]`.
 */
import { join } from 'node:path';
import { generators } from './generate/index.ts';
import { differences, generate } from './generate/run-generator.ts';

const root = join(import.meta.dirname, '..');
const [option, ...rest] = process.argv.slice(2);
if (rest.length > 0 || (option !== undefined && option !== '--check')) {
  console.error('usage: node tools/generate.ts [--check]');
  process.exit(2);
}

let different = 0;
for (const generator of generators) {
  const found = await (option === '--check' ? differences : generate)(generator, root);
  for (const { path, kind, summary } of found) console.log(`${kind.padEnd(8)} ${path}: ${summary}`);
  different += found.length;
}
if (option === '--check' && different > 0) {
  console.error(`${different} generated files differ: run \`npm run gen\` and commit the result`);
  process.exit(1);
}

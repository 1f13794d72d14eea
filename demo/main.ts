// SPDX-License-Identifier: Apache-2.0
/** `make demo`: watch a real leak found, a pod healed, and the proof. */
import { parseArgs } from 'node:util';
import { runDemo } from './run-demo.ts';
import type { NodeChoice } from './stage.ts';

const USAGE = 'usage: node demo/main.ts [--short] [--node=auto|real|process]';

const isNodeChoice = (text: string): text is NodeChoice =>
  ['auto', 'real', 'process'].includes(text);

const main = async (): Promise<number> => {
  const { values } = parseArgs({
    options: {
      short: { type: 'boolean', default: false },
      node: { type: 'string', default: 'auto' },
    },
  });
  if (!isNodeChoice(values.node)) {
    console.error(USAGE);
    return 2;
  }
  const { isProven } = await runDemo({
    isShort: values.short,
    node: values.node,
    write: (text) => process.stdout.write(text),
    isColoured: process.stdout.isTTY && process.env['NO_COLOR'] === undefined,
  });
  console.log(
    isProven ? '\nEverything above happened.' : '\nNot everything happened: see the rows marked ✗.',
  );
  return isProven ? 0 : 1;
};

try {
  process.exitCode = await main();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}

// SPDX-License-Identifier: Apache-2.0
// `make demo SHORT=1` on a process node: it runs on every machine.
import { expect, it } from 'vitest';
import { runDemo } from '../../demo/run-demo.ts';

it('proves one rehearsed and one live heal of a real leak on a process node', async () => {
  const { kind, rows } = await runDemo({
    isShort: true,
    node: 'process',
    write: (text) => process.stdout.write(text),
    isColoured: false,
  });
  expect(kind).toBe('process');
  expect(rows.length).toBeGreaterThan(5);
  expect(rows.filter(({ holds }) => !holds)).toEqual([]);
});

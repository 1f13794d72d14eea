// SPDX-License-Identifier: Apache-2.0
// `make demo SHORT=1` on a real node: the chart as a user installs it, both replicas from our image in
// a namespace that enforces restricted, OTLP by the name of the Service, the rights of the
// ServiceAccount and no other, and a leak that is healed.
import { expect, it } from 'vitest';
import { runDemo } from '../../demo/run-demo.ts';
import { reasonToSkipRealNode } from '../rig/real-node/requirements.ts';

const skip = await reasonToSkipRealNode();
if (skip !== undefined) console.warn(skip);

it.skipIf(skip !== undefined)(
  'proves one rehearsed and one live heal of a real leak on a real node',
  async () => {
    const { kind, rows } = await runDemo({
      isShort: true,
      node: 'real',
      write: (text) => process.stdout.write(text),
      isColoured: false,
    });
    expect(kind).toBe('real');
    expect(rows.length).toBeGreaterThan(5);
    expect(rows.filter(({ holds }) => !holds)).toEqual([]);
  },
);

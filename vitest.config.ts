// SPDX-License-Identifier: Apache-2.0
import { defineConfig } from 'vitest/config';
import { CountReporter } from './tools/count-reporter.ts';

/** Deadlines are generous: the machines that run this are slow and shared. */
const MINUTE = 60_000;

/** One kind of test. Kinds run one after the other, in this order; files of a serial kind too. */
const kinds = [
  { name: 'unit', minutes: 1, serial: false },
  { name: 'contract', minutes: 2, serial: false },
  { name: 'docs', minutes: 5, serial: true },
  { name: 'rig', minutes: 15, serial: true },
  { name: 'cluster', minutes: 10, serial: true },
  { name: 'scenario', minutes: 20, serial: true },
  { name: 'chart', minutes: 20, serial: true },
] as const;

export default defineConfig({
  test: {
    reporters: ['default', new CountReporter()],
    projects: kinds.map(({ name, minutes, serial }, order) => ({
      test: {
        name,
        include: [`test/${name}/**/*.test.ts`],
        globalSetup: ['test/require-node-24.ts'],
        testTimeout: minutes * MINUTE,
        hookTimeout: minutes * MINUTE,
        fileParallelism: !serial,
        pool: 'forks',
        sequence: { groupOrder: order },
      },
    })),
  },
});

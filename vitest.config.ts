// SPDX-License-Identifier: Apache-2.0
import { defineConfig } from 'vitest/config';
import { CountReporter } from './tools/count-reporter.ts';

/** Deadlines are generous: the machines that run this are slow and shared. */
const MINUTE = 60_000;

/**
 * The kinds of test. Groups run one after the other, the kinds of a group together, on two workers.
 * Cluster and scenario tests mostly wait, so two files of them share a machine well; the rig's tests
 * look at what is left behind on the machine, and the chart's build the image: those run alone.
 */
const kinds = [
  { name: 'unit', minutes: 1, group: 0, workers: 2 },
  { name: 'contract', minutes: 2, group: 0, workers: 2 },
  { name: 'docs', minutes: 5, group: 1, workers: 1 },
  { name: 'rig', minutes: 15, group: 2, workers: 1 },
  { name: 'cluster', minutes: 15, group: 3, workers: 2 },
  { name: 'scenario', minutes: 20, group: 3, workers: 2 },
  { name: 'chart', minutes: 20, group: 4, workers: 1 },
] as const;

export default defineConfig({
  test: {
    reporters: ['default', new CountReporter()],
    projects: kinds.map(({ name, minutes, group, workers }) => ({
      test: {
        name,
        include: [`test/${name}/**/*.test.ts`],
        globalSetup: ['test/require-node-24.ts'],
        testTimeout: minutes * MINUTE,
        hookTimeout: minutes * MINUTE,
        maxWorkers: workers,
        pool: 'forks',
        sequence: { groupOrder: group },
      },
    })),
  },
});

// SPDX-License-Identifier: Apache-2.0
import { defineConfig } from 'vitest/config';

/** Deadlines are generous: the machines that run this are slow and shared. */
const MINUTE = 60_000;

const project = (name: string, testTimeout: number, serial: boolean) => ({
  test: {
    name,
    include: [`test/${name}/**/*.test.ts`],
    globalSetup: ['test/require-node-24.ts'],
    testTimeout,
    hookTimeout: Math.max(testTimeout, MINUTE),
    fileParallelism: !serial,
    pool: 'forks' as const,
  },
});

export default defineConfig({
  test: {
    reporters: ['default'],
    projects: [
      project('unit', MINUTE, false),
      project('contract', MINUTE, false),
      project('rig', 15 * MINUTE, true),
      project('cluster', 10 * MINUTE, true),
      project('scenario', 20 * MINUTE, true),
      project('chart', 20 * MINUTE, true),
      project('docs', 5 * MINUTE, true),
    ],
  },
});

// SPDX-License-Identifier: Apache-2.0
/** Entry of the analysis worker thread: telemetry knowledge and detectors together. */
import { parentPort, workerData } from 'node:worker_threads';
import { AnalysisLoop } from './analysis-loop.ts';
import type { AnalysisWorkerData } from './analysis-messages.ts';
import { DETECTORS } from './analyze/detectors/index.ts';
import { systemClock } from './instrumentation/system-clock.ts';

if (parentPort === null) throw new Error('must run as a worker thread');
await new AnalysisLoop({
  port: parentPort,
  data: workerData as AnalysisWorkerData,
  detectors: DETECTORS,
  clock: systemClock,
}).run();

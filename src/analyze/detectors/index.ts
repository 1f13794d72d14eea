// SPDX-License-Identifier: Apache-2.0
/** The registry of detectors, sorted by id. */
import type { Detector } from '../detector.ts';
import { memoryLeak } from './memory-leak.ts';

/** Every detector that a policy can name in a trigger. */
export const DETECTORS: readonly Detector[] = [memoryLeak];

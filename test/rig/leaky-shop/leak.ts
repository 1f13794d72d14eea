// SPDX-License-Identifier: Apache-2.0
// What the simulated containers of the shop hold, as a function of time: nothing is allocated, and
// nothing kills them at their limit, so a test that is slow only finds a leak that is further on.

/** One simulated pod with its one container. */
export interface ShopPod {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  /** Deployment that it belongs to. */
  readonly workload: string;
  /** Start of its container, Unix time in milliseconds. */
  readonly startedAtMs: number;
  readonly isReady: boolean;
}

const MIB = 2 ** 20;

/** The leak: 4 MiB a second from 60 MiB, so the limit would be reached after 40 s. */
export const LEAK = {
  baseBytes: 60 * MIB,
  bytesPerSecond: 4 * MIB,
  limitText: '220Mi',
} as const;

/** Time between two samples in milliseconds: two for each bucket of one second. */
export const SAMPLE_MS = 500;
const NOISE_BYTES = 0.3 * MIB;

/** A number in [-1, 1) that is always the same for the same pod and time. */
const noise = (uid: string, timeMs: number): number => {
  let hash = 2_166_136_261;
  for (const character of `${uid}/${timeMs}`) {
    hash = Math.imul(hash ^ (character.codePointAt(0) ?? 0), 16_777_619) >>> 0;
  }
  return (Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d) >>> 0) / 2 ** 31 - 1;
};

/** Returns the bytes that a container holds at a time. */
export const bytesAt = (pod: ShopPod, isLeaking: boolean, timeMs: number): number => {
  const seconds = Math.max(0, timeMs - pod.startedAtMs) / 1000;
  const leaked = isLeaking ? LEAK.bytesPerSecond * seconds : 0;
  return Math.round(LEAK.baseBytes + leaked + NOISE_BYTES * noise(pod.uid, timeMs));
};

/** Returns the times of all samples from `fromMs` to `toMs`, on a fixed grid. */
export const sampleTimes = (fromMs: number, toMs: number): readonly number[] => {
  const first = Math.ceil(fromMs / SAMPLE_MS);
  const count = Math.max(0, Math.floor(toMs / SAMPLE_MS) - first + 1);
  return Array.from({ length: count }, (_, index) => (first + index) * SAMPLE_MS);
};

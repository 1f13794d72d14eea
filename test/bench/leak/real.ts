// SPDX-License-Identifier: Apache-2.0
/** Real series: six runs of real software ageing, and two days of a shop without an injected leak. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { bucketsOf } from '../../unit/knowledge/view-of.ts';
import type { Life } from './families.ts';
import { PER_BUCKET, RESOLUTION_MS, type Tape } from './replay.ts';

const MIB = 1_048_576;
/** Samples at the start of an ageing run that are the load of the model. */
const MODEL_LOAD = 6;
const HEADROOM = 1.4;

/** A real series as one life. */
export interface RealCase {
  readonly tape: Tape;
  readonly life: Pick<Life, 'from' | 'to' | 'pod' | 'restartCount'>;
  readonly hours: number;
}

const readRows = (path: string): Record<string, string>[] => {
  const [head = '', ...lines] = gunzipSync(readFileSync(path)).toString('utf8').trim().split('\n');
  const names = head.split(',');
  return lines.map((line) => {
    const cells = line.split(',');
    return Object.fromEntries(names.map((name, i) => [name, cells[i] ?? '']));
  });
};

const caseOf = (name: string, timesMs: number[], bytes: number[], limitBytes: number): RealCase => {
  const startMs = Math.floor(timesMs[0]! / RESOLUTION_MS) * RESOLUTION_MS;
  const length = Math.floor((timesMs.at(-1)! - startMs) / RESOLUTION_MS) + 1;
  const buckets = bucketsOf(
    { timeMs: timesMs, value: bytes },
    { startMs, stepMs: RESOLUTION_MS, length },
  );
  return {
    tape: { buckets, requests: null, limitBytes, name },
    life: { from: 0, to: length * PER_BUCKET, pod: 0, restartCount: 0 },
    hours: (timesMs.at(-1)! - timesMs[0]!) / 3_600_000,
  };
};

/** Reads the ageing runs; the limit is 1.4 times the highest value. */
export const ageingRuns = (root: string): RealCase[] => {
  const folder = join(root, 'memory/llm-aging');
  return readdirSync(folder)
    .filter((file) => file.endsWith('.csv.gz'))
    .sort()
    .map((file) => {
      const rows = readRows(join(folder, file)).slice(MODEL_LOAD);
      const bytes = rows.map((row) => Number(row['usedMemory']));
      const times = rows.map((row) => Date.parse(`${row['currentTime']?.replace(' ', 'T')}Z`));
      const limit = HEADROOM * bytes.reduce((high, value) => Math.max(high, value), 0);
      return caseOf(file.replace('.csv.gz', ''), times, bytes, limit);
    });
};

/** Reads the shop's pods; those that report nothing but 0 are dropped. */
export const quietPods = (root: string): RealCase[] => {
  const folder = join(root, 'memory/nezha-trainticket');
  return readdirSync(folder)
    .filter((file) => file.endsWith('.csv.gz'))
    .sort()
    .flatMap((file) => {
      const pods = Map.groupBy(readRows(join(folder, file)), (row) => row['pod'] ?? '');
      return [...pods].flatMap(([pod, rows]) => {
        const used = rows.filter((row) => Number(row['memory_rate_pct']) > 0);
        if (used.length < rows.length / 2) return [];
        const limits = used.map(
          (row) => (Number(row['memory_mib']) / Number(row['memory_rate_pct'])) * 100 * MIB,
        );
        const limit = limits.sort((a, b) => a - b)[limits.length >> 1]!;
        const times = used.map((row) => Number(row['timestamp_s']) * 1_000);
        const bytes = used.map((row) => Number(row['memory_mib']) * MIB);
        return [caseOf(`${file.slice(0, 10)}/${pod}`, times, bytes, limit)];
      });
    });
};

/** Finds the folder of the real series: given, or none. */
export const findRealData = (given: string | undefined): { root: string } | { missing: string } => {
  if (given === undefined || given === '') {
    return {
      missing: 'no data given (`--data DIR` or HOMEOSTAT_DATA=DIR, the folder with memory/)',
    };
  }
  for (const root of [given, join(given, 'series')]) {
    if (existsSync(join(root, 'memory'))) return { root };
  }
  return { missing: `no folder memory/ in ${given}` };
};

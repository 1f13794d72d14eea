// SPDX-License-Identifier: Apache-2.0
/**
 * Precision, recall and false positive rate of the leak detector beside two baselines, over generated
 * families and real series. `node test/bench/leak.ts [--quick] [--seeds N] [--first N] [--data DIR]
 * [--json FILE]`. The detector is tuned on seeds below 5000 only; reports begin at 5000.
 */
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { byLine, byMannKendall } from './leak/baselines.ts';
import {
  drawTrace,
  type Family,
  type Life,
  NEGATIVE,
  POSITIVE,
  type Variant,
} from './leak/families.ts';
import { ageingRuns, findRealData, quietPods, type RealCase } from './leak/real.ts';
import {
  type Answer,
  PER_BUCKET,
  RESOLUTION_MS,
  recordTape,
  replayLife,
  type Tape,
} from './leak/replay.ts';
import { Score } from './leak/score.ts';

interface Row {
  readonly id: string;
  readonly value: number;
  readonly unit: string;
  /** What this project aims at; `null`: reported without a goal. */
  readonly goal: number | null;
  readonly better: 'higher' | 'lower';
}

type Run = (tape: Tape, life: Pick<Life, 'from' | 'to' | 'pod' | 'restartCount'>) => Answer;

const DETECTORS: Readonly<Record<string, Run>> = {
  MemoryLeak: replayLife,
  'MK z>4': byMannKendall,
  'MK+R2>0.8 x2': byLine,
};

const GOALS: Readonly<Record<Variant, { precision: number; recall: number; fpr: number }>> = {
  standard: { precision: 0.93, recall: 0.9, fpr: 0.09 },
  hard: { precision: 0.81, recall: 0.82, fpr: 0.17 },
  rough: { precision: 0.93, recall: 0.9, fpr: 0.09 },
};

const { values: flags } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    seeds: { type: 'string' },
    first: { type: 'string', default: '5000' },
    data: { type: 'string' },
    json: { type: 'string' },
  },
});

const seeds = Number(flags.seeds ?? (flags.quick ? 8 : 60));
const first = Number(flags.first);
const variants: readonly Variant[] = flags.quick
  ? ['standard', 'hard']
  : ['standard', 'hard', 'rough'];
const rows: Row[] = [];
const began = performance.now();

const percent = (value: number): string => (Number.isNaN(value) ? '-' : (100 * value).toFixed(0));
const decimal = (value: number, digits = 2): string =>
  Number.isNaN(value) ? '-' : value.toFixed(digits);
const at = (values: readonly number[], p: number): number =>
  values.toSorted((a, b) => a - b)[Math.floor((values.length - 1) * p)] ?? Number.NaN;
const average = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length;

const progress = (text: string): void => {
  const seconds = ((performance.now() - began) / 1_000).toFixed(0);
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K[${seconds} s] ${text}`);
  else process.stderr.write(`[${seconds} s] ${text}\n`);
};

const table = (head: readonly string[], body: readonly (readonly string[])[]): void => {
  const widths = head.map((name, i) => Math.max(name.length, ...body.map((row) => row[i]!.length)));
  for (const row of [head, ...body]) {
    console.log(
      row
        .map((cell, i) => (i === 0 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!)))
        .join('  '),
    );
  }
  console.log('');
};

const score = (variant: Variant): Map<string, Score> => {
  const scores = new Map(Object.keys(DETECTORS).map((name) => [name, new Score()]));
  for (const family of [...POSITIVE, ...NEGATIVE]) {
    progress(`${variant}: ${family}, ${seeds} seeds`);
    for (let seed = first; seed < first + seeds; seed += 1) {
      const trace = drawTrace(family, variant, seed);
      const tape = recordTape(trace);
      for (const [name, run] of Object.entries(DETECTORS)) {
        scores.get(name)?.add(
          trace,
          trace.lives.map((life) => run(tape, life)),
        );
      }
    }
  }
  return scores;
};

const report = (variant: Variant, scores: Map<string, Score>): void => {
  console.log(
    `\n${variant}: ${POSITIVE.length + NEGATIVE.length} families, seeds ${first}..${first + seeds - 1}`,
  );
  table(
    [
      'detector',
      'precision',
      'recall',
      'FPR',
      'lead',
      'lead p10',
      'slope error',
      'slope in 90 %',
      'OOM in 80 %',
      'in 95 %',
    ],
    [...scores].map(([name, each]) => [
      name,
      decimal(each.precision, 3),
      decimal(each.recall, 3),
      decimal(each.falsePositiveRate, 3),
      decimal(at(each.leads, 0.5)),
      decimal(at(each.leads, 0.1)),
      decimal(at(each.slopeErrors, 0.5), 3),
      decimal(average(each.slopeCovered)),
      decimal(average(each.time80Covered)),
      decimal(average(each.time95Covered)),
    ]),
  );
  const families: readonly Family[] = [...POSITIVE, ...NEGATIVE];
  table(
    ['% alarmed', ...scores.keys(), 'counted'],
    families.map((family) => {
      const counts = [...scores.values()].map((each) => each.families.get(family));
      return [
        family,
        ...counts.map((row) => (row ? percent(row.alarmed / row.counted) : '-')),
        decimal(counts[0]?.counted ?? 0, 0),
      ];
    }),
  );
  const own = scores.get('MemoryLeak')!;
  const goal = GOALS[variant];
  rows.push(
    {
      id: `leak.${variant}.precision`,
      value: own.precision,
      unit: 'ratio',
      goal: goal.precision,
      better: 'higher',
    },
    {
      id: `leak.${variant}.recall`,
      value: own.recall,
      unit: 'ratio',
      goal: goal.recall,
      better: 'higher',
    },
    {
      id: `leak.${variant}.fpr`,
      value: own.falsePositiveRate,
      unit: 'ratio',
      goal: goal.fpr,
      better: 'lower',
    },
    {
      id: `leak.${variant}.lead`,
      value: at(own.leads, 0.5),
      unit: 'ratio',
      goal: 0.28,
      better: 'higher',
    },
    {
      id: `leak.${variant}.slopeError`,
      value: at(own.slopeErrors, 0.5),
      unit: 'ratio',
      goal: 0.07,
      better: 'lower',
    },
  );
};

const reportReal = (root: string): void => {
  const run = (
    title: string,
    cases: readonly RealCase[],
  ): Map<string, { case: RealCase; hours: number }[]> => {
    progress(`real: ${title}`);
    return new Map(
      Object.entries(DETECTORS).map(([name, detector]) => [
        name,
        cases.map((each) => {
          const { alarmBucket } = detector(each.tape, each.life);
          return { case: each, hours: (alarmBucket * RESOLUTION_MS) / 3_600_000 };
        }),
      ]),
    );
  };
  const ageing = run('ageing runs', ageingRuns(root));
  console.log('\nreal, ageing: hours until the alarm (limit 1.4 x maximum, first 6 samples cut)');
  const names = ageing.get('MemoryLeak')!.map((each) => each.case.tape.name);
  const lengths = ageing.get('MemoryLeak')!.map((each) => decimal(each.case.hours, 0));
  table(
    ['detector', ...names],
    [
      ['(length of the run)', ...lengths],
      ...[...ageing].map(([name, found]) => [
        name,
        ...found.map(({ hours }) => (Number.isFinite(hours) ? decimal(hours, 0) : 'never')),
      ]),
    ],
  );
  const pods = quietPods(root);
  const days = pods.reduce((sum, each) => sum + each.hours / 24, 0);
  const quiet = run('shop without a leak', pods);
  console.log(
    `real, Train-Ticket: alarms in ${pods.length} series, ${days.toFixed(1)} container-days, no leak injected`,
  );
  table(
    ['detector', 'alarms', 'series alarmed'],
    [...quiet].map(([name, found]) => {
      const alarmed = found.filter(({ hours }) => Number.isFinite(hours));
      const list = alarmed.map(({ case: each, hours }) => `${each.tape.name}@${hours.toFixed(0)}h`);
      return [name, String(alarmed.length), list.length > 4 ? '...' : list.join(' ')];
    }),
  );
  const count = (found: { hours: number }[]): number =>
    found.filter(({ hours }) => Number.isFinite(hours)).length;
  rows.push(
    {
      id: 'leak.real.ageing',
      value: count(ageing.get('MemoryLeak')!),
      unit: 'runs of 6',
      goal: 5,
      better: 'higher',
    },
    {
      id: 'leak.real.quiet',
      value: (100 * count(quiet.get('MemoryLeak')!)) / days,
      unit: 'alarms per 100 container-days',
      goal: 1,
      better: 'lower',
    },
  );
};

/** One analysis of a full window, median of many. */
const reportCost = (): void => {
  const tape = recordTape(drawTrace('N_daily', 'standard', first));
  const times: number[] = [];
  const life = { from: 0, to: tape.buckets.length * PER_BUCKET, pod: 0, restartCount: 0 };
  for (let round = 0; round < 5; round += 1) {
    const start = process.cpuUsage();
    replayLife(tape, life);
    const used = process.cpuUsage(start);
    times.push((used.user + used.system) / 1_000 / (tape.buckets.length / 2));
  }
  console.log(`cost: ${decimal(at(times, 0.5))} ms CPU for one analysis (median of 5 replays)`);
  rows.push({ id: 'leak.cost', value: at(times, 0.5), unit: 'ms CPU', goal: 2, better: 'lower' });
};

console.log(
  `Leak detector, resolution 5m, analysis every 10m, samples each minute, limit 512 MiB, Node ${process.version}.\n` +
    'A positive counts when it is detectable (5 deviations of the floor, or it runs out of memory); an\n' +
    'alarm before the onset is false; each series has weight 1. lead = share of onset..OOM left.',
);
for (const variant of variants) report(variant, score(variant));
const data = findRealData(flags.data ?? process.env['HOMEOSTAT_DATA']);
if ('root' in data) reportReal(data.root);
else console.log(`real series skipped: ${data.missing}`);
reportCost();
if (flags.json !== undefined) writeFileSync(flags.json, `${JSON.stringify(rows, null, 2)}\n`);
if (process.stderr.isTTY) process.stderr.write('\r\x1b[K');

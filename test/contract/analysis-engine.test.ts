// SPDX-License-Identifier: Apache-2.0
/** The engine with every registered detector, in this thread and under a virtual clock. */
import { describe, expect, it } from 'vitest';
import { DETECTORS } from '../../src/analyze/detectors/index.ts';
import { createEngine, engineSink, inProcessAnalysis } from '../../src/analyze/engine.ts';
import type { Binding } from '../../src/domain/analysis.ts';
import type { ContainerFacts } from '../../src/domain/entity.ts';
import type { Evidence } from '../../src/domain/evidence.ts';
import type { Batch } from '../../src/domain/telemetry.ts';

const MIB = 2 ** 20;
const LIMIT = 256 * MIB;
const START = 1_700_000_000_000;

const trigger = {
  policyUid: 'p',
  policyNamespace: 'shop',
  policyName: 'policy',
  trigger: 'leak',
};

const facts: ContainerFacts = {
  ref: { pod: { namespace: 'shop', name: 'web-1', uid: 'u1' }, workload: null, container: 'app' },
  templateHash: 'h',
  memoryLimitBytes: LIMIT,
  restartCount: 0,
  startedAtMs: START,
  podCreatedAtMs: START - 1_000,
  podReady: true,
  lastTermination: null,
};

const binding = (resolutionMs: number): Binding => ({
  trigger,
  detector: 'MemoryLeak',
  params: { resolution: `${resolutionMs}ms`, horizon: `${30 * resolutionMs}ms` },
  containers: ['u1/app'],
});

const batchOf = (timeMs: number, value: number): Batch => ({
  signal: 'metrics',
  receivedAtMs: timeMs,
  gauges: [
    {
      claim: { podUid: 'u1', container: 'app' },
      quantity: 'container.memory.working_set',
      timeMs,
      value,
    },
  ],
  requests: [],
  items: 1,
  rejected: 0,
  rejectionMessage: '',
});

interface Verdict {
  readonly step: number;
  readonly classification: string;
  readonly firing: boolean;
}

/** Feeds five samples per resolution of a curve over the age in resolutions; returns what changed. */
const watch = async (
  resolutionMs: number,
  steps: number,
  bytesAt: (age: number) => number,
): Promise<{ verdicts: readonly Verdict[]; evidence: readonly Evidence[] }> => {
  // Buckets start at multiples of the resolution: the scaled run must start at one too.
  let nowMs = Math.ceil(START / resolutionMs) * resolutionMs;
  const startMs = nowMs;
  const engine = createEngine({ detectors: DETECTORS });
  const clock = { wallMs: () => nowMs };
  const analysis = inProcessAnalysis(engine, clock);
  const sink = engineSink(engine, clock);
  const own = { ...facts, startedAtMs: startMs, podCreatedAtMs: startMs - resolutionMs };
  analysis.apply([{ kind: 'upsert', podUid: 'u1', containers: [own] }]);
  analysis.bind([binding(resolutionMs)]);
  const verdicts: Verdict[] = [];
  const all: Evidence[] = [];
  for (let step = 1; step <= steps * 5; step++) {
    nowMs = startMs + (step * resolutionMs) / 5;
    const answer = await sink.offer(batchOf(nowMs, bytesAt(step / 5)));
    expect(answer).toEqual({ kind: 'accepted' });
    for (const evidence of analysis.tick()) {
      all.push(evidence);
      const { classification, firing } = evidence;
      verdicts.push({ step, classification, firing });
    }
  }
  return { verdicts, evidence: all };
};

const leak = (age: number): number => 60 * MIB + age * 2.4 * MIB;
const flat = (age: number): number => 60 * MIB + ((age * 7_919) % 1) * MIB;

describe('AnalysisEngine with the registered detectors', () => {
  it('finds a leak from its samples before the memory is gone, and not before the minimum age', async () => {
    const { evidence, verdicts } = await watch(2_000, 75, leak);
    const first = evidence.find((each) => each.firing);
    expect(first).toBeDefined();
    expect(first!.classification).toMatch(/leak/);
    expect(first!.subject).toEqual(facts.ref);
    expect(first!.sampleIntervalMs).toBeCloseTo(400, 6);
    expect(verdicts.filter(({ step }) => step < 18 * 5).every(({ firing }) => !firing)).toBe(true);
  });

  it('leaves a flat container alone', async () => {
    const { verdicts } = await watch(2_000, 75, flat);
    expect(verdicts.length).toBeGreaterThan(30);
    expect(verdicts.filter(({ firing }) => firing)).toEqual([]);
  });

  it('gives the same verdicts when time, resolution and horizon are scaled together', async () => {
    const short = await watch(1_000, 60, leak);
    const long = await watch(300_000, 60, leak);
    expect(long.verdicts).toEqual(short.verdicts);
    expect(short.verdicts.some(({ firing }) => firing)).toBe(true);
  });

  it.each(DETECTORS.map((detector) => [detector.id]))('%s gives nothing on an empty view', (id) => {
    const engine = createEngine({ detectors: DETECTORS });
    engine.bind([{ trigger, detector: id, params: {}, containers: [] }]);
    expect(engine.tick(START)).toEqual([]);
    expect(engine.failures()).toEqual([]);
  });
});

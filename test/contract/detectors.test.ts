// SPDX-License-Identifier: Apache-2.0
/** What every registered detector must hold, whatever it looks for. */
import { existsSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { Detector } from '../../src/analyze/detector.ts';
import { DETECTORS } from '../../src/analyze/detectors/index.ts';
import type { Evidence } from '../../src/domain/evidence.ts';
import type { GaugeQuantity } from '../../src/domain/telemetry.ts';
import type { KnowledgeView } from '../../src/knowledge/view.ts';
import { Random } from '../../src/theory/series/random.ts';
import { type ContainerSpec, factsOf, gaugeOf, viewOf } from '../unit/knowledge/view-of.ts';

const TRIGGER = { policyUid: 'p', policyNamespace: 'shop', policyName: 'p', trigger: 't' };
const MIB = 1_048_576;
const QUANTITIES: readonly GaugeQuantity[] = [
  'container.memory.working_set',
  'container.memory.rss',
  'process.memory.usage',
];
const AGE = 120;
const START = 10_000;

/** Containers that grow, rest, have no limit, no data, or do not run. */
const specs = (resolutionMs: number, nowMs: number): ContainerSpec[] => {
  const gauges = (seed: number, growth: number) => {
    const random = new Random(seed);
    const rate = 5;
    const samples = {
      timeMs: Array.from({ length: AGE * rate }, (_, i) => (START + i / rate) * resolutionMs),
      value: Array.from(
        { length: AGE * rate },
        (_, i) => (60 + (growth * i) / rate + random.normal()) * MIB,
      ),
    };
    const gauge = gaugeOf(samples, { resolutionMs, nowMs, windowBuckets: 288 });
    return Object.fromEntries(QUANTITIES.map((quantity) => [quantity, gauge]));
  };
  const named = (name: string, changes: Parameters<typeof factsOf>[0] = {}) => {
    const facts = factsOf({ startedAtMs: START * resolutionMs, ...changes });
    return { ...facts, ref: { ...facts.ref, pod: { ...facts.ref.pod, name, uid: `uid-${name}` } } };
  };
  const { startMs } = gauges(0, 0)['container.memory.rss']!.buckets;
  const requests = { startMs, stepMs: resolutionMs, count: new Float64Array(288).fill(40) };
  return [
    { facts: named('grows'), gauges: gauges(1, 1.2), requests },
    { facts: named('rests'), gauges: gauges(2, 0), requests },
    { facts: named('no-limit', { memoryLimitBytes: null }), gauges: gauges(3, 1.2) },
    { facts: named('no-data'), gauges: {} },
    { facts: named('not-running', { startedAtMs: null }), gauges: gauges(4, 1.2) },
  ];
};

const deepFreeze = <T>(value: T): T => {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value;
  // A typed array with elements cannot be frozen; it is compared before and after instead.
  if (!ArrayBuffer.isView(value)) {
    Object.freeze(value);
    for (const each of Object.values(value)) deepFreeze(each);
  }
  return value;
};

const sceneFor = (detector: Detector) => {
  const bound = detector.bind({}, TRIGGER);
  const { resolutionMs } = bound;
  const nowMs = (START + AGE) * resolutionMs;
  const all = specs(resolutionMs, nowMs);
  return { bound, resolutionMs, nowMs, all, view: viewOf(resolutionMs, all) };
};

const numbersOf = (evidence: Evidence): [string, number][] => [
  ...Object.entries(evidence.measures),
  ['newestSampleMs', evidence.newestSampleMs],
  ['sampleIntervalMs', evidence.sampleIntervalMs],
  ['samples', evidence.samples],
  ['window.fromMs', evidence.window.fromMs],
  ['window.toMs', evidence.window.toMs],
];

describe('the registry of detectors', () => {
  it('is not empty, sorted, and without repeated ids', () => {
    const ids = DETECTORS.map(({ id }) => id);
    expect(ids.length).toBeGreaterThan(0);
    expect(ids).toEqual([...new Set(ids)].sort());
  });

  it.each(DETECTORS.map(({ id }) => id))(
    'has a file and a test for %s under its kebab name',
    (id) => {
      const kebab = id.replace(/(?<=[a-z0-9])(?=[A-Z])/g, '-').toLowerCase();
      const root = new URL('../../', import.meta.url);
      expect(existsSync(new URL(`src/analyze/detectors/${kebab}.ts`, root))).toBe(true);
      expect(existsSync(new URL(`test/unit/analyze/detectors/${kebab}.test.ts`, root))).toBe(true);
    },
  );
});

describe.each(DETECTORS.map((detector) => [detector.id, detector] as const))(
  '%s',
  (_, detector) => {
    it('names its source, title and needs', () => {
      expect(detector.reference.length).toBeGreaterThan(10);
      expect(detector.title.length).toBeGreaterThan(3);
      expect(detector.needs.length).toBeGreaterThan(0);
    });

    it('has defaults for every parameter and refuses unknown ones', () => {
      expect(detector.params.safeParse({}).success).toBe(true);
      expect(() => detector.bind({ noSuchParameter: 1 }, TRIGGER)).toThrow();
    });

    it('gives no evidence for an empty view', () => {
      const { bound, resolutionMs, nowMs } = sceneFor(detector);
      expect(bound.detect(viewOf(resolutionMs, []), nowMs)).toEqual([]);
    });

    it('gives equal evidence for the same view twice, and from a fresh instance', () => {
      const { bound, nowMs, view } = sceneFor(detector);
      const first = bound.detect(view, nowMs);
      expect(first.length).toBeGreaterThan(0);
      expect(bound.detect(view, nowMs)).toEqual(first);
      expect(detector.bind({}, TRIGGER).detect(view, nowMs)).toEqual(first);
    });

    it('says the same about each container in any order of containers', () => {
      const { resolutionMs, nowMs, all } = sceneFor(detector);
      const tell = (specsInOrder: ContainerSpec[]) =>
        detector
          .bind({}, TRIGGER)
          .detect(viewOf(resolutionMs, specsInOrder), nowMs)
          .toSorted((a, b) => a.subject.pod.uid.localeCompare(b.subject.pod.uid));
      expect(tell(all.toReversed())).toEqual(tell(all));
    });

    it('works on frozen input and changes none of it', () => {
      const { bound, nowMs, all, resolutionMs } = sceneFor(detector);
      const before = structuredClone(all);
      const view: KnowledgeView = deepFreeze(viewOf(resolutionMs, deepFreeze(all)));
      expect(() => bound.detect(view, nowMs)).not.toThrow();
      expect(all).toEqual(before);
    });

    it('gives finite numbers only, but for a time to OOM, and evidence that crosses threads', () => {
      const { bound, nowMs, view, all } = sceneFor(detector);
      const found = bound.detect(view, nowMs);
      const subjects = new Set(all.map(({ facts }) => facts.ref.pod.uid));
      for (const evidence of found) {
        for (const [name, value] of numbersOf(evidence)) {
          if (name.endsWith('TimeToOomMs')) expect(value, name).not.toBeNaN();
          else expect(Number.isFinite(value), `${name} = ${value}`).toBe(true);
        }
        expect(structuredClone(evidence)).toEqual(evidence);
        expect(evidence.detector).toBe(detector.id);
        expect(evidence.trigger).toEqual(TRIGGER);
        expect(subjects.has(evidence.subject.pod.uid)).toBe(true);
        expect(evidence.summary).toMatch(/\S/);
      }
    });

    it('is unknown and silent where data or facts are missing, and never fires at first sight', () => {
      const { bound, nowMs, view } = sceneFor(detector);
      for (const evidence of bound.detect(view, nowMs)) {
        expect(evidence.firing).toBe(false);
        if (['no-data', 'not-running', 'no-limit'].includes(evidence.subject.pod.name)) {
          expect(evidence.classification).toBe('unknown');
        }
      }
    });

    it('holds state for the containers of the view only', () => {
      const { bound, nowMs, resolutionMs, all } = sceneFor(detector);
      const step = bound.analysisIntervalMs;
      // Confirmations gathered before a container left the view must not count when it returns.
      bound.detect(viewOf(resolutionMs, all), nowMs - 2 * step);
      bound.detect(viewOf(resolutionMs, all), nowMs - step);
      bound.detect(viewOf(resolutionMs, []), nowMs - step);
      const back = bound.detect(viewOf(resolutionMs, all), nowMs);
      expect(back).toEqual(detector.bind({}, TRIGGER).detect(viewOf(resolutionMs, all), nowMs));
    });
  },
);

// SPDX-License-Identifier: Apache-2.0
/**
 * Senders cannot prove who they are yet. Whoever speaks against the true sender of a container must
 * get no action and no all-clear: the answer is that nobody knows.
 */
import { describe, expect, it } from 'vitest';
import { DETECTORS } from '../../src/analyze/detectors/index.ts';
import { createEngine } from '../../src/analyze/engine.ts';
import { DEFAULT_STORE_LIMITS } from '../../src/knowledge/store.ts';
import { Normaliser } from '../../src/monitor/otlp/normalise.ts';
import { feed, point, WORKING_SET } from '../fixtures/otlp/feed.ts';
import { gauge, metricsRequest, POD } from '../fixtures/otlp/samples.ts';

const MIB = 2 ** 20;
const START = 1_800_000_000_000;
const STEP = 1_000;
const STEPS = 90;
const SAMPLES = 4;

type Send = (timeMs: number, mib: number, resource?: Record<string, string>) => void;

/** Runs a container that leaks for sure beside a second sender, and gives the verdicts from a step on. */
const verdictsFrom = (
  from: number,
  disturb: (send: Send, timeMs: number, sample: number) => void,
  options: { truth?: (step: number) => number; rate?: number } = {},
): ReadonlySet<string> => {
  const rate = { samplesPerSecond: options.rate ?? 50, burst: options.rate ?? 8_192 };
  const engine = createEngine({
    detectors: DETECTORS,
    limits: { ...DEFAULT_STORE_LIMITS, rate },
  });
  const normaliser = new Normaliser();
  engine.apply([
    {
      kind: 'upsert',
      podUid: POD['k8s.pod.uid'],
      containers: [
        {
          ref: {
            pod: { namespace: 'shop', name: 'web-1', uid: POD['k8s.pod.uid'] },
            workload: null,
            container: 'web',
          },
          templateHash: 'h',
          memoryLimitBytes: 256 * MIB,
          restartCount: 0,
          startedAtMs: START,
          podCreatedAtMs: START,
          podReady: true,
          lastTermination: null,
        },
      ],
    },
  ]);
  engine.bind([
    {
      trigger: { policyUid: 'p', policyNamespace: 'shop', policyName: 'policy', trigger: 'leak' },
      detector: 'MemoryLeak',
      params: { resolution: '1s', horizon: '60s' },
      containers: [`${POD['k8s.pod.uid']}/web`],
    },
  ]);
  const send: Send = (timeMs, mib, resource = POD) => {
    const asInt = String(Math.round(mib * MIB));
    const request = metricsRequest([gauge(WORKING_SET, [point(timeMs, { asInt })])], resource);
    engine.ingest(feed(normaliser, 'metrics', request, timeMs), timeMs);
    normaliser.commit();
  };
  const truth = options.truth ?? ((step) => 60 + 1.5 * step);
  const verdicts = new Set<string>();
  for (let step = 0; step < STEPS; step += 1) {
    for (let sample = 0; sample < SAMPLES; sample += 1) {
      const timeMs = START + step * STEP + (sample * STEP) / SAMPLES;
      send(timeMs, truth(step + sample / SAMPLES));
      disturb(send, timeMs, step * SAMPLES + sample);
    }
    for (const { classification, firing } of engine.tick(START + (step + 1) * STEP)) {
      if (step >= from) verdicts.add(firing ? `${classification}, firing` : classification);
    }
  }
  return verdicts;
};

const OTHER = { ...POD, 'service.instance.id': 'other' };
const BY_NAME = {
  'k8s.pod.name': 'web-1',
  'k8s.namespace.name': 'shop',
  'k8s.container.name': 'web',
};
const flat = (): number => 60;

describe('contested telemetry', () => {
  it('is no obstacle where there is none', () => {
    expect(verdictsFrom(60, () => undefined)).toContain('leak, firing');
    expect(verdictsFrom(60, () => undefined, { truth: flat })).toEqual(new Set(['noise']));
  });

  it.each([
    ['under the same uid', OTHER],
    ['by namespace and name', BY_NAME],
  ])('gives no all-clear when another sender says that nothing grows, %s', (_, resource) => {
    const verdicts = verdictsFrom(60, (send, timeMs) => send(timeMs + 10, 60, resource));
    expect(verdicts).toEqual(new Set(['unknown']));
  });

  it.each([
    ['under the same uid', OTHER],
    ['by namespace and name', BY_NAME],
  ])('gives no alarm when another sender invents a leak, %s', (_, resource) => {
    const invent = (send: Send, timeMs: number, sample: number): void =>
      send(timeMs + 10, 60 + (1.5 * sample) / SAMPLES, resource);
    expect(verdictsFrom(60, invent, { truth: flat })).toEqual(new Set(['unknown']));
  });

  it('gives no all-clear when a flood under the same identity starves the true samples', () => {
    const flood = (send: Send, timeMs: number): void => {
      for (let copy = 1; copy <= 8; copy += 1) send(timeMs + copy, 60);
    };
    expect(verdictsFrom(60, flood, { rate: 20 })).toEqual(new Set(['unknown']));
  });

  it('lets two agents report the same figures', () => {
    const twin = (send: Send, timeMs: number, sample: number): void =>
      send(timeMs + 10, 60 + (1.5 * sample) / SAMPLES, OTHER);
    expect(verdictsFrom(60, twin)).toContain('leak, firing');
  });

  it('is over when the other sender has been quiet for as long as a verdict takes', () => {
    const early = (send: Send, timeMs: number): void => {
      if (timeMs < START + 20 * STEP) send(timeMs + 10, 200, OTHER);
    };
    expect(verdictsFrom(24, early)).toContain('unknown');
    expect(verdictsFrom(70, early)).toContain('leak, firing');
  });
});

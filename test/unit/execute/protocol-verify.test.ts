// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import type { AnalysisAnswer } from '../../../src/domain/analysis.ts';
import { observedPod } from '../../../src/execute/pod-facts.ts';
import { begin, step } from '../../../src/execute/protocol.ts';
import type { Now, Reply, Transition } from '../../../src/execute/protocol-state.ts';
import { findReplacement } from '../../../src/execute/protocol-verify.ts';
import { rawPod } from './raw-objects.ts';
import { record, SPEC } from './records.ts';

const pod = (fields: Parameters<typeof rawPod>[0]) => observedPod(rawPod(fields))!;
const YOUNG = '2026-03-01T12:00:00Z';
const young = (fields: Parameters<typeof rawPod>[0] = {}) =>
  pod({ uid: 'pod-9', name: 'web-9', creationTimestamp: YOUNG, ...fields });

describe('findReplacement', () => {
  const find = (...pods: Parameters<typeof findReplacement>[1]) =>
    findReplacement(record(), pods)?.facts.uid ?? null;

  it('takes a pod that was made in the second of the record or later', () => {
    expect(find(young())).toBe('pod-9');
    expect(find(young({ creationTimestamp: '2026-03-01T11:59:59Z' }))).toBeNull();
  });

  it.each([
    ['is the target', young({ uid: 'pod-1' })],
    ['was there before', young({ uid: 'pod-2' })],
    ['is being deleted', young({ deletionTimestamp: YOUNG })],
  ])('takes no pod that %s', (_, candidate) => {
    expect(find(candidate)).toBeNull();
  });

  it('prefers a Ready pod, then the oldest', () => {
    const later = young({ uid: 'later', creationTimestamp: '2026-03-01T12:00:09Z' });
    const notReady = young({ uid: 'not-ready', ready: false });
    expect(find(later, notReady, young())).toBe('pod-9');
    expect(find(later, notReady)).toBe('later');
    expect(find(notReady)).toBe('not-ready');
  });

  it('takes only the pod of the same name for a StatefulSet', () => {
    const workload = { ...SPEC.workload, kind: 'StatefulSet' };
    const stateful = record(undefined, { spec: { workload } });
    const same = young({ name: 'web-1' });
    expect(findReplacement(stateful, [young(), same])?.facts.name).toBe('web-1');
    expect(findReplacement(stateful, [young()])).toBeNull();
  });
});

const T0 = Date.parse('2026-03-01T12:00:05Z');
const now = (ms: number): Now => ({ wallMs: T0 + ms, monoMs: 9_000 + ms });
const READY = '2026-03-01T12:00:03Z';

const verifying = () =>
  record({
    phase: 'Verifying',
    admittedAt: '2026-03-01T12:00:01.000Z',
    actedAt: '2026-03-01T12:00:02.000Z',
    replacement: { name: 'web-9', uid: 'pod-9', readyAt: new Date(READY).toISOString() },
    verification: { startedAt: new Date(T0).toISOString(), samples: 0 },
  });

const well: Reply = {
  kind: 'kube',
  reply: {
    kind: 'ok',
    status: 200,
    body: rawPod({
      uid: 'pod-9',
      name: 'web-9',
      creationTimestamp: YOUNG,
      readySince: READY,
      memory: '1000',
      container: { state: { running: { startedAt: '2026-03-01T12:00:02Z' } } },
    }),
  },
};

const samplesAnswer = (count: number, floorBytes: number): Reply => {
  const row = { count, newestMs: T0 + 20_000, newestValue: 1, floorBytes };
  const quantities = [
    { quantity: 'container.memory.rss', ...row, count: 99 },
    { quantity: 'container.memory.working_set', ...row },
  ] as const;
  return { kind: 'answer', answer: { kind: 'samples', quantities } };
};

const evidenceAnswer = (lower80TimeToOomMs: number): Reply => {
  const evidence = { measures: { lower80TimeToOomMs } };
  return { kind: 'answer', answer: { kind: 'evidence', evidence } as unknown as AnalysisAnswer };
};

const at = (ms: number): Transition =>
  begin(verifying(), { epoch: 1, holder: 'a' }, { wallMs: T0 + ms, monoMs: 9_000 + ms });

describe('a check of the verification', () => {
  it('asks for samples of the replacement since the effect, then for the newest of them', () => {
    let { state, request } = at(6_000);
    expect(request).toMatchObject({ request: { verb: 'get', resource: 'pods', name: 'web-9' } });
    ({ state, request } = step(state, well, now(6_000)));
    expect(request).toMatchObject({
      query: {
        kind: 'samples',
        podUid: 'pod-9',
        container: 'app',
        sinceMs: Date.parse('2026-03-01T12:00:02Z'),
      },
    });
    ({ state, request } = step(state, samplesAnswer(9, 100), now(6_000)));
    expect(request).toMatchObject({ query: { kind: 'samples', sinceMs: T0 + 16_000 } });
    ({ state, request } = step(state, samplesAnswer(4, 200), now(6_000)));
    expect(request).toEqual({ kind: 'wait', ms: 2_000, wake: 'time' });
  });

  it('judges by the floor of the newest samples, not of all', () => {
    let { state, request } = at(6_000);
    ({ state } = step(state, well, now(6_000)));
    ({ state } = step(state, samplesAnswer(9, 100), now(6_000)));
    ({ request } = step(state, samplesAnswer(4, 700), now(6_000)));
    expect(request).toMatchObject({
      request: { body: { status: { phase: 'Failed', reason: 'Ineffective' } } },
    });
  });

  it('takes samples of the quantity of the evidence only', () => {
    let { state, request } = at(0);
    ({ state } = step(state, well, now(26_000)));
    ({ state } = step(state, samplesAnswer(4, 100), now(26_000)));
    ({ request } = step(state, samplesAnswer(4, 100), now(26_000)));
    expect(request).toMatchObject({
      request: {
        body: {
          status: {
            phase: 'Inconclusive',
            reason: 'TooFewSamples',
            verification: { samples: 4, verdict: 'Inconclusive' },
          },
        },
      },
    });
  });

  it('waits for samples as long as a verification takes when it has only just begun to watch', () => {
    const check = (begunMs: number, nowMs: number): Transition => {
      let { state, request } = at(begunMs);
      ({ state } = step(state, well, now(nowMs)));
      ({ state } = step(state, samplesAnswer(4, 100), now(nowMs)));
      ({ state } = step(state, samplesAnswer(4, 100), now(nowMs)));
      const silent = { kind: 'answer', answer: { kind: 'evidence', evidence: null } } as const;
      ({ state, request } = step(state, silent, now(nowMs)));
      return { state, request };
    };
    // The window passed while nobody watched: what was sent meanwhile is not lost evidence.
    expect(check(100_000, 100_000).request).toEqual({ kind: 'wait', ms: 2_000, wake: 'time' });
    expect(check(100_000, 124_500).request).toEqual({ kind: 'wait', ms: 500, wake: 'time' });
    expect(check(100_000, 125_000).request).toMatchObject({
      request: { body: { status: { phase: 'Inconclusive', reason: 'TooFewSamples' } } },
    });
  });

  it('asks the detector once the replacement is 18 resolutions old, and believes it', () => {
    for (const [bound, phase] of [
      [20_000, 'Failed'],
      [40_000, 'Succeeded'],
    ] as const) {
      let { state, request } = at(33_000);
      ({ state } = step(state, well, now(33_000)));
      ({ state } = step(state, samplesAnswer(9, 100), now(33_000)));
      ({ state, request } = step(state, samplesAnswer(4, 100), now(33_000)));
      expect(request).toMatchObject({
        query: {
          kind: 'evidence',
          podUid: 'pod-9',
          trigger: {
            policyUid: 'policy-1',
            policyNamespace: 'shop',
            policyName: 'web-leaks',
            trigger: 'leak',
          },
        },
      });
      ({ request } = step(state, evidenceAnswer(bound), now(33_000)));
      expect(request).toMatchObject({ request: { body: { status: { phase } } } });
    }
  });

  it('goes by the former slope while the detector says nothing yet', () => {
    let { state, request } = at(33_000);
    ({ state } = step(state, well, now(33_000)));
    ({ state } = step(state, samplesAnswer(9, 100), now(33_000)));
    ({ state } = step(state, samplesAnswer(4, 100), now(33_000)));
    const nothing: Reply = { kind: 'answer', answer: { kind: 'evidence', evidence: null } };
    ({ request } = step(state, nothing, now(33_000)));
    expect(request).toMatchObject({
      request: {
        body: {
          status: {
            phase: 'Succeeded',
            verification: { afterTimeToOom: '80s', beforeTimeToOom: '25s' },
          },
        },
      },
    });
  });

  it('concludes nothing while the API server does not answer', () => {
    const { state } = at(60_000);
    const lost: Reply = { kind: 'kube', reply: { kind: 'unknown', message: 'lost' } };
    expect(step(state, lost, now(60_000)).request.kind).toBe('wait');
  });

  it('waits for the initial delay before the first verdict that needs time', () => {
    let { state, request } = at(1_000);
    ({ state } = step(state, well, now(1_000)));
    const none: Reply = { kind: 'answer', answer: { kind: 'samples', quantities: [] } };
    ({ request } = step(state, none, now(1_000)));
    expect(request).toEqual({ kind: 'wait', ms: 4_000, wake: 'time' });
  });
});

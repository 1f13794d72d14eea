// SPDX-License-Identifier: Apache-2.0
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type HealingAction,
  type HealingActionStatus,
  healingActionStatusSchema,
  PHASES,
  TERMINAL_PHASES,
} from '../../../src/api/healing-action.ts';
import type { ApiReply, ApiRequest } from '../../../src/domain/cluster.ts';
import { known, unknown } from '../../../src/domain/fact.ts';
import { BLOCK_REASONS } from '../../../src/domain/verdict.ts';
import { begin, step } from '../../../src/execute/protocol.ts';
import {
  announceStep,
  type Now,
  type ProtocolState,
  type Reply,
  type Request,
} from '../../../src/execute/protocol-state.ts';
import { rawPod } from './raw-objects.ts';
import { record } from './records.ts';

const SELF = { epoch: 2, holder: 'b' };
const T0 = Date.parse('2026-03-01T12:00:10Z');
const now = (ms = 0): Now => ({ wallMs: T0 + ms, monoMs: 50_000 + ms });
const TARGET = { uid: 'pod-1', resourceVersion: '9' };
const PASSED: Reply = { kind: 'decision', decision: { verdict: { kind: 'Pass' }, target: TARGET } };

const kube = (reply: ApiReply): Reply => ({ kind: 'kube', reply });
const refused = (status: number): Reply =>
  kube({ kind: 'refused', status, reason: 'X', message: 'no', retryAfterMs: null });

/** Answers a status write as the server does when nothing is in the way. */
const written = (state: ProtocolState, request: Request, version = '101'): Reply => {
  if (request.kind !== 'kube') throw new Error(`no write but ${request.kind}`);
  const { status } = request.request.body as { status: HealingActionStatus };
  const { nextAttemptAt, ...rest } = status;
  const body: HealingAction = {
    ...state.record,
    metadata: { ...state.record.metadata, resourceVersion: version },
    status: { ...rest, ...(nextAttemptAt == null ? {} : { nextAttemptAt }) },
  };
  return kube({ kind: 'ok', status: 200, body: JSON.parse(JSON.stringify(body)) });
};

const statusOf = (request: Request): Partial<HealingActionStatus> =>
  request.kind === 'kube'
    ? ((request.request.body as { status?: HealingActionStatus } | undefined)?.status ?? {})
    : {};

const isLiveEviction = (request: Request): boolean =>
  request.kind === 'kube' &&
  request.request.subresource === 'eviction' &&
  request.request.dryRun !== true;

const admitted = (changes: Partial<HealingActionStatus> = {}) =>
  record({ phase: 'Admitted', admittedAt: new Date(T0).toISOString(), ...changes });

const inDoubt = () =>
  record({
    phase: 'Executing',
    admittedAt: new Date(T0).toISOString(),
    steps: [{ seq: 0, sentAt: new Date(T0).toISOString() }],
  });

describe('begin', () => {
  it('asks the guards before a planned record is admitted', () => {
    expect(begin(record(), SELF, now()).request).toEqual({ kind: 'decide' });
  });

  it('ends a planned record of mode DryRun as Simulated without asking for anything', () => {
    const { request } = begin(record(undefined, { spec: { mode: 'DryRun' } }), SELF, now());
    expect(statusOf(request)).toMatchObject({ phase: 'Simulated', reason: 'DryRunPassed' });
  });

  it('probes before anything else when the effect is in doubt', () => {
    const { request } = begin(inDoubt(), SELF, now());
    expect(request).toMatchObject({
      kind: 'kube',
      request: { verb: 'get', resource: 'pods', name: 'web-1' },
    });
  });

  it.each(TERMINAL_PHASES)('does nothing about a record that is %s', (phase) => {
    expect(begin(record({ phase }), SELF, now()).request).toEqual({
      kind: 'done',
      end: 'terminal',
    });
  });

  it('never writes a record that carries a higher epoch', () => {
    const fence = { epoch: 3, holder: 'c' };
    for (const phase of ['Planned', 'Admitted', 'Executing', 'Settling', 'Verifying'] as const) {
      const { request } = begin(record({ phase, fence }), SELF, now());
      expect(request).toEqual({ kind: 'done', end: 'fenced' });
    }
  });
});

describe('step', () => {
  it('announces the sending in the record before it sends, with the version that was judged', () => {
    let { state, request } = begin(admitted(), SELF, now());
    expect(request).toEqual({ kind: 'decide' });
    ({ state, request } = step(state, PASSED, now()));
    expect(statusOf(request)).toMatchObject({
      phase: 'Executing',
      fence: SELF,
      steps: [{ sentAt: new Date(T0).toISOString() }],
    });
    ({ state, request } = step(state, written(state, request), now()));
    expect(isLiveEviction(request)).toBe(true);
    expect((request as { request: ApiRequest }).request.body).toMatchObject({
      deleteOptions: { preconditions: TARGET },
    });
  });

  it('sends nothing when its announcement met a conflict', () => {
    let { state, request } = begin(admitted(), SELF, now());
    ({ state, request } = step(state, PASSED, now()));
    ({ state, request } = step(state, refused(409), now()));
    expect(request).toMatchObject({ request: { verb: 'get', resource: 'healingactions' } });
    const taken = record({ phase: 'Admitted', fence: { epoch: 9, holder: 'z' } });
    ({ request } = step(state, kube({ kind: 'ok', status: 200, body: taken }), now()));
    expect(request).toEqual({ kind: 'done', end: 'fenced' });
  });

  it('probes instead of sending when the process stood still after its announcement', () => {
    let { state, request } = begin(admitted(), SELF, now());
    ({ state, request } = step(state, PASSED, now()));
    ({ state, request } = step(state, written(state, request), now(10_001)));
    expect(isLiveEviction(request)).toBe(false);
    expect(request).toMatchObject({ request: { verb: 'get', resource: 'pods' } });
  });

  it('asks the guards again after a 429, not before the backoff, and sends again', () => {
    let { state, request } = begin(admitted(), SELF, now());
    ({ state, request } = step(state, PASSED, now()));
    ({ state, request } = step(state, written(state, request), now()));
    ({ state, request } = step(state, refused(429), now()));
    expect(statusOf(request)).toMatchObject({ phase: 'Admitted', steps: [{ httpStatus: 429 }] });
    ({ state, request } = step(state, written(state, request, '102'), now()));
    expect(request.kind).toBe('wait');
    const { ms } = request as { ms: number };
    expect(ms).toBeGreaterThanOrEqual(4_000);
    expect(ms).toBeLessThanOrEqual(6_000);
    ({ state, request } = step(state, { kind: 'woken' }, now(ms)));
    expect(request).toEqual({ kind: 'decide' });
    ({ state, request } = step(state, PASSED, now(ms)));
    expect(statusOf(request).steps).toHaveLength(2);
  });

  it('takes a target that is gone for its own deed only when a sending of its own is in doubt', () => {
    const gone = refused(404);
    const doubtful = begin(inDoubt(), SELF, now());
    expect(statusOf(step(doubtful.state, gone, now()).request).phase).toBe('Settling');

    let { state, request } = begin(admitted(), SELF, now());
    ({ state, request } = step(state, PASSED, now()));
    ({ state, request } = step(state, written(state, request), now()));
    ({ state, request } = step(state, refused(404), now()));
    ({ request } = step(state, gone, now()));
    expect(statusOf(request)).toMatchObject({ phase: 'Blocked', reason: 'TargetChanged' });
  });

  it('looks for its own late effect before it is blocked by anything', () => {
    const steps = [
      { seq: 0, sentAt: new Date(T0).toISOString(), observedAt: new Date(T0).toISOString() },
    ];
    let { state, request } = begin(admitted({ steps }), SELF, now());
    const verdict = { kind: 'Refuse', reason: 'MinHealthy', message: 'one is missing' } as const;
    ({ state, request } = step(
      state,
      { kind: 'decision', decision: { verdict, target: null } },
      now(),
    ));
    expect(request).toMatchObject({ request: { verb: 'get', resource: 'pods' } });
    expect(statusOf(step(state, refused(404), now()).request).phase).toBe('Settling');
    const still = kube({ kind: 'ok', status: 200, body: rawPod() });
    expect(statusOf(step(state, still, now()).request)).toMatchObject({
      phase: 'Blocked',
      reason: 'MinHealthy',
    });
  });

  it('waits, and writes nothing, while it may not write for want of the lease', () => {
    const { state } = begin(record(), SELF, now());
    const verdict = { kind: 'Refuse', reason: 'NotLeader', message: 'no lease' } as const;
    const next = step(state, { kind: 'decision', decision: { verdict, target: TARGET } }, now());
    expect(next.request.kind).toBe('wait');
  });

  it('waits longer and longer while facts are unknown, until the timeout is over', () => {
    let { state, request } = begin(record(), SELF, now());
    const verdict = { kind: 'Unknown', missing: 'the policy' } as const;
    const undecided: Reply = { kind: 'decision', decision: { verdict, target: null } };
    let ms = 0;
    let rounds = 0;
    while (request.kind !== 'kube' && rounds < 200) {
      ({ state, request } = step(state, undecided, now(ms)));
      if (request.kind === 'wait') ms += request.ms;
      ({ state, request } = step(state, { kind: 'woken' }, now(ms)));
      rounds += 1;
    }
    expect(statusOf(request)).toMatchObject({ phase: 'Blocked', reason: 'FactMissing' });
    expect(statusOf(request).message).toContain('the policy');
    expect(rounds).toBeLessThan(40);
    expect(ms).toBeGreaterThan(9 * 60_000);
  });

  it('ends when the record was deleted and made anew', () => {
    const { state } = begin(admitted(), SELF, now());
    const other = record({ phase: 'Admitted' }, { metadata: { uid: 'record-2' } });
    const reread = { ...state, awaiting: { for: 'record' } } as const;
    const reply = kube({ kind: 'ok', status: 200, body: other });
    expect(step(reread, reply, now()).request).toEqual({ kind: 'done', end: 'gone' });
    expect(step(reread, refused(404), now()).request).toEqual({ kind: 'done', end: 'gone' });
  });
});

describe('announceStep', () => {
  it('never lets the list of sendings grow beyond what the schema takes', () => {
    let current = record({ phase: 'Admitted' });
    for (let index = 0; index < 200; index += 1) {
      const sentAt = new Date(T0 + index).toISOString();
      const steps = announceStep(current, sentAt, 'n');
      current = record({ phase: 'Admitted', steps });
      expect(steps.at(-1)?.sentAt).toBe(sentAt);
      expect(steps[0]?.sentAt).toBe(new Date(T0).toISOString());
    }
    expect(healingActionStatusSchema.safeParse(current.status).success).toBe(true);
  });
});

const reply: fc.Arbitrary<Reply> = fc.oneof(
  fc.constant<Reply>({ kind: 'woken' }),
  fc.constant<Reply>(PASSED),
  fc.constantFrom(...BLOCK_REASONS).map(
    (reason): Reply => ({
      kind: 'decision',
      decision: { verdict: { kind: 'Refuse', reason, message: 'no' }, target: TARGET },
    }),
  ),
  fc.constant<Reply>({
    kind: 'decision',
    decision: { verdict: { kind: 'Unknown', missing: 'x' }, target: null },
  }),
  fc.constantFrom(400, 401, 403, 404, 409, 422, 429, 500, 503).map(refused),
  fc.constant(kube({ kind: 'unknown', message: 'lost' })),
  fc.constant(kube({ kind: 'notSent', message: 'fenced' })),
  fc.anything().map((body) => kube({ kind: 'ok', status: 200, body })),
  fc.constant(kube({ kind: 'ok', status: 200, body: rawPod() })),
  fc.constant<Reply>({ kind: 'observation', pods: unknown('x') }),
  fc.constant<Reply>({ kind: 'observation', pods: known([], 0, 'x') }),
  fc.constant<Reply>({ kind: 'answer', answer: null }),
  fc.constant<Reply>({ kind: 'answer', answer: { kind: 'samples', quantities: [] } }),
  fc.constant<Reply>({ kind: 'answer', answer: { kind: 'evidence', evidence: null } }),
);

const isStatusWrite = (request: Request): boolean =>
  request.kind === 'kube' && request.request.subresource === 'status';

const checkWrite = (state: ProtocolState, request: Request): void => {
  const { nextAttemptAt, ...status } = statusOf(request);
  const whole = { ...status, ...(nextAttemptAt == null ? {} : { nextAttemptAt }) };
  expect(healingActionStatusSchema.strict().safeParse(whole).error).toBeUndefined();
  expect((request as { request: ApiRequest }).request.body).toMatchObject({
    metadata: { resourceVersion: state.record.metadata.resourceVersion },
  });
};

const checkEviction = ({ record: { status } }: ProtocolState): void => {
  expect(status?.phase).toBe('Executing');
  expect(status?.steps?.at(-1)?.observedAt).toBeUndefined();
};

interface Turn {
  readonly isGood: boolean;
  readonly other: Reply;
  readonly passedMs: number;
}

/** Checks what is asked for, and answers: a write as the server would, or anything. */
const answerTo = (state: ProtocolState, request: Request, turn: Turn, ms: number): Reply => {
  if (isLiveEviction(request)) checkEviction(state);
  if (!isStatusWrite(request)) return turn.other;
  checkWrite(state, request);
  return turn.isGood ? written(state, request, String(ms)) : turn.other;
};

describe('the protocol under any replies', () => {
  it('never throws, writes only what the schema takes, and sends only what it has announced', () => {
    const turn = fc.record({ isGood: fc.boolean(), other: reply, passedMs: fc.nat(20_000) });
    const history = fc.array(turn, { maxLength: 60 });
    fc.assert(
      fc.property(fc.constantFrom(...PHASES), history, (phase, turns) => {
        let ms = 0;
        let { state, request } = begin(
          phase === 'Planned' ? record() : record({ phase }),
          SELF,
          now(),
        );
        for (const each of turns) {
          if (request.kind === 'done') break;
          ms += each.passedMs;
          ({ state, request } = step(state, answerTo(state, request, each, ms), now(ms)));
        }
      }),
      { numRuns: 1_000 },
    );
  });
});

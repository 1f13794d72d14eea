// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import type { ApiReply, ApiRequest } from '../../../src/domain/cluster.ts';
import { holdBackForbidden } from '../../../src/loop/hold-back.ts';
import { VirtualClock } from '../../model/virtual-clock.ts';

const request = (change: Partial<ApiRequest> = {}): ApiRequest => ({
  verb: 'patch',
  group: 'homeostat.dev',
  version: 'v1alpha1',
  resource: 'incidents',
  subresource: 'status',
  namespace: 'a',
  name: 'incident-1',
  ...change,
});

const refusal = (status: number): ApiReply => ({
  kind: 'refused',
  status,
  reason: 'Refused',
  message: 'no',
  retryAfterMs: null,
});
const success: ApiReply = { kind: 'ok', status: 200, body: {} };

const open = (answer: ApiReply) => {
  const clock = new VirtualClock();
  const state = { answer, sent: 0 };
  const inner = {
    send: () => {
      state.sent += 1;
      return Promise.resolve(state.answer);
    },
  };
  return { clock, state, port: holdBackForbidden(inner, clock) };
};

describe('holdBackForbidden', () => {
  it('sends one request per kind and pause, however many objects there are', async () => {
    const { clock, state, port } = open(refusal(403));
    for (let second = 0; second < 600; second += 1) {
      for (let n = 0; n < 20; n += 1) {
        expect(await port.send(request({ name: `incident-${n}` }))).toEqual(refusal(403));
      }
      await clock.advance(1_000);
    }
    // After 5, 10, 20, 40 and then every 60 seconds.
    expect(state.sent).toBeGreaterThan(10);
    expect(state.sent).toBeLessThan(18);
  });

  it('sends again after the pause, and everything once that succeeded', async () => {
    const { clock, state, port } = open(refusal(403));
    await port.send(request());
    state.answer = success;
    expect(await port.send(request())).toEqual(refusal(403));
    await clock.advance(5_000);
    expect(await port.send(request())).toEqual(success);
    expect(await port.send(request({ name: 'another' }))).toEqual(success);
    expect(state.sent).toBe(3);
  });

  it.each([
    { namespace: 'b' },
    { resource: 'healingpolicies' },
    { verb: 'create', subresource: undefined } as const,
  ])('holds nothing else back: %o', async (change) => {
    const { state, port } = open(refusal(403));
    await port.send(request());
    await port.send(request(change as Partial<ApiRequest>));
    expect(state.sent).toBe(2);
  });

  it.each([404, 409, 422, 429, 500])('passes every request on after %d', async (status) => {
    const { state, port } = open(refusal(status));
    await port.send(request());
    await port.send(request());
    expect(state.sent).toBe(2);
  });
});

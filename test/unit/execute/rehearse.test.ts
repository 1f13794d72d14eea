// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import type { ApiReply, ApiRequest } from '../../../src/domain/cluster.ts';
import { rehearse } from '../../../src/execute/rehearse.ts';
import { SPEC } from './records.ts';

const ask = async (reply: ApiReply, intents = SPEC.intents) => {
  const sent: ApiRequest[] = [];
  const cluster = {
    send: (request: ApiRequest) => {
      sent.push(request);
      return Promise.resolve(reply);
    },
  };
  const fact = await rehearse(intents, SPEC.target, { cluster, clock: { wallMs: () => 5 } });
  return { fact, sent };
};

const refused = (status: number, retryAfterMs: number | null = null): ApiReply => ({
  kind: 'refused',
  status,
  reason: 'X',
  message: 'no',
  retryAfterMs,
});

describe('rehearse', () => {
  it('sends the very request, with dryRun, uid and resourceVersion', async () => {
    const { fact, sent } = await ask({ kind: 'ok', status: 201, body: {} });
    expect(fact).toMatchObject({ kind: 'known', value: { kind: 'accepted' }, observedAtMs: 5 });
    expect(sent).toEqual([
      {
        verb: 'create',
        group: '',
        version: 'v1',
        resource: 'pods',
        namespace: 'shop',
        name: 'web-1',
        subresource: 'eviction',
        dryRun: true,
        body: {
          apiVersion: 'policy/v1',
          kind: 'Eviction',
          metadata: { name: 'web-1', namespace: 'shop' },
          deleteOptions: { preconditions: { uid: 'pod-1', resourceVersion: '7' } },
        },
      },
    ]);
  });

  it.each([
    [429, { kind: 'pdbBlocked', retryAfterMs: 10_000 }],
    [403, { kind: 'denied' }],
    [404, { kind: 'targetChanged' }],
    [409, { kind: 'targetChanged' }],
    [422, { kind: 'refused', status: 422 }],
    [500, { kind: 'refused', status: 500 }],
  ])('reads %d', async (status, answer) => {
    expect((await ask(refused(status))).fact).toMatchObject({ kind: 'known', value: answer });
  });

  it('obeys the wait that a 429 asks for', async () => {
    const { fact } = await ask(refused(429, 1_500));
    expect(fact).toMatchObject({ value: { retryAfterMs: 1_500 } });
  });

  it.each([
    { kind: 'unknown', message: 'lost' },
    { kind: 'notSent', message: 'fenced' },
  ] as const)('does not know what $kind means', async (reply) => {
    expect((await ask(reply)).fact.kind).toBe('unknown');
  });

  it('does not pass an action that has no request', async () => {
    expect((await ask({ kind: 'ok', status: 201, body: {} }, [])).fact.kind).toBe('unknown');
  });
});

// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import type { ApiReply, ApiRequest, ClusterPort } from '../../../src/domain/cluster.ts';
import { fencedPort } from '../../../src/execute/fence.ts';
import { VirtualClock } from '../../model/virtual-clock.ts';

const READ: ApiRequest = { verb: 'get', group: '', version: 'v1', resource: 'pods', name: 'x' };
const WRITES: readonly ApiRequest[] = [
  { ...READ, verb: 'create' },
  { ...READ, verb: 'create', dryRun: true },
  { ...READ, verb: 'patch' },
  { ...READ, verb: 'delete' },
];

const world = (lease: { epoch: number | null; mayWrite: boolean }, answers = true) => {
  const clock = new VirtualClock();
  const sent: ApiRequest[] = [];
  const signals: (AbortSignal | undefined)[] = [];
  const cluster: ClusterPort = {
    send: (request, signal) => {
      sent.push(request);
      signals.push(signal);
      return answers
        ? Promise.resolve({ kind: 'ok', status: 200, body: {} })
        : new Promise(() => undefined);
    },
  };
  const leadership = { epoch: () => lease.epoch, mayWrite: () => lease.mayWrite };
  const port = fencedPort({ cluster, leadership, epoch: 3, clock, deadlineMs: 3_000 });
  return { clock, sent, signals, port };
};

describe('fencedPort', () => {
  it.each([
    ['the lease was not renewed', { epoch: 3, mayWrite: false }],
    ['another term has begun', { epoch: 4, mayWrite: true }],
    ['this process does not lead', { epoch: null, mayWrite: true }],
  ])('sends no write when %s, and says that it was not sent', async (_, lease) => {
    const { port, sent } = world(lease);
    for (const write of WRITES) expect((await port.send(write)).kind).toBe('notSent');
    expect(sent).toEqual([]);
  });

  it('lets reads through always, and writes in the term', async () => {
    const outside = world({ epoch: null, mayWrite: false });
    expect((await outside.port.send(READ)).kind).toBe('ok');
    const inside = world({ epoch: 3, mayWrite: true });
    for (const write of WRITES) expect((await inside.port.send(write)).kind).toBe('ok');
    expect(inside.sent).toEqual(WRITES);
  });

  it('aborts a write that is not answered in time, and calls its outcome unknown', async () => {
    const { port, clock, signals } = world({ epoch: 3, mayWrite: true }, false);
    let reply: ApiReply | null = null;
    void port.send(WRITES[2]!).then((answer) => {
      reply = answer;
    });
    await clock.advance(2_999);
    expect(reply).toBeNull();
    expect(signals[0]?.aborted).toBe(false);
    await clock.advance(1);
    expect(reply).toMatchObject({ kind: 'unknown' });
    expect(signals[0]?.aborted).toBe(true);
  });
});

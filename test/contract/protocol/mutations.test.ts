// SPDX-License-Identifier: Apache-2.0
/**
 * Takes one protection away at a time and shows that a history exists in which the oracles notice.
 * An oracle that does not notice any of them would prove nothing in the other suites.
 */
import { describe, expect, it } from 'vitest';
import type { ApiRequest, ClusterPort } from '../../../src/domain/cluster.ts';
import type { ModelObject } from '../../model/api-server.ts';
import { acceptedAfter, atWrite, duel, runWithRestarts } from '../../model/history.ts';
import type { Mutation, ProcessOptions } from '../../model/operator-process.ts';
import { endState, safetyViolations } from '../../model/oracles.ts';
import { mergePatch } from '../../model/patches.ts';
import { ACTIONS } from '../../model/shop.ts';

const EVICTION = 4;
const STATEFUL = { workload: { kind: 'StatefulSet' } } as const;

interface StatusBody {
  readonly metadata: unknown;
  readonly status: { readonly phase: string };
}

const isStatusWrite = (request: ApiRequest): boolean =>
  request.resource === ACTIONS.resource && request.subresource === 'status';

/** Changes requests on their way. */
const changing =
  (change: (request: ApiRequest) => ApiRequest): Mutation =>
  (port) => ({ send: (request, signal) => port.send(change(request), signal) });

/** Answers a status write as if it had been done, without doing it. */
const pretending =
  (isPretended: (request: ApiRequest, present: ModelObject) => boolean): Mutation =>
  (port: ClusterPort) => ({
    send: async (request, signal) => {
      if (!isStatusWrite(request)) return port.send(request, signal);
      const { subresource: _, body, patchType: __, ...place } = request;
      const read = await port.send({ ...place, verb: 'get' }, signal);
      if (read.kind !== 'ok' || !isPretended(request, read.body as ModelObject)) {
        return port.send(request, signal);
      }
      const { status } = body as StatusBody;
      return { kind: 'ok', status: 200, body: mergePatch(read.body, { status }) };
    },
  });

const withoutEvictionPreconditions = changing((request) =>
  request.subresource === 'eviction'
    ? { ...request, body: { ...(request.body as object), deleteOptions: {} } }
    : request,
);

const withoutResourceVersion = changing((request) =>
  isStatusWrite(request)
    ? { ...request, body: { ...(request.body as StatusBody), metadata: {} } }
    : request,
);

const phaseOf = (request: ApiRequest): string => (request.body as StatusBody).status.phase;

const withoutAnnouncement = pretending((request) => phaseOf(request) === 'Executing');

const withoutAdoption = pretending(
  (request, { status }) => phaseOf(request) === (status?.phase ?? 'Planned'),
);

const freezeAt = (write: number) => atWrite(write, { kind: 'freeze', when: 'before' });

const lateEviction = { freeze: freezeAt(EVICTION), thaw: 'afterTheEnd' } as const;

const duelWith = async (
  what: Parameters<typeof duel>[0],
  processes: NonNullable<Parameters<typeof duel>[2]>,
  options: Parameters<typeof duel>[1] = {},
) => {
  const { shop, young } = await duel(what, options, processes);
  return { shop, late: acceptedAfter(shop, 'old', young.adoptedAt ?? 0) };
};

describe('without', () => {
  it('a mutation, nothing is noticed', async () => {
    const plan = atWrite(EVICTION, { kind: 'crash', when: 'after' });
    const crashed = await runWithRestarts({}, { plan });
    expect(safetyViolations(crashed)).toEqual([]);
    const { shop, late } = await duelWith(lateEviction, {}, STATEFUL);
    expect(safetyViolations(shop)).toEqual([]);
    expect(late).toEqual([]);
  });

  it('preconditions of the eviction, a late one ends the replacement', async () => {
    const both = { mutation: withoutEvictionPreconditions };
    const { shop } = await duelWith(lateEviction, { both }, STATEFUL);
    expect(safetyViolations(shop).join()).toContain('disrupted a pod that nobody planned to');
  });

  it.each([true, false])(
    'the fence, a leader that stood still still writes (fence: %s)',
    async (isFenced) => {
      const leadership: NonNullable<ProcessOptions['leadership']> = (own) => ({
        identity: own.identity,
        leaseName: own.leaseName,
        epoch: () => own.epoch(),
        mayWrite: () => (isFenced ? own.mayWrite() : true),
      });
      let hasFrozen = false;
      const what = {
        // While it gathers for a plan that has no record yet.
        freeze: ({ request }: { request: ApiRequest }) => {
          if (hasFrozen || request.resource !== 'healingpolicies') return null;
          hasFrozen = true;
          return { kind: 'freeze', when: 'after' } as const;
        },
        thaw: 'afterAdoption',
      } as const;
      const { late } = await duelWith(what, { both: { leadership }, young: { isPlanning: false } });
      expect(late.length > 0).toBe(!isFenced);
    },
  );

  it('the resourceVersion of status writes, the old leader overwrites the new one', async () => {
    const what = { freeze: freezeAt(5), thaw: 'afterAdoption' } as const;
    const { shop } = await duelWith(what, { both: { mutation: withoutResourceVersion } });
    expect(safetyViolations(shop).join()).toMatch(/epoch 1 wrote \S+ after 2/);
  });

  it.each([true, false])(
    'the adoption, the old leader writes on in the term of the new one (adoption: %s)',
    async (isAdopting) => {
      const what = { freeze: freezeAt(6), thaw: 'afterAdoption' } as const;
      const mutation: Mutation = isAdopting ? (port) => port : withoutAdoption;
      const { late } = await duelWith(what, { young: { isDriving: false, mutation } });
      expect(late.length > 0).toBe(!isAdopting);
    },
  );

  it('the announcement, a crash after the eviction loses the effect', async () => {
    // The announcement does not count as a write any more: the eviction is one earlier.
    const plan = atWrite(EVICTION - 1, { kind: 'crash', when: 'after' });
    const options = { mutation: withoutAnnouncement };
    const shop = await runWithRestarts({}, { ...options, plan }, options);
    expect(safetyViolations(shop).join()).toContain('eviction without an announcement');
    expect(endState(shop)).not.toEqual(endState(await runWithRestarts({}, {})));
    expect(shop.records()[0]?.status).toMatchObject({ phase: 'Blocked', reason: 'TargetChanged' });
  });
});

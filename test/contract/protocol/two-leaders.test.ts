// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { isWrite } from '../../model/fault-port.ts';
import { acceptedAfter, atWrite, duel, LEASE_MS, settle } from '../../model/history.ts';
import { OperatorProcess } from '../../model/operator-process.ts';
import { livenessViolations, safetyViolations } from '../../model/oracles.ts';
import { ACTIONS, Shop } from '../../model/shop.ts';

const MINUTE = 60_000;

/** Live writes of the fault-free run: the rehearsal, the record, five statuses and the eviction. */
const WRITES = [0, 1, 2, 3, 4, 5, 6, 7];
const EVICTION = 4;

const freezeAt = (write: number, when: 'before' | 'after') =>
  atWrite(write, { kind: 'freeze', when });

const cases = WRITES.flatMap((write) =>
  (['afterAdoption', 'afterTheEnd'] as const).map((thaw) => ({ write, thaw })),
);

describe('a leader that stood still past its lease', () => {
  it.each(cases)(
    'writes nothing more when it froze after write $write and thaws $thaw',
    async ({ write, thaw }) => {
      const { shop, young } = await duel({ freeze: freezeAt(write, 'after'), thaw });
      expect(acceptedAfter(shop, 'old', young.adoptedAt ?? 0)).toEqual([]);
      expect(safetyViolations(shop)).toEqual([]);
      expect(livenessViolations(shop)).toEqual([]);
      expect(shop.evictions()).toEqual([shop.target.metadata.uid]);
    },
  );

  // The bytes are leaving when the process freezes: no check of ours can hold them back any more.
  it.each(cases)(
    'writes no record when the bytes of write $write left late and it thaws $thaw',
    async ({ write, thaw }) => {
      const { shop, young } = await duel({ freeze: freezeAt(write, 'before'), thaw });
      const late = acceptedAfter(shop, 'old', young.adoptedAt ?? 0);
      const written = late.filter(
        ({ request }) => request.resource === ACTIONS.resource && request.verb !== 'create',
      );
      expect(written).toEqual([]);
      // A rehearsal changes nothing; a record or an eviction that leaves late is the one it announced.
      expect(late.length).toBeLessThanOrEqual(1);
      expect(safetyViolations(shop)).toEqual([]);
      expect(livenessViolations(shop)).toEqual([]);
      expect(shop.evictions()).toEqual([shop.target.metadata.uid]);
    },
  );

  it('cannot evict the pod a second time when its eviction leaves after that of the new leader', async () => {
    const { shop } = await duel({ freeze: freezeAt(EVICTION, 'before'), thaw: 'afterTheEnd' });
    const evictions = shop.server.audit.filter(
      ({ request }) => request.subresource === 'eviction' && request.dryRun !== true,
    );
    expect(evictions.map(({ user, status }) => `${user} ${status}`)).toEqual([
      'young 201',
      'old 404',
    ]);
  });
});

describe('a leader that stood still while it was reading', () => {
  const cases = ['healingpolicies', 'pods', 'healingactions', 'deployments'].flatMap((resource) =>
    [0, 1, 2].map((skip) => ({ resource, skip })),
  );

  it.each(cases)(
    'writes nothing after the adoption ($resource, skipping $skip)',
    async ({ resource, skip }) => {
      let seen = 0;
      const { shop, young } = await duel({
        freeze: ({ request }) =>
          request.resource === resource && !isWrite(request) && seen++ === skip
            ? { kind: 'freeze', when: 'after' }
            : null,
        thaw: 'afterAdoption',
      });
      expect(acceptedAfter(shop, 'old', young.adoptedAt ?? 0)).toEqual([]);
      expect(safetyViolations(shop)).toEqual([]);
      expect(livenessViolations(shop)).toEqual([]);
      expect(shop.evictions()).toEqual([shop.target.metadata.uid]);
    },
  );
});

describe('a new leader', () => {
  it('writes its epoch into the open record before anything else', async () => {
    const shop = await Shop.open();
    const old = await OperatorProcess.start(shop, 'old', {
      plan: atWrite(EVICTION, { kind: 'crash', when: 'before' }),
    });
    await shop.clock.until(() => old.isStopped, MINUTE);
    await shop.clock.advance(LEASE_MS);
    const from = shop.server.audit.length;
    const young = await OperatorProcess.start(shop, 'young');
    await settle(shop);
    young.kill();
    const [first] = shop.server.audit.slice(from).filter(({ request }) => isWrite(request));
    expect(first?.request.resource).toBe(ACTIONS.resource);
    expect(first?.request.body).toMatchObject({
      status: { phase: 'Executing', fence: { epoch: 2, holder: 'young' } },
    });
  });

  it('takes over a record that the old leader managed to create after the adoption', async () => {
    const shop = await Shop.open();
    const plan = atWrite(1, { kind: 'freeze', when: 'before' });
    const old = await OperatorProcess.start(shop, 'old', { plan });
    await shop.clock.until(() => old.isStopped, MINUTE);
    await shop.clock.advance(LEASE_MS);
    const young = await OperatorProcess.start(shop, 'young', { isPlanning: false });
    await shop.clock.until(() => young.adoptedAt !== null, MINUTE);
    old.port.thaw();
    await settle(shop);
    old.kill();
    young.kill();
    expect(safetyViolations(shop)).toEqual([]);
    expect(shop.records()).toHaveLength(1);
    expect(shop.records()[0]?.status).toMatchObject({
      phase: 'Succeeded',
      fence: { holder: 'young' },
    });
  });
});

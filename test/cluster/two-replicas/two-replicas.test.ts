// SPDX-License-Identifier: Apache-2.0
// Two replicas, one Lease. A leader that stood still past its lease finds, when it goes on, that nothing
// of it is taken any more; a leader that is gone is replaced; one that is asked to stop hands over.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { AuditEvent } from '../../rig/control-plane/audit.ts';
import type { ControlPlane } from '../../rig/control-plane/control-plane.ts';
import { startControlPlane } from '../../rig/control-plane/start-control-plane.ts';
import { bundleOperator, type Replica, type Seat, takeSeats } from '../../rig/leaky-shop/seat.ts';
import { openShop, type Shop } from '../../rig/leaky-shop/shop.ts';
import { Stockroom } from '../../rig/leaky-shop/stockroom.ts';
import { evictionsByUid, isAccepted, keyOfRequest, resourceOf } from '../kill-sweep/writes.ts';
import { epochOf, isFrom, Pair, receivedMs } from './pair.ts';

const MINUTE = 60_000;
const LEASE_MS = 6_000;
/** The longest pause of one that waits: 2.2 retry periods. */
const LONGEST_PAUSE_MS = 2.2 * 800;

const say = (line: string): void => void process.stdout.write(`${line}\n`);
const seconds = (ms: number): string => `${(ms / 1000).toFixed(2)} s`;

let cluster: ControlPlane;
let shop: Shop;
let seats: readonly Seat[] = [];
beforeAll(async () => {
  cluster = await startControlPlane({ name: 'two-replicas', kwok: true, fsync: true });
  await cluster.addKwokNodes(2);
  shop = await openShop(cluster);
  const main = await bundleOperator(cluster);
  seats = await takeSeats(cluster, shop, { count: 2, main });
}, 20 * MINUTE);
afterAll(async () => {
  await Promise.all(seats.map((seat) => seat.stop()));
  await shop?.close();
  await cluster?.stop();
}, 2 * MINUTE);

/** Accepted writes of the Lease of a seat, oldest first. */
const leaseWrites = async (seat: Seat): Promise<readonly AuditEvent[]> =>
  (await cluster.audit.read())
    .filter(
      (event) =>
        resourceOf(event) === 'leases' &&
        event.objectRef?.namespace === seat.operatorNamespace &&
        event.userAgent?.startsWith('homeostat/') === true &&
        isAccepted(event),
    )
    .toSorted((a, b) => receivedMs(a) - receivedMs(b));

const holderIn = ({ responseObject }: AuditEvent): string =>
  (responseObject as { spec?: { holderIdentity?: string } } | undefined)?.spec?.holderIdentity ??
  '';

/** Where the leader is stopped, by the write that it is about. */
interface Moment {
  readonly write: string;
  /**
   * `after`: it was applied, the answer waits in the socket for the process to go on. `before`: it has
   * left the process and is still on its way when the other has adopted the records.
   */
  readonly side: 'before' | 'after';
}

const after = (write: string): Moment => ({ write, side: 'after' });
const before = (write: string): Moment => ({ write, side: 'before' });

/** Moments of a healing, for each seat. */
const MOMENTS: readonly (readonly Moment[])[] = [
  [
    after('create healingactions'),
    after('patch healingactions/status Admitted'),
    after('patch healingactions/status Executing'),
    before('patch healingactions/status Executing'),
  ],
  [
    after('create pods/eviction live'),
    after('patch healingactions/status Settling'),
    after('patch healingactions/status Verifying'),
    before('patch healingactions/status Settling'),
  ],
];

/** Stops the leader at a moment, and says how to let the write go that is on its way. */
const stopAt = (seat: Seat, { operator }: Replica, { write, side }: Moment) => {
  let isStruck = false;
  const hold = Promise.withResolvers<void>();
  if (side === 'after') hold.resolve();
  const remove = seat.proxy.rules.add({
    on: side,
    nth: 1,
    when: (info, body) => keyOfRequest(info, body) === write,
    onStrike: () => {
      operator.signal('SIGSTOP');
      isStruck = true;
    },
    fault: { kind: 'hold', until: hold.promise },
  });
  const arrived = (): boolean => {
    const held = seat.proxy.history.findLast(({ fault }) => fault === 'hold')?.request;
    return seat.proxy.history.some(({ request, kind }) => request === held && kind === 'reply');
  };
  return { isStruck: () => isStruck, remove, letGo: hold.resolve, arrived };
};

/** Freezes the leader at a moment of a healing, thaws it once the other owns the records. */
const freeze = async (seat: Seat, pair: Pair, stockroom: Stockroom, moment: Moment) => {
  await pair.fill();
  const { leader: old, standby: heir } = pair;
  const leaseBefore = await seat.lease();
  expect(leaseBefore.holder).toBe(old.identity);
  const { workload, leaking } = await stockroom.take();
  const stop = stopAt(seat, old, moment);
  await stockroom.put(workload);
  const where = `${seat.namespace}: frozen ${moment.side} ${moment.write}`;
  await cluster.waitFor(where, stop.isStruck, 2 * MINUTE);
  stop.remove();
  const frozenAt = performance.now();
  await pair.leads(heir);
  const takenOverAfterMs = performance.now() - frozenAt;
  stop.letGo();
  await cluster.waitFor(`${seat.namespace}: ${moment.write} has arrived`, stop.arrived);
  old.operator.signal('SIGCONT');
  const exitCode = await old.operator.exited;
  pair.promote();
  const outcome = await pair.ended(workload);
  const leaseAfter = await seat.lease();
  return {
    ...{ moment, old, heir, leaseBefore, leaseAfter },
    ...{ leaking, outcome, exitCode, takenOverAfterMs },
  };
};

type Frozen = Awaited<ReturnType<typeof freeze>>;

/** Checks a handover against the audit log. */
const expectFenced = (frozen: Frozen, audit: readonly AuditEvent[]): void => {
  const { moment, old, heir, leaseBefore, leaseAfter, leaking, outcome } = frozen;
  const recordName = outcome.records[0]?.metadata.name;
  const adoption = audit.find(
    (event) =>
      isFrom(event, heir.identity) &&
      isAccepted(event) &&
      resourceOf(event) === 'healingactions/status' &&
      event.objectRef?.name === recordName,
  );
  expect(adoption, 'the record was adopted').toBeDefined();
  expect(epochOf(adoption!)).toBe(leaseAfter.epoch);
  expect(leaseAfter.epoch).toBeGreaterThan(leaseBefore.epoch);
  // An attempt to renew the Lease is no write of the term: that is how it learns of its end.
  const late = audit.filter(
    (event) =>
      isFrom(event, old.identity) &&
      receivedMs(event) > receivedMs(adoption!) &&
      resourceOf(event) !== 'leases',
  );
  const taken = late.filter(isAccepted).map((event) => [event.verb, resourceOf(event)]);
  expect(taken, 'accepted writes of the old leader').toEqual([]);
  // What was on its way arrived late, and was refused; a process that goes on sends nothing more.
  expect(late.map((event) => [resourceOf(event), event.responseStatus?.code])).toEqual(
    moment.side === 'before' ? [['healingactions/status', 409]] : [],
  );
  expect(outcome.records.map(({ status }) => [status?.phase, status?.fence])).toEqual([
    ['Succeeded', { epoch: leaseAfter.epoch, holder: heir.identity }],
  ]);
  expect(outcome.incidents.map(({ status }) => [status?.state, status?.reason])).toEqual([
    ['Resolved', 'Effective'],
  ]);
  expect(evictionsByUid(audit).get(leaking.uid)).toBe(1);
};

describe('a leader that stands still past its lease', () => {
  const handover = async (seat: Seat, moments: readonly Moment[]): Promise<void> => {
    const pair = new Pair(cluster, seat);
    const stockroom = new Stockroom(shop, seat);
    for (const moment of moments) {
      const frozen = await freeze(seat, pair, stockroom, moment);
      say(
        `${seat.namespace}: frozen ${moment.side} ${moment.write}: taken over after ${seconds(frozen.takenOverAfterMs)}, old leader exited with ${frozen.exitCode}`,
      );
      // It ends by itself: neither by our signal nor as if all were well.
      expect(frozen.exitCode).toBe(1);
      expectFenced(frozen, await cluster.audit.read());
    }
    await pair.leader.operator.stop();
  };

  it(
    'writes nothing more, and the pod is evicted once',
    async () => {
      const [first, second] = seats;
      const startedAt = performance.now();
      await Promise.all([handover(first!, MOMENTS[0]!), handover(second!, MOMENTS[1]!)]);
      say(`${MOMENTS.flat().length} handovers in ${seconds(performance.now() - startedAt)}`);
    },
    15 * MINUTE,
  );
});

describe('a leader that goes', () => {
  it(
    'is replaced after its lease when it was killed, and no sooner',
    async () => {
      const seat = seats[0]!;
      const pair = new Pair(cluster, seat);
      await pair.fill();
      const { leader, standby } = pair;
      leader.operator.signal('SIGKILL');
      await leader.operator.exited;
      await pair.leads(standby);
      const writes = await leaseWrites(seat);
      const last = writes.findLast((event) => isFrom(event, leader.identity))!;
      const first = writes.find((event) => isFrom(event, standby.identity))!;
      const tookMs = receivedMs(first) - receivedMs(last);
      say(
        `killed: taken over ${seconds(tookMs)} after the last renewal (lease ${seconds(LEASE_MS)} + at most ${seconds(LONGEST_PAUSE_MS)} and the requests)`,
      );
      expect(holderIn(first)).toBe(standby.identity);
      expect(tookMs).toBeGreaterThanOrEqual(LEASE_MS);
      // Three times what is promised: the machine may be slow, a second whole lease would be a defect.
      expect(tookMs).toBeLessThan(3 * (LEASE_MS + LONGEST_PAUSE_MS));
      await standby.operator.stop();
    },
    5 * MINUTE,
  );

  it(
    'releases the Lease when it is asked to stop, and is replaced without waiting for it',
    async () => {
      const seat = seats[1]!;
      const pair = new Pair(cluster, seat);
      await pair.fill();
      const { leader, standby } = pair;
      expect(await leader.operator.stop()).toBe(0);
      await pair.leads(standby);
      const writes = await leaseWrites(seat);
      const release = writes.findLast((event) => isFrom(event, leader.identity))!;
      const first = writes.find((event) => isFrom(event, standby.identity))!;
      expect(holderIn(release)).toBe('');
      expect(holderIn(first)).toBe(standby.identity);
      const tookMs = receivedMs(first) - receivedMs(release);
      say(`asked to stop: taken over ${seconds(tookMs)} after the release`);
      expect(tookMs).toBeGreaterThanOrEqual(0);
      expect(tookMs).toBeLessThan(LEASE_MS);
      await standby.operator.stop();
    },
    5 * MINUTE,
  );
});

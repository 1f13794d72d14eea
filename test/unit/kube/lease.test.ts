// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { HomeostatError } from '../../../src/errors.ts';
import { LeaseElection, type LeaseTimes } from '../../../src/kube/lease.ts';
import { EPOCH_ANNOTATION, microTime } from '../../../src/kube/lease-record.ts';
import { seededRandom } from '../../rig/seeded-random.ts';
import { settle, VirtualClock } from '../../rig/virtual-clock.ts';
import { type Candidate, candidate, LeaseServer, Machine, PROMPT } from './lease-model.ts';

function setUp() {
  const world = new VirtualClock();
  const server = new LeaseServer();
  const random = seededRandom(3);
  const start = (options: Parameters<typeof candidate>[2] = {}, rate = 1): Candidate =>
    candidate(new Machine(world, server, rate), random, options);
  const spec = () => server.lease?.['spec'] as Record<string, unknown> | undefined;
  return { world, server, start, spec };
}

const isLeading = (each: Candidate): boolean => each.election.epoch() !== null;
const cutOff = (each: Candidate): void => {
  each.machine.deliver = () => ({ ...PROMPT, fault: 'dropRequest' });
};

describe('LeaseElection: acquiring', () => {
  it('TestTryAcquireOrRenewLeases: makes the Lease when there is none, with MicroTime and epoch', async () => {
    const { world, server, start, spec } = setUp();
    const only = start();
    await world.advance(0);
    expect(isLeading(only)).toBe(true);
    expect(spec()).toMatchObject({
      holderIdentity: only.election.identity,
      leaseDurationSeconds: 15,
      leaseTransitions: 0,
    });
    expect(spec()?.['renewTime']).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/);
    expect(server.lease?.metadata.annotations).toEqual({ [EPOCH_ANNOTATION]: '1' });
    await only.election.stop();
  });

  it('writes MicroTime with six digits', () => {
    expect(microTime(Date.UTC(2026, 0, 2, 3, 4, 5, 6))).toBe('2026-01-02T03:04:05.006000Z');
  });

  it('waits a whole lease duration of its own clock after first sight, whatever renewTime says', async () => {
    const { world, server, start } = setUp();
    server.handle({
      method: 'POST',
      path: '',
      body: {
        metadata: { name: 'homeostat', annotations: { [EPOCH_ANNOTATION]: '41' } },
        spec: {
          holderIdentity: 'dead',
          leaseDurationSeconds: 15,
          leaseTransitions: 6,
          renewTime: '1999-01-01T00:00:00.000000Z',
        },
      },
    });
    const next = start();
    await world.advance(14_999);
    expect(isLeading(next)).toBe(false);
    await world.until(() => isLeading(next), 4_401);
    expect(next.election.epoch()).toBe(42);
    const spec = server.lease?.['spec'];
    expect(spec).toMatchObject({ leaseTransitions: 7, holderIdentity: next.election.identity });
    await next.election.stop();
  });

  it('uses the duration in the record, and its own where the record has none', async () => {
    for (const [seconds, least] of [
      [60, 60_000],
      [0, 15_000],
      [undefined, 15_000],
    ] as const) {
      const { world, server, start } = setUp();
      const spec = { holderIdentity: 'dead', leaseDurationSeconds: seconds };
      server.handle({ method: 'POST', path: '', body: { metadata: { name: 'homeostat' }, spec } });
      const next = start();
      await world.advance(least - 1);
      expect(isLeading(next)).toBe(false);
      await world.until(() => isLeading(next), 4_401);
      await next.election.stop();
    }
  });

  it('takes an epoch above every record, also when the Lease was deleted', async () => {
    const { world, server, start } = setUp();
    const first = start({ highestRecordedEpoch: () => Promise.resolve(7) });
    await world.advance(0);
    expect(first.epochs).toEqual([8]);
    await first.election.stop();
    server.delete();
    const second = start({ highestRecordedEpoch: () => Promise.resolve(8) });
    await world.advance(0);
    expect(second.epochs).toEqual([9]);
    await second.election.stop();
  });

  it('begins no term while the highest recorded epoch is unknown', async () => {
    const { world, server, start } = setUp();
    let known = false;
    const only = start({
      highestRecordedEpoch: () => (known ? Promise.resolve(3) : Promise.reject(new Error('down'))),
    });
    await world.advance(60_000);
    expect(server.lease).toBeNull();
    expect(only.errors.length).toBeGreaterThan(10);
    known = true;
    await world.until(() => isLeading(only));
    expect(only.epochs).toEqual([4]);
    await only.election.stop();
  });

  it('lets one of many win a free Lease', async () => {
    const { world, server, start } = setUp();
    const all = Array.from({ length: 5 }, () => start());
    await world.advance(10_000);
    expect(all.filter(isLeading)).toHaveLength(1);
    expect(server.epochs).toEqual([1]);
    await Promise.all(all.map((each) => each.election.stop()));
  });

  it('leads after all when the reply to its own acquisition was lost, under a new epoch', async () => {
    const { world, start } = setUp();
    const only = start();
    let lose = true;
    only.machine.deliver = ({ method }) => {
      const fault = lose && method === 'POST' ? 'loseReply' : 'none';
      if (method === 'POST') lose = false;
      return { ...PROMPT, fault };
    };
    await world.until(() => isLeading(only), 5_000);
    expect(only.epochs).toEqual([2]);
    await only.election.stop();
  });

  it.each<[string, Partial<LeaseTimes>]>([
    ['lease not above renew deadline', { renewDeadlineMs: 15_000 }],
    ['renew deadline not above 1.2 retries', { retryMs: 8_400 }],
    ['no retry', { retryMs: 0 }],
    ['a fraction of a second', { leaseMs: 15_500 }],
    ['less than a second', { leaseMs: 900, renewDeadlineMs: 500, retryMs: 100 }],
  ])('TestLeaderElectionConfigValidation: refuses %s', (_name, wrong) => {
    const { world, server } = setUp();
    const machine = new Machine(world, server);
    const times = { leaseMs: 15_000, renewDeadlineMs: 10_000, retryMs: 2_000, ...wrong };
    const make = () =>
      new LeaseElection({
        transport: machine,
        clock: machine,
        random: Math.random,
        namespace: 'a',
        name: 'a',
        identity: 'a',
        times,
        highestRecordedEpoch: () => Promise.resolve(0),
        onStartedLeading: () => Promise.resolve(),
        onStoppedLeading: () => undefined,
      });
    expect(make).toThrow(HomeostatError);
  });
});

describe('LeaseElection: leading', () => {
  it('TestFastPathLeaderElection: renews every 2 s without reading first', async () => {
    const { world, server, start } = setUp();
    const only = start();
    await world.advance(20_500);
    expect(only.election.mayWrite()).toBe(true);
    expect(server.writes).toHaveLength(11);
    for (const { priority, deadlineMs } of server.writes) {
      expect(priority).toBe('critical');
      expect(deadlineMs).toBeLessThanOrEqual(3_000);
    }
    await only.election.stop();
  });

  it('may write for 7 s after the last renewal was sent, not after its reply came', async () => {
    const { world, start } = setUp();
    const only = start();
    only.machine.deliver = () => ({ ...PROMPT, backMs: 1_500 });
    await world.until(() => isLeading(only));
    cutOff(only);
    const fence = only.election.fence();
    expect(fence.writeDeadlineMs).toBe(3_000);
    // The acquisition was sent 1.5 s before its reply.
    await world.advance(5_499);
    expect(only.election.mayWrite()).toBe(true);
    expect(() => fence.check()).not.toThrow();
    await world.advance(1);
    expect(only.election.mayWrite()).toBe(false);
    expect(() => fence.check()).toThrow(HomeostatError);
    expect(isLeading(only)).toBe(true);
    await world.advance(10_000);
    expect(await only.result).toBe('overdue');
  });

  it('scales the fence with the lease duration', async () => {
    const { world, start } = setUp();
    const only = start({ times: { leaseMs: 6_000, renewDeadlineMs: 4_000, retryMs: 800 } });
    await world.advance(0);
    cutOff(only);
    expect(only.election.fence().writeDeadlineMs).toBe(1_200);
    await world.advance(2_799);
    expect(only.election.mayWrite()).toBe(true);
    await world.advance(1);
    expect(only.election.mayWrite()).toBe(false);
    await world.advance(1_200);
    expect(await only.result).toBe('overdue');
  });

  it('waits for a renewal before it writes, and gives up when the term ends', async () => {
    const { world, start } = setUp();
    const only = start();
    const never = new AbortController().signal;
    await world.advance(0);
    cutOff(only);
    await world.advance(7_500);
    expect(only.election.mayWrite()).toBe(false);
    const writable = only.election.whenWritable(never);
    only.machine.deliver = () => PROMPT;
    await world.advance(2_000);
    expect(await writable).toBe(true);
    cutOff(only);
    await world.advance(8_000);
    const tooLate = only.election.whenWritable(never);
    await world.advance(10_000);
    expect(await tooLate).toBe(false);
  });

  it('steps down 10 s after its last renewal, aborts what runs, and says that it must exit', async () => {
    const { world, start } = setUp();
    const only = start();
    await world.advance(0);
    const fence = only.election.fence();
    cutOff(only);
    await world.advance(9_999);
    expect(only.signal()?.aborted).toBe(false);
    await world.advance(1);
    expect(await only.result).toBe('overdue');
    expect(only.reasons).toEqual(['overdue']);
    expect(only.signal()?.aborted).toBe(true);
    expect(fence.signal.aborted).toBe(true);
    expect(() => fence.check()).toThrow(HomeostatError);
    expect(() => only.election.fence()).toThrow(HomeostatError);
    expect(only.election.isOverdue).toBe(true);
  });

  it('keeps leading through a lost reply: reads, finds itself, renews', async () => {
    const { world, start } = setUp();
    const only = start();
    await world.advance(0);
    let lose = 1;
    only.machine.deliver = ({ method }) => {
      if (method === 'GET' || lose === 0) return PROMPT;
      lose -= 1;
      return { ...PROMPT, fault: 'loseReply' };
    };
    await world.advance(9_000);
    expect(lose).toBe(0);
    expect(only.election.mayWrite()).toBe(true);
    expect(only.epochs).toEqual([1]);
    await only.election.stop();
  });

  it('is replaced at the next renewal when somebody else took the Lease', async () => {
    const { world, server, start } = setUp();
    const only = start();
    await world.advance(0);
    server.edit((lease) => ({ ...lease, spec: { holderIdentity: 'thief' } }));
    await world.advance(2_000);
    expect(await only.result).toBe('replaced');
  });

  it('is replaced when the Lease names it with another epoch', async () => {
    const { world, server, start } = setUp();
    const only = start();
    await world.advance(0);
    server.edit((lease) => ({
      ...lease,
      metadata: { ...lease.metadata, annotations: { [EPOCH_ANNOTATION]: '9' } },
    }));
    await world.advance(2_000);
    expect(await only.result).toBe('replaced');
  });

  it('steps down when the Lease is deleted', async () => {
    const { world, server, start } = setUp();
    const only = start();
    await world.advance(0);
    server.delete();
    await world.advance(2_000);
    expect(await only.result).toBe('deleted');
  });

  it('ends the term, and frees the Lease, when its work fails', async () => {
    const { world, start, spec } = setUp();
    const only = start({ onStartedLeading: () => Promise.reject(new Error('no')) });
    await world.advance(0);
    expect(await only.result).toBe('failed');
    expect(spec()?.['holderIdentity']).toBeUndefined();
  });

  it('after a freeze notices that it is overdue before it writes anything', async () => {
    const { world, server, start } = setUp();
    const old = start();
    await world.advance(5_000);
    const fence = old.election.fence();
    old.machine.freeze();
    const next = start();
    await world.until(() => isLeading(next), 25_000);
    const writes = server.writes.length;
    old.machine.thaw();
    expect(() => fence.check()).toThrow(HomeostatError);
    await settle();
    expect(await old.result).toBe('overdue');
    expect(server.writes).toHaveLength(writes);
    await next.election.stop();
  });

  it('TestCheckMethodRace: is overdue only while it holds a Lease that ran out', async () => {
    const { world, start } = setUp();
    const [first, second] = [start(), start()];
    await world.advance(30_000);
    for (const each of [first, second]) expect(each.election.isOverdue).toBe(false);
    first.machine.freeze();
    second.machine.freeze();
    await world.advance(16_000);
    const leader = isLeading(first) ? first : second;
    const follower = leader === first ? second : first;
    expect(leader.election.isOverdue).toBe(true);
    expect(follower.election.isOverdue).toBe(false);
    leader.machine.thaw();
    follower.machine.thaw();
    await leader.result;
    await follower.election.stop();
  });
});

describe('LeaseElection: handing over', () => {
  it('TestReleaseLeaseLeases: frees the Lease at once for others when it stops', async () => {
    const { world, start, spec } = setUp();
    const first = start({ watch: true });
    await world.advance(0);
    const second = start({ watch: true });
    await world.advance(4_000);
    await first.election.stop();
    expect(first.reasons).toEqual(['stopped']);
    await world.advance(1);
    expect(isLeading(second)).toBe(true);
    expect(second.epochs).toEqual([2]);
    expect(spec()).toMatchObject({ leaseTransitions: 1, leaseDurationSeconds: 15 });
    await second.election.stop();
    expect(spec()).toMatchObject({ leaseDurationSeconds: 1 });
    expect(spec()?.['holderIdentity']).toBeUndefined();
  });

  it('should only cancel the leader election after all runnables are done: renews and may write until then', async () => {
    const { world, start, spec } = setUp();
    const work = Promise.withResolvers<void>();
    const only = start({ onStartedLeading: () => work.promise });
    await world.advance(0);
    let stopped = false;
    const stopping = only.election.stop().then(() => {
      stopped = true;
    });
    await world.advance(20_000);
    expect(stopped).toBe(false);
    expect(only.election.mayWrite()).toBe(true);
    expect(spec()?.['holderIdentity']).toBe(only.election.identity);
    work.resolve();
    await settle();
    await stopping;
    expect(only.election.mayWrite()).toBe(false);
    expect(spec()?.['holderIdentity']).toBeUndefined();
  });

  it('leaves the Lease to expire when the work does not end in time', async () => {
    const { world, start, spec } = setUp();
    const only = start({ onStartedLeading: () => new Promise(() => undefined) });
    await world.advance(0);
    const stopping = only.election.stop();
    await world.advance(32_001);
    await stopping;
    expect(spec()?.['holderIdentity']).toBe(only.election.identity);
    expect(only.election.mayWrite()).toBe(false);
  });

  it('TestReleaseRetriesOnConflict, TestReleaseMethodCallsGet: reads again and releases after a conflict', async () => {
    const { world, server, start, spec } = setUp();
    const only = start();
    await world.advance(0);
    server.edit((lease) => ({ ...lease, metadata: { ...lease.metadata, labels: { a: 'b' } } }));
    await only.election.stop();
    expect(spec()?.['holderIdentity']).toBeUndefined();
    expect(server.lease?.metadata.labels).toEqual({ a: 'b' });
  });

  it('does not release what somebody else holds', async () => {
    const { world, server, start, spec } = setUp();
    const only = start();
    await world.advance(0);
    server.edit((lease) => ({ ...lease, spec: { holderIdentity: 'other' } }));
    await only.election.stop();
    expect(spec()?.['holderIdentity']).toBe('other');
  });

  it('TestReleaseOnCancellation: a follower that stops ends without a term and without a trace', async () => {
    const { world, server, start } = setUp();
    const leader = start();
    await world.advance(1);
    const follower = start({ watch: true });
    await world.advance(5_000);
    await follower.election.stop();
    expect(await follower.result).toBe('stopped');
    expect(follower.reasons).toEqual([]);
    expect(server.epochs).toEqual([1]);
    await leader.election.stop();
    expect(world.sleeping).toBe(0);
  });

  it('takes over from a dead leader within 20 s of its last renewal, whenever it died', async () => {
    for (let ms = 0; ms < 4_000; ms += 530) {
      const { world, start } = setUp();
      const first = start();
      await world.advance(0);
      const second = start({ watch: true });
      await world.advance(7_000 + ms);
      first.machine.freeze();
      const died = world.monoMs();
      await world.until(() => isLeading(second), 20_000);
      expect(world.monoMs() - died).toBeLessThan(20_000);
      await second.election.stop();
    }
  });
});

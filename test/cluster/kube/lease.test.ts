// SPDX-License-Identifier: Apache-2.0
// Election, fence and Events on a real API server, with times shortened in proportion.
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../../src/instrumentation/system-clock.ts';
import { createObject, getObject } from '../../../src/kube/apply.ts';
import { EventRecorder } from '../../../src/kube/events.ts';
import { LeaseElection, type LeaseOptions, type StopReason } from '../../../src/kube/lease.ts';
import { readLease } from '../../../src/kube/lease-record.ts';
import { listObjects } from '../../../src/kube/list.ts';
import { BUILT_IN } from '../../../src/kube/resource.ts';
import type { Transport } from '../../../src/kube/transport.ts';
import type { ControlPlane } from '../../rig/control-plane/control-plane.ts';
import { startControlPlane } from '../../rig/control-plane/start-control-plane.ts';
import type { FaultProxy } from '../../rig/fault-proxy/fault-proxy.ts';
import { configMap, connect, connectAdmin, eventually, proxyBefore } from './connect.ts';

const TIMES = { leaseMs: 6_000, renewDeadlineMs: 4_000, retryMs: 800 };
const AT = { namespace: 'default', name: 'homeostat' };

let cluster: ControlPlane;
let admin: Transport;
let seed = 100;
let candidates: { proxy: FaultProxy; transport: Transport; election: LeaseElection }[] = [];

beforeAll(async () => {
  cluster = await startControlPlane({ name: 'kube-lease' });
  admin = await connectAdmin(cluster);
}, 20 * 60_000);

afterAll(async () => {
  await admin?.close();
  await cluster?.stop();
});

beforeEach(() => {
  candidates = [];
});

afterEach(async () => {
  await Promise.all(
    candidates.map(async ({ election, transport, proxy }) => {
      await election.stop();
      await transport.close();
      await proxy.stop();
    }),
  );
  await cluster.kubectl(['delete', 'lease', 'homeostat', '-n', 'default', '--ignore-not-found']);
});

async function candidate(options: Partial<LeaseOptions> = {}) {
  seed += 1;
  const proxy = await proxyBefore(cluster, seed);
  const transport = connect(proxy.endpoint());
  const reasons: StopReason[] = [];
  const epochs: number[] = [];
  const election = new LeaseElection({
    transport,
    clock: systemClock,
    random: Math.random,
    ...AT,
    identity: `host_${seed}`,
    times: TIMES,
    highestRecordedEpoch: () => Promise.resolve(0),
    onStartedLeading: (epoch, signal) => {
      epochs.push(epoch);
      return new Promise((resolve) => {
        signal.addEventListener('abort', () => resolve(), { once: true });
      });
    },
    onStoppedLeading: (reason) => reasons.push(reason),
    ...options,
  });
  const result = election.run();
  const one = { proxy, transport, election, reasons, epochs, result };
  candidates.push(one);
  return one;
}

const leads = ({ election }: { election: LeaseElection }) => election.epoch() !== null;
const record = async () => readLease(await getObject(admin, BUILT_IN.leases, AT));

describe('LeaseElection on a real API server', () => {
  it('elects one, hands over at once on stop, and counts epochs and transitions', async () => {
    const first = await candidate();
    await eventually('first leads', () => leads(first));
    const second = await candidate();
    await systemClock.sleep(2_500);
    expect(leads(second)).toBe(false);
    expect(await record()).toMatchObject({ holder: first.election.identity, epoch: 1 });
    await first.election.stop();
    await eventually('second leads', () => leads(second));
    expect(await record()).toMatchObject({ epoch: 2, transitions: 1, durationMs: 6_000 });
    await second.election.stop();
    expect(await record()).toMatchObject({ holder: '', durationMs: 1_000 });
  });

  it('R8: a leader that is cut off stops writing before another one starts', async () => {
    const first = await candidate();
    await eventually('first leads', () => leads(first));
    const second = await candidate();
    const guard = first.election.fence();
    first.proxy.rules.add({ on: 'before', fault: { kind: 'drop' } });
    first.proxy.cutAll();
    let lastAllowed = 0;
    let secondAt = 0;
    await eventually('second leads', () => {
      if (first.election.mayWrite()) lastAllowed = performance.now();
      if (leads(second) && secondAt === 0) secondAt = performance.now();
      return secondAt > 0;
    });
    expect(lastAllowed + guard.writeDeadlineMs).toBeLessThan(secondAt);
    expect(await first.result).toBe('overdue');
    expect(guard.signal.aborted).toBe(true);
    const object = configMap('default', 'fenced');
    const late = createObject(admin, BUILT_IN.configMaps, object, { guard });
    await expect(late).rejects.toMatchObject({ sent: 'no' });
    expect(second.epochs).toEqual([2]);
  });

  it('R2: leads, and keeps leading, through lost replies to its own writes', async () => {
    const one = await candidate();
    one.proxy.rules.add({
      on: 'after',
      resource: 'leases',
      verb: 'create',
      fault: { kind: 'reset' },
    });
    one.proxy.rules.add({
      on: 'after',
      resource: 'leases',
      verb: 'patch',
      nth: 3,
      fault: { kind: 'reset' },
    });
    await eventually('leads', () => leads(one));
    await systemClock.sleep(6_000);
    expect(leads(one)).toBe(true);
    expect(one.election.mayWrite()).toBe(true);
    expect((await record()).epoch).toBe(one.election.epoch());
    expect(one.epochs).toHaveLength(1);
  });

  it('steps down when its Lease is deleted, and the next epoch is above every record', async () => {
    const first = await candidate({ highestRecordedEpoch: () => Promise.resolve(41) });
    await eventually('first leads', () => leads(first));
    expect(first.epochs).toEqual([42]);
    await cluster.kubectl(['delete', 'lease', 'homeostat', '-n', 'default']);
    expect(await first.result).toBe('deleted');
    const second = await candidate({ highestRecordedEpoch: () => Promise.resolve(42) });
    await eventually('second leads', () => leads(second));
    expect(second.epochs).toEqual([43]);
  });
});

describe('EventRecorder on a real API server', () => {
  it('writes an Event that the server accepts, and turns its repetition into a series', async () => {
    const recorder = new EventRecorder({
      transport: admin,
      clock: systemClock,
      random: Math.random,
      controller: 'homeostat.dev/operator',
      instance: 'host_1',
    });
    recorder.start();
    const regarding = {
      apiVersion: 'v1',
      kind: 'Pod',
      namespace: 'default',
      name: 'web',
      uid: 'u',
    };
    const cluster = { ...regarding, kind: 'Node', namespace: '' };
    for (const about of [regarding, regarding, regarding, cluster]) {
      recorder.emit({
        type: 'Warning',
        reason: 'MemoryLeak',
        action: 'Restart',
        note: `${'long '.repeat(400)}\n`,
        regarding: about,
      });
    }
    await recorder.stop(30_000);
    expect(recorder.counters).toMatchObject({ failed: 0, droppedFull: 0, droppedSpam: 0 });
    const query = { type: BUILT_IN.events, namespace: 'default' };
    const { items } = await listObjects(admin, query);
    const ours = items.filter((each) => each['reportingController'] === 'homeostat.dev/operator');
    expect(ours.map((each) => (each['regarding'] as { kind: string }).kind).sort()).toEqual([
      'Node',
      'Pod',
    ]);
    const ofPod = ours.find((each) => (each['regarding'] as { kind: string }).kind === 'Pod');
    expect(ofPod).toMatchObject({ series: { count: 3 }, reason: 'MemoryLeak', type: 'Warning' });
  });
});

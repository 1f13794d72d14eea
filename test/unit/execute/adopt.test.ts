// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import type { HealingActionStatus } from '../../../src/api/healing-action.ts';
import { adoptOpenRecords, highestRecordEpoch } from '../../../src/execute/adopt.ts';
import { ModelApiServer } from '../../model/api-server.ts';
import { type FaultPlan, FaultPort, isWrite } from '../../model/fault-port.ts';
import { ACTIONS } from '../../model/shop.ts';
import { VirtualClock } from '../../model/virtual-clock.ts';
import { SPEC } from './records.ts';

const SELF = { epoch: 5, holder: 'young' };

const world = (records: Readonly<Record<string, HealingActionStatus | null>>, plan?: FaultPlan) => {
  const clock = new VirtualClock();
  const server = new ModelApiServer(clock);
  for (const [name, status] of Object.entries(records)) {
    server.put(ACTIONS, {
      metadata: { name, namespace: 'shop' },
      spec: SPEC,
      ...(status === null ? {} : { status }),
    });
  }
  const cluster = new FaultPort(server.portFor('young'), plan);
  const adopt = () => adoptOpenRecords({ cluster, clock }, SELF);
  const writes = () => server.audit.filter(({ request }) => isWrite(request));
  const statusOf = (name: string): HealingActionStatus =>
    server.find(ACTIONS, { namespace: 'shop', name })?.status as HealingActionStatus;
  return { server, clock, cluster, adopt, writes, statusOf };
};

const fence = (epoch: number, holder = 'old') => ({ fence: { epoch, holder } });

describe('adoptOpenRecords', () => {
  it('writes its epoch into every open record, and changes nothing else', async () => {
    const nextAttemptAt = '2026-03-01T12:05:00.000Z';
    const { adopt, statusOf } = world({
      planned: null,
      waiting: {
        phase: 'Admitted',
        admittedAt: '2026-03-01T12:00:00.000Z',
        nextAttemptAt,
        ...fence(4),
      },
      ended: { phase: 'Failed', ...fence(4) },
    });
    const adoption = await adopt();
    expect(adoption).toMatchObject({ kind: 'adopted', unreadable: [] });
    expect(statusOf('planned')).toMatchObject({ phase: 'Planned', fence: SELF });
    expect(statusOf('waiting')).toMatchObject({
      phase: 'Admitted',
      fence: SELF,
      nextAttemptAt,
      admittedAt: '2026-03-01T12:00:00.000Z',
    });
    expect(statusOf('ended').fence).toEqual({ epoch: 4, holder: 'old' });
  });

  it('writes nothing the second time', async () => {
    const { adopt, writes } = world({ open: { phase: 'Settling', ...fence(4) } });
    await adopt();
    expect(writes()).toHaveLength(1);
    expect(await adopt()).toMatchObject({
      kind: 'adopted',
      records: [{ metadata: { name: 'open' } }],
    });
    expect(writes()).toHaveLength(1);
  });

  it('takes over from another holder of the same epoch', async () => {
    const { adopt, statusOf } = world({ open: { phase: 'Settling', ...fence(5, 'twin') } });
    await adopt();
    expect(statusOf('open').fence).toEqual(SELF);
  });

  it('stops at a higher epoch and writes nothing there', async () => {
    const { adopt, writes } = world({ open: { phase: 'Settling', ...fence(6) } });
    expect(await adopt()).toEqual({ kind: 'fenced', epoch: 6 });
    expect(writes()).toEqual([]);
  });

  it.each([
    ['a conflict', { kind: 'refuse', status: 409 }],
    ['a lost reply', { kind: 'lost' }],
    ['a lost request', { kind: 'dropped' }],
    ['a 500', { kind: 'refuse', status: 500 }],
  ] as const)('gets over %s', async (_, fault) => {
    const plan: FaultPlan = ({ writeIndex }) => (writeIndex === 0 ? fault : null);
    const { adopt, statusOf } = world({ open: { phase: 'Settling', ...fence(4) } }, plan);
    expect(await adopt()).toMatchObject({ kind: 'adopted' });
    expect(statusOf('open').fence).toEqual(SELF);
  });

  it('says that it failed when a record cannot be written, and when the list cannot be read', async () => {
    const denied: FaultPlan = ({ request }) =>
      isWrite(request) ? { kind: 'refuse', status: 403 } : null;
    const one = world({ open: { phase: 'Settling', ...fence(4) } }, denied);
    expect(await one.adopt()).toMatchObject({ kind: 'failed' });
    expect(one.writes().length).toBe(0);
    const away = world({}, () => ({ kind: 'dropped' }));
    expect(await away.adopt()).toMatchObject({ kind: 'failed' });
  });

  it('names a record that it cannot read and adopts the others', async () => {
    const { server, adopt } = world({ open: { phase: 'Settling', ...fence(4) } });
    server.put(ACTIONS, { metadata: { name: 'strange', namespace: 'shop' }, spec: {} });
    const adoption = await adopt();
    expect(adoption).toMatchObject({ kind: 'adopted', unreadable: ['strange'] });
  });
});

describe('highestRecordEpoch', () => {
  it('is the highest of all records, ended ones too, and 0 without any', async () => {
    const { clock, cluster } = world({
      open: { phase: 'Settling', ...fence(4) },
      ended: { phase: 'Failed', ...fence(9) },
    });
    expect(await highestRecordEpoch({ cluster, clock })).toBe(9);
    const none = world({});
    expect(await highestRecordEpoch({ cluster: none.cluster, clock: none.clock })).toBe(0);
  });

  it('is not known when the records cannot be read', async () => {
    const { clock, cluster } = world({}, () => ({ kind: 'dropped' }));
    expect(await highestRecordEpoch({ cluster, clock })).toBeNull();
  });
});

// SPDX-License-Identifier: Apache-2.0
// Kills the operator before and after every write of a fault-free run. Whatever was lost, the pod is
// evicted once, the record ends once, and the incident says so.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { AuditEvent } from '../../rig/control-plane/audit.ts';
import type { ControlPlane } from '../../rig/control-plane/control-plane.ts';
import { startControlPlane } from '../../rig/control-plane/start-control-plane.ts';
import { bundleOperator, type Seat, takeSeats } from '../../rig/leaky-shop/seat.ts';
import { openShop, type Shop } from '../../rig/leaky-shop/shop.ts';
import { Player, type Round, type Strike } from './rounds.ts';
import { enumerateWrites, evictionsByUid, isAccepted, resourceOf } from './writes.ts';

const MINUTE = 60_000;
const SEATS = 4;
/** How often a write that did not come by is waited for in a further round. */
const TRIES = 3;
/**
 * Writes of every healing: a sweep that does not strike each of them proves nothing. The other writes
 * are views, which a run may skip: when two things happen within one round, the first is not written.
 */
const INDISPENSABLE = [
  'create incidents',
  'patch incidents/status Mitigating',
  'patch incidents/status Resolved',
  'create pods/eviction rehearsal',
  'create healingactions',
  'patch healingactions/status Admitted',
  'patch healingactions/status Executing',
  'create pods/eviction live',
  'patch healingactions/status Settling',
  'patch healingactions/status Verifying',
  'patch healingactions/status Succeeded',
];

const say = (line: string): void => void process.stdout.write(`${line}\n`);
const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`;

const describeStrike = ({ side, write }: Strike): string => `${side.padEnd(6)} ${write}`;

const row = (round: Round): string => {
  const record = round.outcome?.records[0];
  const incident = round.outcome?.incidents[0];
  const what = round.strike === null ? 'no fault' : describeStrike(round.strike);
  return [
    what.padEnd(66),
    (round.strike !== null && !round.wasStruck ? 'missed' : seconds(round.untilStrikeMs)).padStart(
      8,
    ),
    seconds(round.untilEndMs).padStart(8),
    `${record?.status?.phase ?? 'no record'} ${record?.status?.reason ?? ''}`.padEnd(22),
    `${incident?.status?.state ?? 'no incident'} ${incident?.status?.reason ?? ''}`,
    round.failure,
  ].join('  ');
};

/** What is wrong with a round, by what the cluster says of it; empty: nothing. */
const faultsOf = ({ failure, outcome, target }: Round): readonly string[] => {
  if (outcome === null) return [failure];
  const { records, incidents, policy } = outcome;
  const found = {
    records: records.map(({ spec, status }) => [spec.target.uid, status?.phase, status?.reason]),
    incidents: incidents.map(({ spec, status }) => [
      spec.subject.pod.uid,
      status?.state,
      status?.reason,
    ]),
    lastAction: policy.status?.lastAction?.phase,
  };
  const wanted = {
    records: [[target, 'Succeeded', 'Effective']],
    incidents: [[target, 'Resolved', 'Effective']],
    lastAction: 'Succeeded',
  };
  return JSON.stringify(found) === JSON.stringify(wanted) ? [] : [JSON.stringify(found)];
};

let cluster: ControlPlane;
let shop: Shop;
let seats: readonly Seat[] = [];
beforeAll(async () => {
  cluster = await startControlPlane({ name: 'kill-sweep', kwok: true, fsync: true });
  await cluster.addKwokNodes(2, { capacity: { cpu: '64', memory: '256Gi', pods: '500' } });
  shop = await openShop(cluster);
  const main = await bundleOperator(cluster);
  seats = await takeSeats(cluster, shop, { count: SEATS, main });
}, 20 * MINUTE);
afterAll(async () => {
  await Promise.all(seats.map((seat) => seat.stop()));
  await shop?.close();
  await cluster?.stop();
}, 2 * MINUTE);

/** Accepted creations of records, by the incident that they answer. */
const recordsByIncident = (audit: readonly AuditEvent[]): ReadonlyMap<string, number> => {
  const counts = new Map<string, number>();
  for (const event of audit) {
    if (event.verb !== 'create' || resourceOf(event) !== 'healingactions' || !isAccepted(event))
      continue;
    const body = event.requestObject as { spec: { incidentRef: { name: string } } };
    const { name } = body.spec.incidentRef;
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  return counts;
};

/** Strikes until nothing is left; a write that did not come by is tried again at the end. */
const sweep = async (
  players: readonly Player[],
  strikes: readonly Strike[],
): Promise<readonly Round[]> => {
  const queue = strikes.map((strike) => ({ strike, tries: 1 }));
  const rounds: Round[] = [];
  const work = async (player: Player): Promise<void> => {
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
      // What only a new process writes does not come by in one that runs already.
      const round = await player.play(next.strike, next.tries > 1);
      say(row(round));
      rounds.push(round);
      const isMissed = round.failure === '' && !round.wasStruck;
      if (isMissed && next.tries < TRIES) queue.push({ ...next, tries: next.tries + 1 });
    }
  };
  await Promise.all(players.map(work));
  return rounds;
};

describe('kill sweep', () => {
  it(
    'heals once, whichever write the operator is killed before or after',
    async () => {
      const startedAt = performance.now();
      const players = seats.map((seat) => new Player(cluster, shop, seat));
      const clean = await Promise.all(players.map((player) => player.play(null)));
      for (const round of clean) say(row(round));
      expect(clean.flatMap(faultsOf)).toEqual([]);

      const audit = await cluster.audit.read();
      const runs = players.map(({ namespace }) => enumerateWrites(audit, namespace));
      const writes = [...new Set(runs.flat())];
      const always = new Set(writes.filter((write) => runs.every((run) => run.includes(write))));
      say(`${writes.length} writes of ${SEATS} fault-free runs (* in each of them):`);
      for (const write of writes) say(`  ${always.has(write) ? '*' : ' '} ${write}`);
      for (const write of INDISPENSABLE) expect(always).toContain(write);

      const strikes = writes.flatMap((write) =>
        (['before', 'after'] as const).map((side) => ({ write, side })),
      );
      const rounds = await sweep(players, strikes);
      say(`${rounds.length} rounds in ${seconds(performance.now() - startedAt)}`);

      const struck = new Set(
        rounds.filter(({ wasStruck }) => wasStruck).map(({ strike }) => describeStrike(strike!)),
      );
      const missed = strikes.filter((strike) => !struck.has(describeStrike(strike)));
      for (const strike of missed)
        say(`did not come by in ${TRIES} rounds: ${describeStrike(strike)}`);
      expect(missed.filter(({ write }) => INDISPENSABLE.includes(write))).toEqual([]);
      expect(
        rounds.flatMap((round) => faultsOf(round).map((what) => [round.strike, what])),
      ).toEqual([]);

      const wholeAudit = await cluster.audit.read();
      const targets = [...clean, ...rounds].map(({ target }) => target);
      expect(evictionsByUid(wholeAudit)).toEqual(new Map(targets.map((uid) => [uid, 1])));
      const created = recordsByIncident(wholeAudit);
      expect([...created.values()].filter((count) => count !== 1)).toEqual([]);
      expect(created.size).toBe(targets.length);
    },
    20 * MINUTE,
  );
});

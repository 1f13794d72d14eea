// SPDX-License-Identifier: Apache-2.0
/**
 * The first deed of a new leader: its epoch into every open record. From then on the old leader's
 * next write of any of them fails, because the resourceVersion that it knows is no longer the record's.
 */
import type { HealingAction } from '../api/healing-action.ts';
import type { ClusterPort } from '../domain/cluster.ts';
import { parseHealingAction } from './parse-kinds.ts';
import { statusPatch } from './protocol-state.ts';
import { textAt } from './raw-json.ts';
import { type ReadPorts, readList } from './reads.ts';
import { fenceEpochOf, isOpen, phaseOf, RECORDS } from './record.ts';

/** Who adopts. */
export interface Adopter {
  readonly epoch: number;
  readonly holder: string;
}

/** What became of an adoption. */
export type Adoption =
  /** Every open record carries the epoch now; they are to be driven. */
  | {
      readonly kind: 'adopted';
      readonly records: readonly HealingAction[];
      /** Names of records that this version cannot read; nothing is done about them. */
      readonly unreadable: readonly string[];
    }
  /** A record carries a higher epoch: this process is not the newest leader and must stop. */
  | { readonly kind: 'fenced'; readonly epoch: number }
  /** Something could not be read or written: try again, and act on nothing before it succeeds. */
  | { readonly kind: 'failed'; readonly message: string };

type One = HealingAction | { readonly fencedBy: number } | { readonly failed: string } | null;

/** A conflict means that somebody else wrote; a few are normal, endless ones are not. */
const MAX_CONFLICTS = 5;

/** The newest owner of a record: its creator until somebody wrote a fence. */
const isAdopted = ({ spec, status }: HealingAction, self: Adopter): boolean => {
  const { epoch, holder } = status?.fence ?? spec.fencing;
  return epoch === self.epoch && holder === self.holder;
};

const fenceWrite = (record: HealingAction, self: Adopter) => {
  const { nextAttemptAt } = record.status ?? {};
  const waiting = nextAttemptAt === undefined ? {} : { nextAttemptAt };
  return statusPatch(record, self, { phase: phaseOf(record), ...waiting });
};

/** Says what a copy of a record means for its adoption; `undefined`: it is still to be written. */
const judge = (record: HealingAction, self: Adopter): One | undefined => {
  if (!isOpen(record)) return null;
  if (fenceEpochOf(record) > self.epoch) return { fencedBy: fenceEpochOf(record) };
  return isAdopted(record, self) ? record : undefined;
};

/** Reads a record again; `null`: it is gone. */
const reread = async (cluster: ClusterPort, record: HealingAction): Promise<One> => {
  const { namespace, name } = record.metadata;
  const reply = await cluster.send({ verb: 'get', ...RECORDS, namespace, name });
  if (reply.kind === 'refused' && reply.status === 404) return null;
  const current = reply.kind === 'ok' ? parseHealingAction(reply.body) : null;
  return current ?? { failed: `HealingAction ${namespace}/${name} cannot be read` };
};

const isRecord = (one: One): one is HealingAction => one !== null && 'spec' in one;

const adoptOne = async (
  cluster: ClusterPort,
  first: HealingAction,
  self: Adopter,
): Promise<One> => {
  let record = first;
  for (let writes = 0; writes < MAX_CONFLICTS; writes += 1) {
    const judged = judge(record, self);
    if (judged !== undefined) return judged;
    const reply = await cluster.send(fenceWrite(record, self));
    if (reply.kind === 'notSent') return { failed: reply.message };
    const written = reply.kind === 'ok' ? parseHealingAction(reply.body) : null;
    const current: One = written ?? (await reread(cluster, record));
    if (!isRecord(current)) return current;
    record = current;
  }
  const { namespace, name } = record.metadata;
  return judge(record, self) ?? { failed: `HealingAction ${namespace}/${name} cannot be written` };
};

/**
 * Adopts every open record of the cluster. Idempotent: a record that already carries the epoch is not
 * written again, so it may be called again and again, and finds records that arrive late.
 * @param ports whose writes are fenced for the adopter's epoch
 */
export const adoptOpenRecords = async (ports: ReadPorts, self: Adopter): Promise<Adoption> => {
  const list = await readList(ports, RECORDS);
  if (list.kind === 'unknown') return { kind: 'failed', message: list.missing };
  const unreadable: string[] = [];
  const records: HealingAction[] = [];
  for (const raw of list.value) {
    const record = parseHealingAction(raw);
    if (record === null) {
      unreadable.push(textAt(raw, 'metadata', 'name'));
      continue;
    }
    const adopted = await adoptOne(ports.cluster, record, self);
    if (adopted === null) continue;
    if ('fencedBy' in adopted) return { kind: 'fenced', epoch: adopted.fencedBy };
    if ('failed' in adopted) return { kind: 'failed', message: adopted.failed };
    records.push(adopted);
  }
  return { kind: 'adopted', records, unreadable };
};

/**
 * Finds the highest epoch in any record, for the epoch of a new term (DESIGN 4.8); `null` when the
 * records cannot be read, and then no term may begin.
 */
export const highestRecordEpoch = async (ports: ReadPorts): Promise<number | null> => {
  const list = await readList(ports, RECORDS);
  if (list.kind === 'unknown') return null;
  const epochs = list.value
    .map(parseHealingAction)
    .map((record) => (record === null ? 0 : fenceEpochOf(record)));
  return Math.max(0, ...epochs);
};

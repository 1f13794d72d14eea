// SPDX-License-Identifier: Apache-2.0
import { OPEN_PHASES } from '../../src/api/healing-action.ts';
import type { AuditEntry } from './api-server.ts';
import { type Call, type Fault, type FaultPlan, isWrite } from './fault-port.ts';
import { OperatorProcess, type ProcessOptions } from './operator-process.ts';
import { ACTIONS, Shop, type ShopOptions } from './shop.ts';

const MINUTE = 60_000;
/** From the death of a leader to the start of the next one, in ms. */
const TAKEOVER_MS = 18_000;

/** Tells whether the world's one record exists and is over. */
export const isOver = (shop: Shop): boolean => {
  const phases = shop.server.peek(ACTIONS).map(({ status }) => status?.phase ?? 'Planned');
  return phases.length > 0 && !phases.some((phase) => OPEN_PHASES.includes(phase));
};

/** Runs until the record is over and a while longer, so that late writes would be seen. */
export const settle = async (shop: Shop, limitMs: number = 30 * MINUTE): Promise<void> => {
  await shop.clock.until(() => isOver(shop), limitMs);
  await shop.clock.advance(10_000);
};

/** A fault that hits one write, counted over the life of the process. */
export const atWrite =
  (writeIndex: number, fault: Fault) =>
  (call: Call): Fault | null =>
    call.writeIndex === writeIndex ? fault : null;

/** Runs a world with one process to its end, starting a new process whenever the last one died. */
export const runWithRestarts = async (
  options: ShopOptions,
  first: ProcessOptions,
  later: ProcessOptions = {},
): Promise<Shop> => {
  const shop = await Shop.open(options);
  const processes = [await OperatorProcess.start(shop, 'operator-1', first)];
  for (let life = 2; life < 20; life += 1) {
    const process = processes.at(-1) as OperatorProcess;
    await shop.clock.until(() => process.isStopped || isOver(shop), 30 * MINUTE);
    if (!process.isStopped) break;
    await shop.clock.advance(TAKEOVER_MS);
    processes.push(await OperatorProcess.start(shop, `operator-${life}`, later));
  }
  await settle(shop);
  for (const process of processes) process.kill();
  return shop;
};

/** Names the writes of a fault-free run, by verb, resource and phase. */
export const writesOfFaultFreeRun = async (options: ShopOptions): Promise<readonly string[]> => {
  const shop = await runWithRestarts(options, {});
  return shop.server.audit
    .filter(({ request }) => isWrite(request))
    .map(({ request }) => {
      const { phase } = (request.body as { status?: { phase?: string } }).status ?? {};
      const parts = [request.verb, request.resource, request.subresource, phase];
      const dryRun = request.dryRun === true ? 'dryRun' : undefined;
      return [...parts, dryRun].filter((part) => part !== undefined).join(' ');
    });
};

/** Duration of the lease in ms. */
export const LEASE_MS = 15_000;

/** Accepted writes of a user from an index of the audit log on, dry runs included. */
export const acceptedAfter = (shop: Shop, user: string, index: number): readonly AuditEntry[] =>
  shop.server.audit
    .slice(index)
    .filter((entry) => entry.user === user && isWrite(entry.request) && entry.status < 300);

/** Two leaders, one of which stood still. */
export interface Duel {
  readonly shop: Shop;
  readonly old: OperatorProcess;
  readonly young: OperatorProcess;
}

/** Freezes the old leader at one of its requests, lets the next one take over, and thaws the old one. */
export const duel = async (
  what: { readonly freeze: FaultPlan; readonly thaw: 'afterAdoption' | 'afterTheEnd' },
  options: ShopOptions = {},
  processes: { readonly both?: ProcessOptions; readonly young?: ProcessOptions } = {},
): Promise<Duel> => {
  const shop = await Shop.open(options);
  const old = await OperatorProcess.start(shop, 'old', { ...processes.both, plan: what.freeze });
  await shop.clock.until(() => old.isStopped, MINUTE);
  await shop.clock.advance(LEASE_MS);
  const young = await OperatorProcess.start(shop, 'young', {
    ...processes.both,
    ...processes.young,
  });
  await shop.clock.until(() => young.adoptedAt !== null, MINUTE);
  if (what.thaw === 'afterTheEnd') await shop.clock.until(() => isOver(shop), 30 * MINUTE);
  old.port.thaw();
  await settle(shop);
  old.kill();
  young.kill();
  return { shop, old, young };
};

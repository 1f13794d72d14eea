// SPDX-License-Identifier: Apache-2.0
// Remembers which nodes this machine runs, so that a node left behind by a process that was killed
// is found and removed before the next one starts. One folder a slot:
//
//   /run/homeostat-real-node/SLOT/   name owner netns link cgroups programs scratch [unshare-pid]
//
// It lies in /run, since all that it names is gone after a reboot too. A folder appears complete,
// by rename, and a slot has at most one: that is the lock.
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { runCommand } from '../toolchain/run-command.ts';
import { type AddressPlan, collidingRoute, planOf, SLOTS } from './address-plan.ts';
import type { NodeGroup } from './cgroups.ts';

const registerFolder = '/run/homeostat-real-node';
const removeScript = join(import.meta.dirname, 'remove.sh');

/** Names all that a run makes on the machine outside its own namespaces. */
export interface RunEntry {
  readonly name: string;
  readonly netns: string;
  readonly group: NodeGroup;
  readonly scratch: string;
}

/** Is a slot that belongs to this process, with the register folder that says so. */
export interface ClaimedRun extends RunEntry {
  readonly plan: AddressPlan;
  readonly register: string;
}

/** A process number alone may be another process by now; together with its start it is not. */
const identityOf = async (pid: number): Promise<string | undefined> => {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined);
  // Fields are counted after the command name, which may itself hold blanks and brackets.
  const fields = stat?.slice(stat.lastIndexOf(')') + 2).split(' ');
  if (fields === undefined || fields[0] === 'Z') return undefined;
  return `${pid} ${fields[19]}`;
};

const isAlive = async (owner: string): Promise<boolean> =>
  owner !== '' && (await identityOf(Number(owner.split(' ')[0]))) === owner;

const read = async (register: string, file: string): Promise<string | undefined> => {
  const text = await readFile(join(register, file), 'utf8').catch(() => undefined);
  return text?.trim();
};

/** Is one run of the register as found there. */
export interface FoundRun {
  readonly name: string;
  readonly register: string;
  readonly ownerPid: number;
  readonly ownerAlive: boolean;
}

/** Lists the runs in the register. */
export const listRuns = async (): Promise<readonly FoundRun[]> => {
  const slots = (await readdir(registerFolder).catch(() => [])).filter((file) =>
    /^\d+$/.test(file),
  );
  const runs = await Promise.all(
    slots.map(async (slot) => {
      const register = join(registerFolder, slot);
      const name = await read(register, 'name');
      const owner = (await read(register, 'owner')) ?? '';
      if (name === undefined) return [];
      const ownerPid = Number(owner.split(' ')[0]);
      return [{ name, register, ownerPid, ownerAlive: await isAlive(owner) }];
    }),
  );
  return runs.flat();
};

/** Removes a run and all that it left. Throws with the script's words when something stays. */
export const removeRun = async (register: string, name: string): Promise<void> => {
  const { code, stderr } = await runCommand(removeScript, [register, name]);
  if (code !== 0 || stderr.trim() !== '') {
    throw new Error(`node ${name} was not removed completely: ${stderr.trim()}`);
  }
};

/** Removes every run whose owner is dead and returns their names. */
export const removeDeadRuns = async (): Promise<readonly string[]> => {
  const dead = (await listRuns()).filter((run) => !run.ownerAlive);
  for (const run of dead) await removeRun(run.register, run.name);
  return dead.map((run) => run.name);
};

const routesOfMachine = async (): Promise<readonly string[]> => {
  const { stdout } = await runCommand('ip', ['-4', '-json', 'route']);
  const routes = JSON.parse(stdout || '[]') as readonly { dst: string }[];
  return routes.map((route) => route.dst);
};

const isTaken = (error: unknown): boolean =>
  error instanceof Error &&
  'code' in error &&
  (error.code === 'ENOTEMPTY' || error.code === 'EEXIST');

/** Of two runs that claim one name in the same moment the one with the lower slot keeps it. */
const yieldToNamesake = async (register: string, name: string, slot: number): Promise<void> => {
  const rival = (await listRuns()).find(
    (run) => run.name === name && Number(basename(run.register)) < slot,
  );
  if (rival === undefined) return;
  await rm(register, { recursive: true });
  throw new Error(`node ${name} is already run by process ${rival.ownerPid}`);
};

/**
 * Takes the first free slot for a run. Throws when a living process has a run of this name, when
 * all slots are taken, or when the machine's own routes leave none; the message says which.
 */
export const claimRun = async (entry: RunEntry): Promise<ClaimedRun> => {
  const same = (await listRuns()).find((run) => run.name === entry.name);
  if (same !== undefined) {
    throw new Error(`node ${entry.name} is already run by process ${same.ownerPid}`);
  }
  const routes = await routesOfMachine();
  const reasons: string[] = [];
  const draft = join(registerFolder, `.draft-${process.pid}-${entry.name}`);
  for (let slot = 0; slot < SLOTS; slot += 1) {
    const plan = planOf(slot);
    const collision = collidingRoute(plan, routes);
    if (collision !== undefined) {
      reasons.push(`slot ${slot}: the machine has a route to ${collision}`);
      continue;
    }
    await mkdir(draft, { recursive: true });
    const files = {
      name: entry.name,
      owner: (await identityOf(process.pid)) ?? '',
      netns: entry.netns,
      link: plan.hostLink,
      cgroups: entry.group.roots.join('\n'),
      programs: entry.group.programs.join('\n'),
      scratch: entry.scratch,
    };
    for (const [file, text] of Object.entries(files)) {
      await writeFile(join(draft, file), `${text}\n`);
    }
    const register = join(registerFolder, String(slot));
    try {
      await rename(draft, register);
      await yieldToNamesake(register, entry.name, slot);
      return { ...entry, plan, register };
    } catch (error) {
      await rm(draft, { recursive: true, force: true });
      if (!isTaken(error)) throw error;
      reasons.push(`slot ${slot}: taken`);
    }
  }
  throw new Error(`no addresses are free for another node:\n${reasons.join('\n')}`);
};

// SPDX-License-Identifier: Apache-2.0
// Makes the namespaces of a node and the link between them and the machine, and runs programs
// inside.
import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import type { Socket } from 'node:net';
import { join } from 'node:path';
import { waitFor } from '../control-plane/wait-for.ts';
import { runCommand } from '../toolchain/run-command.ts';
import { type CgroupLayout, createNodeGroup, settleNodeGroup } from './cgroups.ts';
import { type ClaimedRun, removeRun } from './run-register.ts';

const script = (name: string): string => join(import.meta.dirname, name);

/** Is the environment of every program inside a node: nothing of the user's, no proxy. */
export const nodeEnvironment = (path: readonly string[] = []): NodeJS.ProcessEnv => ({
  PATH: [
    ...path,
    '/usr/local/sbin',
    '/usr/local/bin',
    '/usr/sbin',
    '/usr/bin',
    '/sbin',
    '/bin',
  ].join(':'),
  HOME: '/root',
  LANG: 'C.UTF-8',
});

/** Lists values that the kubelet demands and would otherwise set for the whole machine. */
const kubeletSysctls = {
  'vm.overcommit_memory': '1',
  'vm.panic_on_oom': '0',
  'kernel.panic': '10',
  'kernel.panic_on_oops': '1',
  'kernel.keys.root_maxkeys': '1000000',
  'kernel.keys.root_maxbytes': '25000000',
} as const;

const ip = async (...args: readonly string[]): Promise<void> => {
  const { code, stderr } = await runCommand('ip', args);
  if (code !== 0) throw new Error(`\`ip ${args.join(' ')}\` failed: ${stderr.trim()}`);
};

/**
 * Links the network namespace with the machine. The node gets no default route on purpose: nothing
 * in it can leave through the machine's own interfaces.
 */
const createNetwork = async ({ netns, plan }: ClaimedRun): Promise<void> => {
  await ip('netns', 'add', netns);
  await ip('link', 'add', plan.hostLink, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', netns);
  await ip('address', 'add', `${plan.hostIp}/30`, 'dev', plan.hostLink);
  await ip('link', 'set', plan.hostLink, 'up');
  await ip('-n', netns, 'address', 'add', `${plan.nodeIp}/30`, 'dev', 'eth0');
  await ip('-n', netns, 'link', 'set', 'eth0', 'up');
  for (const range of [plan.serviceCidr, plan.clusterCidr]) {
    await ip('route', 'add', range, 'via', plan.nodeIp, 'dev', plan.hostLink);
  }
};

const createScratch = async (scratch: string): Promise<void> => {
  for (const folder of ['var/lib', 'var/log', 'work/lib', 'work/log', 'sysctl']) {
    await mkdir(join(scratch, folder), { recursive: true });
  }
  for (const [key, value] of Object.entries(kubeletSysctls)) {
    await writeFile(join(scratch, 'sysctl', key), `${value}\n`);
  }
};

/** Returns the only child of a process, once it has one. */
const childOf = (pid: number): Promise<number> =>
  waitFor(`process ${pid} started its child`, async () => {
    const children = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8');
    const [child] = children.trim().split(' ');
    return child !== undefined && child !== '' && Number(child);
  });

/** Configures the namespaces of a node. */
export interface NamespaceOptions {
  readonly run: ClaimedRun;
  readonly layout: CgroupLayout;
  readonly nodeName: string;
}

/** Configures a program that runs inside a node. */
export interface EnterOptions {
  readonly env?: NodeJS.ProcessEnv | undefined;
  readonly stdio?: SpawnOptions['stdio'];
}

/** Is a machine of its own made of namespaces; ends, and clears up, with this process. */
export class NodeNamespaces {
  readonly #run: ClaimedRun;
  readonly #keeper: ChildProcess;
  readonly #ended: Promise<void>;
  readonly #errors: string[] = [];
  #pid = 0;

  private constructor(run: ClaimedRun, keeper: ChildProcess) {
    this.#run = run;
    this.#keeper = keeper;
    keeper.stderr?.setEncoding('utf8').on('data', (text: string) => this.#errors.push(text));
    this.#ended = new Promise((resolve) => {
      keeper.once('close', () => resolve());
    });
  }

  /** Makes the namespaces and waits until they can be entered. On failure all is removed again. */
  static async create(options: NamespaceOptions): Promise<NodeNamespaces> {
    const { run, layout } = options;
    try {
      await createScratch(run.scratch);
      await createNodeGroup(layout, run.netns);
      await createNetwork(run);
      const namespaces = new NodeNamespaces(run, startKeeper(options));
      await settleNodeGroup(layout, run.netns, await namespaces.#waitUntilReady());
      return namespaces;
    } catch (error) {
      await removeRun(run.register, run.name);
      throw error;
    }
  }

  /** Returns the first process and the one outside that waits for it. */
  async #waitUntilReady(): Promise<readonly number[]> {
    let output = '';
    await new Promise<void>((resolve, reject) => {
      this.#keeper.stdout?.setEncoding('utf8').on('data', (text: string) => {
        output += text;
        if (output.includes('ready\n')) resolve();
      });
      void this.#ended.then(() =>
        reject(new Error(`the first process of the node failed: ${this.#errors.join('').trim()}`)),
      );
    });
    const unshare = await this.#unsharePid();
    this.#pid = await childOf(unshare);
    // A script that has ended must not be kept alive by the node that it forgot to stop.
    this.#keeper.unref();
    for (const stream of [this.#keeper.stdin, this.#keeper.stdout, this.#keeper.stderr]) {
      (stream as Socket | null)?.unref();
    }
    return [unshare, this.#pid];
  }

  /** The keeper notes it right after the start, which may be a moment later than `ready`. */
  async #unsharePid(): Promise<number> {
    const file = join(this.#run.register, 'unshare-pid');
    return waitFor('the keeper noted what it started', async () => {
      const text = await readFile(file, 'utf8');
      return text.endsWith('\n') && Number(text);
    });
  }

  /** Is the network namespace, as `ip netns` names it. */
  get netns(): string {
    return this.#run.netns;
  }

  /** Is the first process of the node, as the machine numbers it: the target for nsenter. */
  get pid(): number {
    return this.#pid;
  }

  /**
   * Returns the command that runs a program inside all namespaces and control groups of the node.
   * Paths must be absolute, since entering changes the working directory.
   */
  command(argv: readonly string[]): readonly string[] {
    return [script('enter.sh'), this.#run.register, String(this.#pid), ...argv];
  }

  /** Starts a program inside the node; the returned process is the one that waits for it outside. */
  spawn(argv: readonly string[], { env, stdio }: EnterOptions = {}): ChildProcess {
    const [file = '', ...args] = this.command(argv);
    return spawn(file, args, { env: env ?? nodeEnvironment(), stdio: stdio ?? 'pipe' });
  }

  /**
   * Starts a program of the machine in the network namespace only: it sees the machine's files and
   * the node's network, and ends with the node.
   */
  spawnInNetwork(argv: readonly string[], { env, stdio }: EnterOptions = {}): ChildProcess {
    const args = [this.#run.register, 'net', ...argv];
    return spawn(script('enter.sh'), args, { env: env ?? process.env, stdio: stdio ?? 'pipe' });
  }

  /** Ends everything inside and removes what was made. Throws when something stays. */
  async remove(): Promise<void> {
    this.#keeper.ref();
    this.#keeper.stdin?.end();
    await this.#ended;
    // The keeper has removed all by now. Should it have been killed, this does it.
    await removeRun(this.#run.register, this.#run.name);
    const errors = this.#errors.join('').trim();
    if (errors !== '') throw new Error(`node ${this.#run.name}: ${errors}`);
  }
}

const startKeeper = ({ run, nodeName }: NamespaceOptions): ChildProcess =>
  spawn(script('keep.sh'), [run.register, run.name, script('init.sh')], {
    env: {
      ...nodeEnvironment(),
      NODE_NAME: nodeName,
      NODE_IP: run.plan.nodeIp,
      SERVICE_CIDR: run.plan.serviceCidr,
      SCRATCH: run.scratch,
      CGROUP_MOUNTS: run.group.mounts.join('\n'),
    },
    stdio: ['pipe', 'pipe', 'pipe'],
    // A session of its own: an interrupt from the terminal must reach this process only.
    detached: true,
  });

// SPDX-License-Identifier: Apache-2.0
// Reads how this machine mounts its control groups, and makes the group that a node lives in.
//
//   version 1   one folder of the same name in each hierarchy; programs are in it themselves
//   version 2   one folder; programs are in its child `programs`, since a group that hands its
//               controllers on to children may hold no process itself
import { access, mkdir, readFile, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';

/** Describes one mounted hierarchy of version 1. */
export interface CgroupHierarchy {
  /** Where this machine has it. */
  readonly mountPoint: string;
  /** Its controllers, or `name=...` for one without. */
  readonly controllers: readonly string[];
}

/** Says how the machine mounts control groups of a version that a node can use. */
export type CgroupLayout =
  | { readonly version: 1; readonly hierarchies: readonly CgroupHierarchy[] }
  | { readonly version: 2; readonly mountPoint: string };

/** Lists the controllers of version 1 without which containers have no limits. */
const REQUIRED = ['cpu', 'cpuacct', 'cpuset', 'memory', 'devices', 'freezer', 'pids'] as const;

const OPTIONAL = ['blkio', 'hugetlb', 'net_cls', 'net_prio', 'perf_event'] as const;

const KNOWN: ReadonlySet<string> = new Set([...REQUIRED, ...OPTIONAL]);

/** Lists the controllers of version 2 that the kubelet demands. */
const REQUIRED_2 = ['cpu', 'cpuset', 'memory', 'pids'] as const;

interface Mount {
  readonly mountPoint: string;
  readonly type: string;
  readonly superOptions: readonly string[];
}

/** A line is: id parent device root MOUNTPOINT options [optional...] - TYPE source SUPEROPTIONS. */
const mountsOf = (mountInfo: string): readonly Mount[] =>
  mountInfo
    .split('\n')
    .filter((line) => line.includes(' - '))
    .map((line) => {
      const [before = '', after = ''] = line.split(' - ');
      const [type = '', , superOptions = ''] = after.split(' ');
      const mountPoint = before.split(' ')[4] ?? '';
      return { mountPoint, type, superOptions: superOptions.split(',') };
    });

const hierarchiesOf = (mounts: readonly Mount[]): readonly CgroupHierarchy[] =>
  mounts
    .filter((mount) => mount.type === 'cgroup')
    .map(({ mountPoint, superOptions }) => ({
      mountPoint,
      controllers: superOptions.filter((option) => KNOWN.has(option) || option.startsWith('name=')),
    }))
    .filter(
      ({ controllers }, index, all) =>
        controllers.length > 0 &&
        all.findIndex((each) => each.controllers.join() === controllers.join()) === index,
    );

/**
 * Reads the layout from the text of /proc/self/mountinfo; undefined without control groups. A
 * machine that has the memory controller in version 1 counts as version 1, whatever else it mounts.
 */
export const cgroupLayout = (mountInfo: string): CgroupLayout | undefined => {
  const mounts = mountsOf(mountInfo);
  const hierarchies = hierarchiesOf(mounts);
  if (hierarchies.some(({ controllers }) => controllers.includes('memory'))) {
    return { version: 1, hierarchies };
  }
  const unified = mounts.find((mount) => mount.type === 'cgroup2');
  return unified && { version: 2, mountPoint: unified.mountPoint };
};

/** Returns the layout of this machine. */
export const thisCgroupLayout = async (): Promise<CgroupLayout | undefined> =>
  cgroupLayout(await readFile('/proc/self/mountinfo', 'utf8').catch(() => ''));

/** Holds what the root group of version 2 says about itself. */
export interface RootGroup {
  readonly controllers: readonly string[];
  /** Controllers that it hands on to its children already. */
  readonly handedOn: readonly string[];
  /** Whether it is the root of the machine, which alone may hold processes and hand on as well. */
  readonly isMachineRoot: boolean;
}

/** Returns why a node cannot run below this root group, or undefined when it can. */
export const rootGroupProblem = (root: RootGroup): string | undefined => {
  const missing = REQUIRED_2.filter((each) => !root.controllers.includes(each));
  if (missing.length > 0) {
    return `the control group controllers ${missing.join(', ')} are not available`;
  }
  const held = REQUIRED_2.filter((each) => !root.handedOn.includes(each));
  if (held.length === 0 || root.isMachineRoot) return undefined;
  return `the control group of this container does not hand on ${held.join(', ')} to others`;
};

const words = async (path: string): Promise<readonly string[]> =>
  (await readFile(path, 'utf8').catch(() => '')).split(/\s+/).filter((word) => word !== '');

/** Returns why a node cannot run with this layout, or undefined when it can. Changes nothing. */
export const layoutProblem = async (
  layout: CgroupLayout | undefined,
): Promise<string | undefined> => {
  if (layout === undefined) return 'no control groups are mounted (see /proc/self/mountinfo)';
  if (layout.version === 1) {
    const present = new Set(layout.hierarchies.flatMap(({ controllers }) => controllers));
    const missing = REQUIRED.filter((controller) => !present.has(controller));
    if (missing.length === 0) return undefined;
    return `the control group controllers ${missing.join(', ')} are not mounted`;
  }
  const file = (name: string) => join(layout.mountPoint, name);
  return rootGroupProblem({
    controllers: await words(file('cgroup.controllers')),
    handedOn: await words(file('cgroup.subtree_control')),
    // Every group has a type but the root.
    isMachineRoot: await access(file('cgroup.type')).then(
      () => false,
      () => true,
    ),
  });
};

/** Names the folders of a node's group. */
export interface NodeGroup {
  /** Roots of the group, one a hierarchy: what the node sees as its own root, and what is removed. */
  readonly roots: readonly string[];
  /** Folders that a program of the node joins. */
  readonly programs: readonly string[];
  /** Mounts of the node: `MOUNTPOINT TYPE OPTIONS`, in their order. */
  readonly mounts: readonly string[];
}

/** Returns where the group with this name is, without making it. */
export const nodeGroup = (layout: CgroupLayout, name: string): NodeGroup => {
  if (layout.version === 2) {
    const root = join(layout.mountPoint, name);
    const mounts = ['/sys/fs/cgroup cgroup2 rw'];
    return { roots: [root], programs: [join(root, 'programs')], mounts };
  }
  const roots = layout.hierarchies.map(({ mountPoint }) => join(mountPoint, name));
  const mounts = layout.hierarchies.map(({ mountPoint, controllers }) => {
    const isNamed = controllers.some((each) => each.startsWith('name='));
    const options = [...(isNamed ? ['none'] : []), ...controllers].join(',');
    return `/sys/fs/cgroup/${basename(mountPoint)} cgroup ${options}`;
  });
  return { roots, programs: roots, mounts: ['/sys/fs/cgroup tmpfs mode=755', ...mounts] };
};

const handOn = async (folder: string): Promise<void> => {
  const present = await words(join(folder, 'cgroup.controllers'));
  const wanted = [...REQUIRED_2, 'io', 'hugetlb'].filter((each) => present.includes(each));
  const text = wanted.map((each) => `+${each}`).join(' ');
  await writeFile(join(folder, 'cgroup.subtree_control'), text);
};

/**
 * Makes the group. A new one of the version 1 controller `cpuset` has no processors and no memory
 * nodes and accepts no process, so it takes those of its parent.
 */
export const createNodeGroup = async (layout: CgroupLayout, name: string): Promise<void> => {
  const { programs } = nodeGroup(layout, name);
  if (layout.version === 2) await handOn(layout.mountPoint);
  for (const folder of programs) await mkdir(folder, { recursive: true });
  if (layout.version === 2) return;
  for (const { mountPoint, controllers } of layout.hierarchies) {
    if (!controllers.includes('cpuset')) continue;
    for (const file of ['cpuset.cpus', 'cpuset.mems']) {
      await writeFile(join(mountPoint, name, file), await readFile(join(mountPoint, file), 'utf8'));
    }
  }
};

/**
 * Lets the group of version 2 hand on its controllers to the kubelet's groups, once its first
 * processes have taken it as the root of their namespace: they move to `programs`.
 */
export const settleNodeGroup = async (
  layout: CgroupLayout,
  name: string,
  pids: readonly number[],
): Promise<void> => {
  if (layout.version === 1) return;
  const { roots, programs } = nodeGroup(layout, name);
  for (const pid of pids) await writeFile(join(programs[0] ?? '', 'cgroup.procs'), String(pid));
  await handOn(roots[0] ?? '');
};

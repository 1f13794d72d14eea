// SPDX-License-Identifier: Apache-2.0
// Reads how this machine mounts its control groups, and makes the group that a node lives in: one
// folder of the same name in each hierarchy.
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** Describes one mounted hierarchy of version 1. */
export interface CgroupHierarchy {
  /** Where this machine has it. */
  readonly mountPoint: string;
  /** Its controllers, or `name=...` for one without. */
  readonly controllers: readonly string[];
}

/** Says which version of control groups the machine uses, with its hierarchies for version 1. */
export type CgroupLayout =
  | { readonly version: 1; readonly hierarchies: readonly CgroupHierarchy[] }
  | { readonly version: 2 }
  | { readonly version: 'none' };

/** Lists the controllers without which containers have no limits. */
const REQUIRED = ['cpu', 'cpuacct', 'cpuset', 'memory', 'devices', 'freezer', 'pids'] as const;

const KNOWN = new Set<string>([
  ...REQUIRED,
  'blkio',
  'hugetlb',
  'net_cls',
  'net_prio',
  'perf_event',
]);

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

/**
 * Reads the layout from the text of /proc/self/mountinfo. A machine that has the controllers in
 * version 1 counts as version 1, whatever else it mounts.
 */
export const cgroupLayout = (mountInfo: string): CgroupLayout => {
  const mounts = mountsOf(mountInfo);
  const hierarchies = mounts
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
  if (hierarchies.some(({ controllers }) => controllers.includes('memory'))) {
    return { version: 1, hierarchies };
  }
  return { version: mounts.some((mount) => mount.type === 'cgroup2') ? 2 : 'none' };
};

/** Returns why a node cannot run with this layout, or undefined when it can. */
export const layoutProblem = (layout: CgroupLayout): string | undefined => {
  switch (layout.version) {
    case 'none':
      return 'no control groups are mounted (see /proc/self/mountinfo)';
    case 2:
      return 'this machine uses control groups of version 2, the real node supports version 1 (boot with `systemd.unified_cgroup_hierarchy=0` where that still exists)';
    case 1: {
      const present = new Set(layout.hierarchies.flatMap(({ controllers }) => controllers));
      const missing = REQUIRED.filter((controller) => !present.has(controller));
      if (missing.length === 0) return undefined;
      return `the control group controllers ${missing.join(', ')} are not mounted`;
    }
  }
};

/** Returns the layout of this machine. */
export const thisCgroupLayout = async (): Promise<CgroupLayout> =>
  cgroupLayout(await readFile('/proc/self/mountinfo', 'utf8').catch(() => ''));

/** Returns the folders of a node's group, one a hierarchy. */
export const cgroupFolders = (
  hierarchies: readonly CgroupHierarchy[],
  name: string,
): readonly string[] => hierarchies.map(({ mountPoint }) => join(mountPoint, name));

/**
 * Makes the group in each hierarchy. A new group of `cpuset` has no processors and no memory nodes
 * and accepts no process, so it takes those of its parent.
 */
export const createCgroups = async (
  hierarchies: readonly CgroupHierarchy[],
  name: string,
): Promise<void> => {
  for (const { mountPoint, controllers } of hierarchies) {
    const folder = join(mountPoint, name);
    await mkdir(folder, { recursive: true });
    if (!controllers.includes('cpuset')) continue;
    for (const file of ['cpuset.cpus', 'cpuset.mems']) {
      await writeFile(join(folder, file), await readFile(join(mountPoint, file), 'utf8'));
    }
  }
};

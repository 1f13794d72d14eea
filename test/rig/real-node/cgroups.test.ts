// SPDX-License-Identifier: Apache-2.0
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  cgroupLayout,
  createNodeGroup,
  layoutProblem,
  nodeGroup,
  type RootGroup,
  rootGroupProblem,
} from './cgroups.ts';

const line = (mountPoint: string, type: string, options: string): string =>
  `30 25 0:26 / ${mountPoint} rw,nosuid shared:9 - ${type} ${type} ${options}`;

const separate = ['cpu', 'cpuacct', 'cpuset', 'memory', 'devices', 'freezer', 'pids'];
const version1 = separate.map((each) => line(`/sys/fs/cgroup/${each}`, 'cgroup', `rw,${each}`));

describe('cgroupLayout', () => {
  it('reads hierarchies of version 1, joined controllers and named ones included', () => {
    const text = [
      line('/', 'ext4', 'rw'),
      line('/sys/fs/cgroup/cpu,cpuacct', 'cgroup', 'rw,cpu,cpuacct'),
      line('/sys/fs/cgroup/memory', 'cgroup', 'rw,memory'),
      line('/sys/fs/cgroup/systemd', 'cgroup', 'rw,xattr,name=systemd'),
      line('/sys/fs/cgroup/unified', 'cgroup2', 'rw,nsdelegate'),
    ].join('\n');
    expect(cgroupLayout(text)).toEqual({
      version: 1,
      hierarchies: [
        { mountPoint: '/sys/fs/cgroup/cpu,cpuacct', controllers: ['cpu', 'cpuacct'] },
        { mountPoint: '/sys/fs/cgroup/memory', controllers: ['memory'] },
        { mountPoint: '/sys/fs/cgroup/systemd', controllers: ['name=systemd'] },
      ],
    });
  });

  it('takes a hierarchy that is mounted twice once', () => {
    const text = [...version1, ...version1].join('\n');
    const layout = cgroupLayout(text);
    expect(layout?.version === 1 && layout.hierarchies.length).toBe(version1.length);
  });

  it('knows version 2, and a machine with neither', () => {
    expect(cgroupLayout(line('/sys/fs/cgroup', 'cgroup2', 'rw'))).toEqual({
      version: 2,
      mountPoint: '/sys/fs/cgroup',
    });
    expect(cgroupLayout(line('/', 'ext4', 'rw'))).toBeUndefined();
    expect(cgroupLayout('')).toBeUndefined();
  });
});

describe('layoutProblem', () => {
  it('finds none in version 1 with all controllers', async () => {
    expect(await layoutProblem(cgroupLayout(version1.join('\n')))).toBeUndefined();
  });

  it('names the controllers of version 1 that are not mounted', async () => {
    const text = version1.filter((each) => !/(pids|cpuset)$/.test(each)).join('\n');
    expect(await layoutProblem(cgroupLayout(text))).toBe(
      'the control group controllers cpuset, pids are not mounted',
    );
  });

  it('says that nothing is mounted', async () => {
    expect(await layoutProblem(undefined)).toMatch('no control groups are mounted');
  });

  it('reads the root group of version 2', async () => {
    const mountPoint = await mkdtemp(join(tmpdir(), 'homeostat-groups-'));
    try {
      await writeFile(join(mountPoint, 'cgroup.controllers'), 'cpuset cpu io memory pids\n');
      await writeFile(join(mountPoint, 'cgroup.subtree_control'), 'cpu memory\n');
      expect(await layoutProblem({ version: 2, mountPoint })).toBeUndefined();
      await writeFile(join(mountPoint, 'cgroup.type'), 'domain\n');
      expect(await layoutProblem({ version: 2, mountPoint })).toMatch(/not hand on cpuset, pids/);
    } finally {
      await rm(mountPoint, { recursive: true });
    }
  });
});

describe('rootGroupProblem', () => {
  const machine: RootGroup = {
    controllers: ['cpuset', 'cpu', 'io', 'memory', 'hugetlb', 'pids'],
    handedOn: [],
    isMachineRoot: true,
  };
  it.each<[string, RootGroup, RegExp | undefined]>([
    ['the root of a machine', machine, undefined],
    [
      'one that lacks the memory controller',
      { ...machine, controllers: ['cpuset', 'cpu', 'pids'] },
      /controllers memory are not available/,
    ],
    ['a container that hands on nothing', { ...machine, isMachineRoot: false }, /not hand on/],
    [
      'a container that hands on all',
      { ...machine, isMachineRoot: false, handedOn: ['cpuset', 'cpu', 'memory', 'pids'] },
      undefined,
    ],
  ])('judges %s', (_what, root, problem) => {
    if (problem === undefined) expect(rootGroupProblem(root)).toBeUndefined();
    else expect(rootGroupProblem(root)).toMatch(problem);
  });
});

describe('nodeGroup', () => {
  it('keeps programs of version 2 out of the group whose controllers are handed on', () => {
    const group = nodeGroup({ version: 2, mountPoint: '/sys/fs/cgroup' }, 'node');
    expect(group.roots).toEqual(['/sys/fs/cgroup/node']);
    expect(group.programs).toEqual(['/sys/fs/cgroup/node/programs']);
  });

  it('mounts named hierarchies of version 1 without a controller', () => {
    const hierarchies = [{ mountPoint: '/sys/fs/cgroup/systemd', controllers: ['name=systemd'] }];
    expect(nodeGroup({ version: 1, hierarchies }, 'node').mounts).toEqual([
      '/sys/fs/cgroup tmpfs mode=755',
      '/sys/fs/cgroup/systemd cgroup none,name=systemd',
    ]);
  });
});

describe('createNodeGroup', () => {
  it('gives a new cpuset group the processors and memory nodes of its parent', async () => {
    const root = await mkdtemp(join(tmpdir(), 'homeostat-groups-'));
    try {
      const mountPoint = join(root, 'cpuset');
      await mkdir(mountPoint);
      await writeFile(join(mountPoint, 'cpuset.cpus'), '0-1\n');
      await writeFile(join(mountPoint, 'cpuset.mems'), '0\n');
      const hierarchies = [{ mountPoint, controllers: ['cpuset'] }];
      await createNodeGroup({ version: 1, hierarchies }, 'node');
      expect(await readFile(join(mountPoint, 'node/cpuset.cpus'), 'utf8')).toBe('0-1\n');
      expect(await readFile(join(mountPoint, 'node/cpuset.mems'), 'utf8')).toBe('0\n');
    } finally {
      await rm(root, { recursive: true });
    }
  });
});

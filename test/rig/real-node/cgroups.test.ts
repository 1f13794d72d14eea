// SPDX-License-Identifier: Apache-2.0
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { cgroupLayout, createCgroups, layoutProblem } from './cgroups.ts';

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
    expect(layout.version === 1 && layout.hierarchies.length).toBe(version1.length);
  });

  it('knows version 2, and a machine with neither', () => {
    expect(cgroupLayout(line('/sys/fs/cgroup', 'cgroup2', 'rw'))).toEqual({ version: 2 });
    expect(cgroupLayout(line('/', 'ext4', 'rw'))).toEqual({ version: 'none' });
    expect(cgroupLayout('')).toEqual({ version: 'none' });
  });
});

describe('layoutProblem', () => {
  it('finds none in version 1 with all controllers', () => {
    expect(layoutProblem(cgroupLayout(version1.join('\n')))).toBeUndefined();
  });

  it('names the controllers that are not mounted', () => {
    const text = version1.filter((each) => !/(pids|cpuset)$/.test(each)).join('\n');
    expect(layoutProblem(cgroupLayout(text))).toBe(
      'the control group controllers cpuset, pids are not mounted',
    );
  });
});

describe('createCgroups', () => {
  it('gives a new cpuset group the processors and memory nodes of its parent', async () => {
    const root = await mkdtemp(join(tmpdir(), 'homeostat-groups-'));
    try {
      const mountPoint = join(root, 'cpuset');
      await mkdir(mountPoint);
      await writeFile(join(mountPoint, 'cpuset.cpus'), '0-1\n');
      await writeFile(join(mountPoint, 'cpuset.mems'), '0\n');
      await createCgroups([{ mountPoint, controllers: ['cpuset'] }], 'node');
      expect(await readFile(join(mountPoint, 'node/cpuset.cpus'), 'utf8')).toBe('0-1\n');
      expect(await readFile(join(mountPoint, 'node/cpuset.mems'), 'utf8')).toBe('0\n');
    } finally {
      await rm(root, { recursive: true });
    }
  });
});

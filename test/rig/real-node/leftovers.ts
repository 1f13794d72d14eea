// SPDX-License-Identifier: Apache-2.0
// Looks for what a run may have left on this machine, without the register that the rig itself
// keeps: by names in /proc, /sys and the folder of temporary files.
import { readdir, readFile, readlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runCommand } from '../toolchain/run-command.ts';

const text = (path: string): Promise<string> => readFile(path, 'utf8').catch(() => '');

const listed = (path: string): Promise<readonly string[]> => readdir(path).catch(() => []);

/** A process belongs to a run when its group, its command line or its folder bears the name. */
const processesOf = async (name: string): Promise<readonly string[]> => {
  const pids = (await listed('/proc')).filter((entry) => /^\d+$/.test(entry));
  const found = await Promise.all(
    pids
      .filter((pid) => Number(pid) !== process.pid)
      .map(async (pid) => {
        const folder = await readlink(`/proc/${pid}/cwd`).catch(() => '');
        const command = (await text(`/proc/${pid}/cmdline`)).replaceAll('\0', ' ');
        const groups = await text(`/proc/${pid}/cgroup`);
        const traces = [groups, command, folder].join('\n');
        return traces.includes(`homeostat-${name}`) ? [`process ${pid}: ${command}`] : [];
      }),
  );
  return found.flat();
};

/**
 * Returns what of the run with this name is on the machine: processes, network namespace, control
 * groups, mounts, folders, register entries, and the links named.
 */
export const leftoversOf = async (
  name: string,
  links: readonly string[] = [],
): Promise<readonly string[]> => {
  const mark = `homeostat-${name}`;
  const { stdout: namespaces } = await runCommand('ip', ['netns', 'list']);
  const { stdout: present } = await runCommand('ip', ['-brief', 'link', 'show']);
  // With version 2 the folder itself is the hierarchy, with version 1 it holds them.
  const hierarchies = ['', ...(await listed('/sys/fs/cgroup'))];
  const groups = await Promise.all(
    hierarchies.map(async (hierarchy) => {
      const folder = join('/sys/fs/cgroup', hierarchy);
      return (await listed(folder)).filter((entry) => entry === mark).map(() => folder);
    }),
  );
  const mounts = (await text('/proc/self/mountinfo')).split('\n');
  const register = '/run/homeostat-real-node';
  const entries = await Promise.all(
    (await listed(register)).map(async (slot) => [slot, await text(join(register, slot, 'name'))]),
  );
  return [
    ...(await processesOf(name)),
    ...namespaces.split('\n').filter((line) => line.split(' ')[0] === mark),
    ...links.filter((link) => present.includes(`${link}@`)),
    ...groups.flat().map((folder) => `control group in ${folder}`),
    ...mounts.filter((line) => line.includes(mark) || line.includes(`real-node/${name}`)),
    ...(await listed(tmpdir())).filter((entry) => entry.startsWith(`${mark}-`)),
    ...(await listed(join(tmpdir(), 'homeostat-real-node')))
      .filter((entry) => entry === name)
      .map((entry) => `folder of ${entry}`),
    ...entries.filter(([, owner]) => owner?.trim() === name).map(([slot]) => `register ${slot}`),
  ];
};

// SPDX-License-Identifier: Apache-2.0
// Whether this machine can run a real node, and what it lacks when it cannot.
import { access, constants, readFile, statfs } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { layoutProblem, thisCgroupLayout } from './cgroups.ts';

/** Says whether a real node can run here; `reason` is one sentence for people. */
export type CanRun = { readonly ok: true } | { readonly ok: false; readonly reason: string };

/** Lists programs that must be in PATH; the rest of them comes from the project's own builds. */
const PROGRAMS = ['bash', 'flock', 'ip', 'mount', 'nsenter', 'openssl', 'unshare'] as const;

/** CAP_SYS_ADMIN and CAP_NET_ADMIN by their bit numbers: namespaces, mounts, interfaces. */
const CAPABILITIES = { CAP_NET_ADMIN: 12n, CAP_SYS_ADMIN: 21n } as const;

const isInPath = async (program: string): Promise<boolean> => {
  const folders = (process.env['PATH'] ?? '').split(delimiter).concat('/usr/sbin', '/sbin');
  const found = await Promise.all(
    folders.map((folder) =>
      access(join(folder, program), constants.X_OK).then(
        () => true,
        () => false,
      ),
    ),
  );
  return found.includes(true);
};

/** Returns the names of needed capabilities that are absent from the text of /proc/self/status. */
export const missingCapabilities = (status: string): readonly string[] => {
  const effective = BigInt(`0x${/^CapEff:\s*([0-9a-f]+)$/m.exec(status)?.[1] ?? '0'}`);
  return Object.entries(CAPABILITIES)
    .filter(([, bit]) => (effective & (1n << bit)) === 0n)
    .map(([name]) => name);
};

/** Returns what of the kernel is missing, from the text of /proc/filesystems. */
export const missingFileSystems = (fileSystems: string): readonly string[] =>
  ['overlay', 'tmpfs', 'sysfs'].filter(
    (name) => !fileSystems.split('\n').some((line) => line.split('\t')[1] === name),
  );

/** Is the number by which the kernel tells an overlay (OVERLAYFS_SUPER_MAGIC). */
const OVERLAY_FILE_SYSTEM = 0x794c7630;

/** Images are unpacked into layers of an overlay, and those cannot lie on another overlay. */
const temporaryFolderProblem = async (): Promise<string | undefined> => {
  const folder = tmpdir();
  const { type } = await statfs(folder);
  if (type !== OVERLAY_FILE_SYSTEM) return undefined;
  return `${folder} is on an overlay file system; set \`TMPDIR\` to a folder on a disk or a tmpfs`;
};

const reasonAgainst = async (): Promise<string | undefined> => {
  if (process.platform !== 'linux') return `it needs Linux, and this is ${process.platform}`;
  if (process.arch !== 'x64') return `its programs are built for x64, and this is ${process.arch}`;
  if (process.getuid?.() !== 0) return 'it needs root, for namespaces and control groups';
  const capabilities = missingCapabilities(await readFile('/proc/self/status', 'utf8'));
  if (capabilities.length > 0) return `this root lacks ${capabilities.join(' and ')}`;
  for (const kind of ['net', 'mnt', 'pid', 'cgroup', 'uts', 'ipc']) {
    const exists = await access(`/proc/self/ns/${kind}`).then(
      () => true,
      () => false,
    );
    if (!exists) return `this kernel has no ${kind} namespaces`;
  }
  const fileSystems = missingFileSystems(await readFile('/proc/filesystems', 'utf8'));
  // A module that is not loaded yet is not listed; only overlay is commonly one.
  const lacking = fileSystems.filter((name) => name !== 'overlay');
  if (lacking.length > 0) return `this kernel has no ${lacking.join(', ')}`;
  for (const program of PROGRAMS) {
    if (!(await isInPath(program))) return `the program \`${program}\` is not installed`;
  }
  return (await temporaryFolderProblem()) ?? layoutProblem(await thisCgroupLayout());
};

/** Tells whether this machine can run a real node. Changes nothing. */
export const canRunRealNode = async (): Promise<CanRun> => {
  const reason = await reasonAgainst();
  return reason === undefined ? { ok: true } : { ok: false, reason };
};

/** Tells whether skipping a test is an error here: in CI, or when `HOMEOSTAT_FORBID_SKIP` is 1. */
export const isSkipForbidden = (env: NodeJS.ProcessEnv = process.env): boolean =>
  env['CI'] === 'true' || env['HOMEOSTAT_FORBID_SKIP'] === '1';

/**
 * Returns undefined when a real node can run here, and else the sentence to print beside a skipped
 * test. Throws that sentence where skipping is forbidden.
 */
export const reasonToSkipRealNode = async (): Promise<string | undefined> => {
  const can = await canRunRealNode();
  if (can.ok) return undefined;
  const sentence = `no real node on this machine: ${can.reason}`;
  if (isSkipForbidden()) throw new Error(`${sentence}; skipping is forbidden here`);
  return sentence;
};

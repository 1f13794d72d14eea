// SPDX-License-Identifier: Apache-2.0
// What a real node takes from Debian instead of building it.
import { access } from 'node:fs/promises';
import { runCommand } from './run-command.ts';
import { ToolchainError } from './toolchain-error.ts';

/** Lists the Debian packages that a real node needs, runc's compile time ones included. */
export const nodePackages = [
  'busybox-static',
  'iproute2',
  'iptables',
  'libseccomp-dev',
  'nftables',
  'pkg-config',
  'socat',
  'util-linux',
] as const;

/** Configures the installation of packages. */
export interface DebianOptions {
  readonly onProgress?: ((line: string) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Returns those of the packages that are not installed; all of them where there is no dpkg. */
export const missingPackages = async (names: readonly string[]): Promise<readonly string[]> => {
  // biome-ignore lint/suspicious/noTemplateCurlyInString: dpkg-query replaces these, not we
  const format = '${binary:Package} ${db:Status-Status}\n';
  const { stdout } = await runCommand('dpkg-query', ['-W', '-f', format, ...names]);
  const installed = new Set(
    stdout
      .split('\n')
      .filter((line) => line.endsWith(' installed'))
      .map((line) => (line.split(' ')[0] ?? '').replace(/:.*/, '')),
  );
  // A name that another package provides counts when that one is there.
  if (installed.has('pkgconf')) installed.add('pkg-config');
  return names.filter((name) => !installed.has(name));
};

const canInstall = async (): Promise<boolean> => {
  const hasApt = await access('/usr/bin/apt-get').then(
    () => true,
    () => false,
  );
  return hasApt && process.getuid?.() === 0;
};

/**
 * Installs the packages that are missing, by apt-get as root on Debian; the package lists are
 * renewed only when needed. Elsewhere throws a ToolchainError that names them.
 */
export const ensureDebianPackages = async (
  names: readonly string[] = nodePackages,
  { onProgress, signal }: DebianOptions = {},
): Promise<void> => {
  const missing = await missingPackages(names);
  if (missing.length === 0) return;
  const remedy = `\`apt-get install ${missing.join(' ')}\``;
  if (!(await canInstall())) {
    throw new ToolchainError(
      `missing packages: ${missing.join(', ')}. Run ${remedy} as root on Debian or Ubuntu, or install the same programs otherwise.`,
    );
  }
  const apt = async (...args: readonly string[]) =>
    runCommand('apt-get', ['-q', '-y', ...args], {
      env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
      signal,
    });
  const install = () => apt('install', '--no-install-recommends', ...missing);
  onProgress?.(`installing Debian packages ${missing.join(', ')} (about 10 s)`);
  let result = await install();
  if (result.code !== 0) {
    onProgress?.('renewing the Debian package lists');
    await apt('update');
    result = await install();
  }
  if (result.code !== 0) {
    const reason = result.stderr.trim().split('\n').slice(-5).join('\n');
    throw new ToolchainError(`${remedy} failed:\n${reason}`);
  }
  onProgress?.(`installed ${missing.length} Debian packages`);
};

/** Checks what a build with cgo needs and throws a ToolchainError that says what is missing. */
export const requireCompilerPackages = async (): Promise<void> => {
  const checks = [
    { file: process.env['CC'] ?? 'gcc', args: ['--version'], wanted: 'gcc' },
    { file: 'pkg-config', args: ['--version'], wanted: 'pkg-config' },
    { file: 'pkg-config', args: ['--exists', 'libseccomp'], wanted: 'libseccomp-dev' },
  ];
  const missing: string[] = [];
  for (const { file, args, wanted } of checks) {
    const { code } = await runCommand(file, args);
    if (code !== 0) missing.push(wanted);
  }
  if (missing.length > 0) {
    throw new ToolchainError(
      `runc needs a C compiler and the seccomp library: run \`apt-get install ${missing.join(' ')}\` as root.`,
    );
  }
};

// SPDX-License-Identifier: Apache-2.0
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ensureDebianPackages, missingPackages } from '../../../rig/toolchain/debian.ts';

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'homeostat-debian-'));
  vi.stubEnv('PATH', folder);
});
afterEach(async () => {
  vi.unstubAllEnvs();
  vi.restoreAllMocks();
  await rm(folder, { recursive: true });
});

const putDpkgQuery = async (output: string) => {
  const path = join(folder, 'dpkg-query');
  await writeFile(path, `#!/bin/sh\nprintf '${output}'\n`);
  await chmod(path, 0o755);
};

describe('missingPackages', () => {
  it('names those that are not installed', async () => {
    await putDpkgQuery('socat installed\\nnftables not-installed\\n');
    expect(await missingPackages(['socat', 'nftables', 'iptables'])).toEqual([
      'nftables',
      'iptables',
    ]);
  });

  it('ignores the architecture and knows that pkgconf provides pkg-config', async () => {
    await putDpkgQuery('libseccomp-dev:amd64 installed\\npkgconf:amd64 installed\\n');
    expect(await missingPackages(['libseccomp-dev', 'pkg-config'])).toEqual([]);
  });

  it('names all where there is no dpkg', async () => {
    expect(await missingPackages(['socat'])).toEqual(['socat']);
  });
});

describe('ensureDebianPackages', () => {
  it('does nothing when all are there', async () => {
    await putDpkgQuery('socat installed\\n');
    await expect(ensureDebianPackages(['socat'])).resolves.toBeUndefined();
  });

  it('says what to run when it may not install', async () => {
    vi.spyOn(process, 'getuid').mockReturnValue(1000);
    await expect(ensureDebianPackages(['socat', 'nftables'])).rejects.toThrow(
      /missing packages: socat, nftables. Run `apt-get install socat nftables` as root/,
    );
  });
});

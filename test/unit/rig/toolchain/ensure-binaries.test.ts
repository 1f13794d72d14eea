// SPDX-License-Identifier: Apache-2.0
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { entryFolder } from '../../../rig/toolchain/cache.ts';
import { ensureBinaries } from '../../../rig/toolchain/ensure-binaries.ts';
import { ToolchainError } from '../../../rig/toolchain/toolchain-error.ts';

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'homeostat-toolchain-'));
  await mkdir(join(folder, 'bin'));
  vi.stubEnv('HOMEOSTAT_CACHE', join(folder, 'cache'));
  vi.stubEnv('KUBEBUILDER_ASSETS', '');
  // No program but those that a test puts there.
  vi.stubEnv('PATH', join(folder, 'bin'));
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(folder, { recursive: true });
});

const putProgram = async (path: string, script: string): Promise<string> => {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, `#!/bin/sh\n${script}\n`);
  await chmod(path, 0o755);
  return path;
};

describe('ensureBinaries', () => {
  it('says what to install when a binary is missing and there is no Go', async () => {
    const attempt = ensureBinaries(['etcd']);
    await expect(attempt).rejects.toThrow(ToolchainError);
    await expect(attempt).rejects.toThrow(/etcd must be built, but there is no `go` in PATH/);
    await expect(attempt).rejects.toThrow(/Install Go 1\.26\.\d+ or newer/);
  });

  it.each(['echo go1.21.3', 'echo "go.mod requires go >= 1.26" >&2; exit 1'])(
    'says what to install when Go is too old (%s)',
    async (script) => {
      await putProgram(join(folder, 'bin', 'go'), script);
      await expect(ensureBinaries(['etcd'])).rejects.toThrow(/too old \(.*Install Go 1\.26/);
    },
  );

  it('uses what the cache has without Go', async () => {
    const path = join(await entryFolder('etcd'), 'go1.26.0', 'etcd');
    await putProgram(path, 'exit 0');
    expect(await ensureBinaries(['etcd'])).toEqual({ etcd: path });
  });

  it('does not use what another Go version built when there is a Go', async () => {
    await putProgram(join(await entryFolder('etcd'), 'go1.26.0', 'etcd'), 'exit 0');
    await putProgram(
      join(folder, 'bin', 'go'),
      '[ "$1" = env ] && echo go1.99.0 && exit 0; echo "no such package" >&2; exit 1',
    );
    await expect(ensureBinaries(['etcd'])).rejects.toThrow(
      /`go build` of etcd failed:\nno such package/,
    );
  });

  it('takes binaries from KUBEBUILDER_ASSETS and the others from the cache', async () => {
    const assets = join(folder, 'assets');
    vi.stubEnv('KUBEBUILDER_ASSETS', assets);
    const etcd = await putProgram(join(assets, 'etcd'), 'exit 0');
    const kwok = join(await entryFolder('kwok'), 'go1.26.0', 'kwok');
    await putProgram(kwok, 'exit 0');
    expect(await ensureBinaries(['kwok', 'etcd'])).toEqual({ etcd, kwok });
  });

  it('refuses a KUBEBUILDER_ASSETS that is no folder', async () => {
    vi.stubEnv('KUBEBUILDER_ASSETS', join(folder, 'absent'));
    await expect(ensureBinaries(['etcd'])).rejects.toThrow(/`KUBEBUILDER_ASSETS` must be a folder/);
  });

  it('builds with the pinned flags, moves the result into the cache and builds it once', async () => {
    const calls = join(folder, 'calls');
    await putProgram(
      join(folder, 'bin', 'go'),
      `[ "$1" = env ] && echo go1.26.9 && exit 0
       echo "CGO_ENABLED=$CGO_ENABLED $*" >> ${calls}
       while [ "$1" != -o ]; do shift; done
       echo "#!/bin/sh" > "$2/kwok"; /bin/chmod 755 "$2/kwok"`,
    );
    const onProgress = vi.fn();
    const first = await ensureBinaries(['kwok'], { onProgress });
    expect(first.kwok).toBe(join(await entryFolder('kwok'), 'go1.26.9', 'kwok'));
    expect(await ensureBinaries(['kwok'])).toEqual(first);
    const { readFile } = await import('node:fs/promises');
    const lines = (await readFile(calls, 'utf8')).trim().split('\n');
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatch(/^CGO_ENABLED=0 build -trimpath .*sigs\.k8s\.io\/kwok\/cmd\/kwok$/);
    expect(onProgress).toHaveBeenCalledWith(
      expect.objectContaining({ kind: 'building', names: ['kwok'] }),
    );
    expect(onProgress).toHaveBeenLastCalledWith(
      expect.objectContaining({ kind: 'built', name: 'kwok' }),
    );
  });

  it('says what a build with cgo lacks', async () => {
    await putProgram(join(folder, 'bin', 'go'), 'echo go1.26.9');
    await expect(ensureBinaries(['runc'])).rejects.toThrow(
      /apt-get install gcc pkg-config libseccomp-dev/,
    );
  });
});

// SPDX-License-Identifier: Apache-2.0
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { binaries, binariesOf, binaryNames } from '../../../rig/toolchain/binaries.ts';
import { batchesOf, outputName } from '../../../rig/toolchain/build.ts';
import { modulesFolder } from '../../../rig/toolchain/cache.ts';
import { isOlder } from '../../../rig/toolchain/go-compiler.ts';

describe('batchesOf', () => {
  it('builds the Kubernetes binaries together and each other module alone', () => {
    const names = batchesOf(['etcd', 'kubectl', 'kwok', 'kubelet']).map((batch) => batch.names);
    expect(names).toEqual([['etcd', 'kubectl', 'kubelet'], ['kwok']]);
  });

  it('keeps binaries with other flags of the same module apart', () => {
    const names = batchesOf(['containerd', 'bridge', 'runc']).map((batch) => batch.names);
    expect(names).toEqual([['containerd'], ['bridge'], ['runc']]);
  });
});

describe('outputName', () => {
  it.each([
    ['k8s.io/kubernetes/cmd/kubelet', 'kubelet'],
    ['go.etcd.io/etcd/server/v3', 'server'],
    ['github.com/containerd/containerd/v2/cmd/ctr', 'ctr'],
    ['github.com/containerd/containerd/v2/cmd/containerd-shim-runc-v2', 'containerd-shim-runc-v2'],
  ])('names the output of %s', (packagePath, name) => {
    expect(outputName(packagePath)).toBe(name);
  });
});

describe('binaries', () => {
  it.each(binaryNames)(
    '%s is a tool of its module, at the version that go.mod pins',
    async (name) => {
      const recipe = binaries[name];
      const text = await readFile(join(modulesFolder, recipe.module, 'go.mod'), 'utf8');
      expect(text).toMatch(new RegExp(`^(tool |\t)${recipe.package}$`, 'm'));
      const pinned = [...text.matchAll(/^\s*(?:require )?(\S+) (v\S+)/gm)].filter(
        ([, module = '']) => recipe.package === module || recipe.package.startsWith(`${module}/`),
      );
      expect(pinned.map(([, , version]) => version)).toContain(recipe.version);
    },
  );

  it('has every binary in exactly one group', () => {
    const groups = (['control-plane', 'tools', 'real-node'] as const).flatMap(binariesOf);
    expect(groups.toSorted()).toEqual([...binaryNames].toSorted());
    expect(binariesOf('all')).toEqual(binaryNames);
  });
});

describe('isOlder', () => {
  it.each([
    ['1.26.8', '1.26.6', false],
    ['1.26.6', '1.26.6', false],
    ['1.26', '1.26.6', true],
    ['1.9.9', '1.26.0', true],
    ['1.27rc1', '1.26.6', false],
    ['2.0', '1.26.6', false],
  ])('compares %s with %s', (version, minimum, expected) => {
    expect(isOlder(version, minimum)).toBe(expected);
  });
});

// SPDX-License-Identifier: Apache-2.0
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  type OciImage,
  packOciArchive,
  qualifiedImageName,
} from '../../../../tools/image/oci-archive.ts';

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'homeostat-oci-'));
});
afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

const example: OciImage = {
  name: 'example:1',
  tree: [{ path: 'app/main.js', content: 'console.log(1)\n', mode: 0o755 }],
  entrypoint: ['/app/main.js'],
  env: { NODE_ENV: 'production' },
  user: '65532:65532',
  workdir: '/app',
};

const sha256 = (content: Buffer): string => createHash('sha256').update(content).digest('hex');

interface Descriptor {
  readonly digest: string;
  readonly size: number;
  readonly annotations?: Record<string, string>;
}

/** Unpacks the archive with the system's tar and follows the digests as a runtime does. */
const read = async (path: string) => {
  const root = join(folder, 'unpacked');
  await mkdir(root);
  execFileSync('tar', ['--warning=no-timestamp', '-xf', path, '-C', root]);
  const blob = async ({ digest, size }: Descriptor): Promise<Buffer> => {
    const content = await readFile(join(root, 'blobs', digest.replace(':', '/')));
    expect(content.length).toBe(size);
    expect(`sha256:${sha256(content)}`).toBe(digest);
    return content;
  };
  const index = JSON.parse(await readFile(join(root, 'index.json'), 'utf8'));
  const manifest = JSON.parse(String(await blob(index.manifests[0])));
  const config = JSON.parse(String(await blob(manifest.config)));
  const layer = await blob(manifest.layers[0]);
  const layout = JSON.parse(await readFile(join(root, 'oci-layout'), 'utf8'));
  const blobs = await readdir(join(root, 'blobs/sha256'));
  return { layout, index, manifest, config, layer, blobs };
};

describe('packOciArchive', () => {
  it('packs what a runtime needs when it follows the digests from the index', async () => {
    const packed = await packOciArchive(example, join(folder, 'example.tar'));
    const image = await read(packed.path);
    expect(image.layout).toEqual({ imageLayoutVersion: '1.0.0' });
    expect(image.index.manifests[0].annotations['io.containerd.image.name']).toBe(
      'docker.io/library/example:1',
    );
    expect(image.index.manifests[0].digest).toBe(packed.digest);
    expect(image.config.rootfs.diff_ids).toEqual([`sha256:${sha256(image.layer)}`]);
    expect(image.config.config).toMatchObject({
      Entrypoint: ['/app/main.js'],
      User: '65532:65532',
      WorkingDir: '/app',
    });
    expect(image.config.config.Env).toContain('NODE_ENV=production');
    expect(image.blobs).toHaveLength(3);
    expect(execFileSync('tar', ['-t'], { input: image.layer }).toString().split('\n')).toEqual([
      'app/',
      'app/main.js',
      '',
    ]);
  });

  it('gives the same bytes when packed twice', async () => {
    const one = await packOciArchive(example, join(folder, 'one.tar'));
    const two = await packOciArchive(example, join(folder, 'two.tar'));
    expect((await readFile(one.path)).equals(await readFile(two.path))).toBe(true);
  });

  it('gives another digest when only a permission differs', async () => {
    const one = await packOciArchive(example, join(folder, 'one.tar'));
    const tree = [{ path: 'app/main.js', content: 'console.log(1)\n', mode: 0o644 }];
    const two = await packOciArchive({ ...example, tree }, join(folder, 'two.tar'));
    expect(two.digest).not.toBe(one.digest);
  });

  it('leaves no file behind when a source file is missing', async () => {
    const tree = [{ path: 'a', from: join(folder, 'absent') }];
    await expect(packOciArchive({ ...example, tree }, join(folder, 'broken.tar'))).rejects.toThrow(
      /ENOENT/,
    );
    expect(await readdir(folder)).toEqual([]);
  });
});

describe('qualifiedImageName', () => {
  it.each([
    ['pause:3', 'docker.io/library/pause:3'],
    ['pause', 'docker.io/library/pause:latest'],
    ['team/app:1.2', 'docker.io/team/app:1.2'],
    ['registry.example/app:1', 'registry.example/app:1'],
    ['localhost/app', 'localhost/app:latest'],
    ['localhost:5000/app', 'localhost:5000/app:latest'],
  ])('names %s as %s', (name, full) => {
    expect(qualifiedImageName(name)).toBe(full);
  });
});

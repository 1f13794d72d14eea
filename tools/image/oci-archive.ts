// SPDX-License-Identifier: Apache-2.0
// Packs a file tree as an OCI archive, without an engine and without a registry: one tar with
//
//   oci-layout      {"imageLayoutVersion":"1.0.0"}
//   index.json      names the manifest and the image (io.containerd.image.name)
//   blobs/sha256/   one uncompressed layer, one config, one manifest
//
// `ctr images import`, `docker load` (25 and later), `podman load` and `skopeo` read it. Equal
// input gives equal bytes.
//
// Source: OCI Image Format Specification 1.1, "image-layout", "manifest", "config".
import { createHash, type Hash } from 'node:crypto';
import { rename, rm, stat } from 'node:fs/promises';
import { completeTree, type TarEntry, tarChunks, writeChunks } from './tar.ts';

/** Describes the image to pack. */
export interface OciImage {
  /** Name and tag, for example `pause:3` or `registry.example/team/app:1.2`. */
  readonly name: string;
  readonly tree: readonly TarEntry[];
  readonly entrypoint: readonly string[];
  readonly cmd?: readonly string[] | undefined;
  readonly env?: Readonly<Record<string, string>> | undefined;
  /** User, as `uid`, `uid:gid` or a name in the image's /etc/passwd; root when absent. */
  readonly user?: string | undefined;
  readonly workdir?: string | undefined;
  readonly labels?: Readonly<Record<string, string>> | undefined;
  /** OCI architecture; `amd64` when absent. */
  readonly architecture?: string | undefined;
}

/** Says what was packed. */
export interface PackedArchive {
  readonly path: string;
  /** Full image name as a container runtime looks it up. */
  readonly image: string;
  /** Digest of the manifest: `sha256:` and 64 hexadecimal digits. */
  readonly digest: string;
  /** Size of the archive in bytes. */
  readonly bytes: number;
}

/**
 * Returns the full form of an image name: registry, repository, tag. Kubernetes asks the runtime
 * for this form, so an image stored under the short one would never be found.
 */
export const qualifiedImageName = (name: string): string => {
  const slash = name.indexOf('/');
  const first = slash < 0 ? '' : name.slice(0, slash);
  const hasRegistry = /[.:]/.test(first) || first === 'localhost';
  const repository = hasRegistry ? name : `docker.io/${slash < 0 ? `library/${name}` : name}`;
  return /:[^/]+$/.test(repository) ? repository : `${repository}:latest`;
};

const digestOf = (content: string | Uint8Array): string =>
  createHash('sha256').update(content).digest('hex');

const configOf = (image: OciImage, layerDigest: string): string =>
  JSON.stringify({
    architecture: image.architecture ?? 'amd64',
    os: 'linux',
    config: {
      ...(image.user === undefined ? {} : { User: image.user }),
      Env: Object.entries({
        PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
        ...image.env,
      })
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .map(([key, value]) => `${key}=${value}`),
      Entrypoint: image.entrypoint,
      ...(image.cmd === undefined ? {} : { Cmd: image.cmd }),
      WorkingDir: image.workdir ?? '/',
      ...(image.labels === undefined ? {} : { Labels: image.labels }),
    },
    rootfs: { type: 'layers', diff_ids: [`sha256:${layerDigest}`] },
  });

interface Blob {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
}

const MEDIA = 'application/vnd.oci.image';

const descriptor = ({ mediaType, digest, size }: Blob) => ({
  mediaType: `${MEDIA}.${mediaType}`,
  digest: `sha256:${digest}`,
  size,
});

const blobEntry = (digest: string) => ({ path: `blobs/sha256/${digest}` });

/**
 * Packs the image into the archive file `path`. The file appears only when it is complete. Throws
 * when a path of the tree is named twice or leaves the tree, or when a source file cannot be read.
 */
export const packOciArchive = async (image: OciImage, path: string): Promise<PackedArchive> => {
  const layerFile = `${path}.${process.pid}.layer`;
  const unfinished = `${path}.${process.pid}.part`;
  try {
    const hash: Hash = createHash('sha256');
    await writeChunks(layerFile, tarChunks(completeTree(image.tree)), (chunk) =>
      hash.update(chunk),
    );
    const layer: Blob = {
      mediaType: 'layer.v1.tar',
      digest: hash.digest('hex'),
      size: (await stat(layerFile)).size,
    };
    const config = configOf(image, layer.digest);
    const configBlob: Blob = {
      mediaType: 'config.v1+json',
      digest: digestOf(config),
      size: Buffer.byteLength(config),
    };
    const manifest = JSON.stringify({
      schemaVersion: 2,
      mediaType: `${MEDIA}.manifest.v1+json`,
      config: descriptor(configBlob),
      layers: [descriptor(layer)],
    });
    const manifestDigest = digestOf(manifest);
    const name = qualifiedImageName(image.name);
    const index = JSON.stringify({
      schemaVersion: 2,
      mediaType: `${MEDIA}.index.v1+json`,
      manifests: [
        {
          ...descriptor({
            mediaType: 'manifest.v1+json',
            digest: manifestDigest,
            size: Buffer.byteLength(manifest),
          }),
          platform: { architecture: image.architecture ?? 'amd64', os: 'linux' },
          annotations: {
            'io.containerd.image.name': name,
            'org.opencontainers.image.ref.name': name.slice(name.lastIndexOf(':') + 1),
          },
        },
      ],
    });
    const members: readonly TarEntry[] = [
      { path: 'oci-layout', content: '{"imageLayoutVersion":"1.0.0"}' },
      { path: 'index.json', content: index },
      { ...blobEntry(manifestDigest), content: manifest },
      { ...blobEntry(configBlob.digest), content: config },
      { ...blobEntry(layer.digest), from: layerFile },
    ];
    await writeChunks(unfinished, tarChunks(completeTree(members)));
    await rename(unfinished, path);
    return {
      path,
      image: name,
      digest: `sha256:${manifestDigest}`,
      bytes: (await stat(path)).size,
    };
  } finally {
    await rm(layerFile, { force: true });
    await rm(unfinished, { force: true });
  }
};

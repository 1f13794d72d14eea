// SPDX-License-Identifier: Apache-2.0
import { type ChildProcess, spawn } from 'node:child_process';
import { copyFile, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { VERSION } from '../../src/version.ts';
import { packImageArchive } from '../../tools/image/build-image.ts';
import { THREAD_ENTRIES } from '../../tools/image/bundle.ts';
import type { PackedArchive } from '../../tools/image/oci-archive.ts';
import { runCommand } from '../rig/toolchain/run-command.ts';
import { archiveConfig, archiveListing, copyListing, lastStage } from './image-listing.ts';

const root = join(import.meta.dirname, '../..');

describe.skipIf(process.platform !== 'linux')('the image', () => {
  let scratch: string;
  let tree: string;
  let packed: PackedArchive;

  beforeAll(async () => {
    scratch = await mkdtemp(join(tmpdir(), 'homeostat-image-'));
    // As the Dockerfile expects it: dist/image below its working folder.
    tree = join(scratch, 'dist/image');
    packed = await packImageArchive(tree);
  });
  afterAll(() => rm(scratch, { recursive: true, force: true }));

  it('has the same files whether an engine builds it or the archive is packed here', async () => {
    const stage = lastStage(await readFile(join(root, 'Dockerfile'), 'utf8'));
    const archived = await archiveListing(packed.path);
    expect(archived).toEqual(await copyListing(stage.copies, scratch));
  });

  it('starts the same way whether an engine builds it or the archive is packed here', async () => {
    const { copies: _, ...stage } = lastStage(await readFile(join(root, 'Dockerfile'), 'utf8'));
    const archived = await archiveConfig(packed.path);
    expect({ ...archived, env: { ...archived.env, PATH: undefined } }).toEqual({
      ...stage,
      env: { ...stage.env, PATH: undefined },
    });
    expect(archived.user).toMatch(/^[1-9][0-9]*:[1-9][0-9]*$/);
  });

  it('holds Node, its libraries, the bundle and two files of etc, and nothing else', async () => {
    const files = Object.entries(await archiveListing(packed.path)).filter(
      ([, mode]) => !mode.startsWith('d'),
    );
    const kinds = [
      /^usr\/local\/bin\/node$/,
      /^(usr\/)?lib(64)?\/([a-z0-9_-]+\/)?(lib[\w+-]+\.so\.\d+|ld-linux[\w-]+\.so\.\d)$/,
      /^app\/chunk-[A-Z0-9]+\.mjs$/,
      /^etc\/(passwd|group)$/,
      ...THREAD_ENTRIES.map((name) => new RegExp(`^app/${name}\\.mjs$`)),
    ];
    const paths = files.map(([path]) => path);
    expect(paths.filter((path) => !kinds.some((kind) => kind.test(path)))).toEqual([]);
    for (const kind of kinds) expect(paths.some((path) => kind.test(path))).toBe(true);
  });

  it('has nothing that its user, or anybody else, may write', async () => {
    const listing = Object.entries(await archiveListing(packed.path));
    expect(listing.filter(([, mode]) => mode[5] === 'w' || mode[8] === 'w')).toEqual([]);
  });

  it('has the same bytes when it is packed again', async () => {
    const again = await packImageArchive(join(scratch, 'again/image'));
    expect(again.digest).toBe(packed.digest);
  });

  describe('the program in it', () => {
    // With the libraries of the image: the loader is told to look only there.
    const node = async (args: readonly string[]): Promise<readonly [string, readonly string[]]> => {
      const libraries = Object.keys(await archiveListing(packed.path));
      const loader = libraries.find((path) => /\/ld-linux/.test(path)) as string;
      const folder = libraries.find((path) => path.endsWith('/libc.so.6')) as string;
      const search = ['--inhibit-cache', '--library-path', join(tree, folder, '..')];
      return [join(tree, loader), [...search, join(tree, 'usr/local/bin/node'), ...args]];
    };
    const main = () => join(tree, 'app/main.mjs');

    it('finds every library in the tree', async () => {
      const [file, args] = await node([]);
      const { stdout } = await runCommand(file, [
        ...args.slice(0, -1),
        '--list',
        args.at(-1) ?? '',
      ]);
      const found = [...stdout.matchAll(/=> (\S+) \(0x/g)].map((match) => match[1] as string);
      expect(found.length).toBeGreaterThan(3);
      expect(found.filter((path) => !path.startsWith(tree))).toEqual([]);
    });

    it('says its version', async () => {
      const [file, args] = await node([main(), '--version']);
      const { code, stdout, stderr } = await runCommand(file, args);
      expect({ code, stdout, stderr }).toMatchObject({ code: 0, stdout: `${VERSION}\n` });
    });

    it('refuses a wrong flag with exit code 2 and the row of the table', async () => {
      const [file, args] = await node([main(), '--max-mode=Always']);
      const { code, stderr } = await runCommand(file, args);
      expect(code).toBe(2);
      expect(stderr).toContain('caps the mode of every policy');
    });

    it('receives telemetry on its threads although the API server is away', async () => {
      const kubeconfig = join(scratch, 'kubeconfig');
      await copyFile(join(import.meta.dirname, 'unreachable-kubeconfig.yaml'), kubeconfig);
      const anyPort = ['otlp-grpc', 'otlp-http', 'http'].map(
        (name) => `--${name}-address=127.0.0.1:0`,
      );
      // No folder with packages lies above the tree: only what is in it can be loaded.
      const [file, args] = await node([main(), ...anyPort, `--kubeconfig=${kubeconfig}`]);
      const operator = spawn(file, args, { cwd: '/', env: {}, stdio: ['ignore', 'pipe', 'pipe'] });
      try {
        const port = await otlpHttpPort(operator);
        const reply = await untilAccepted(port);
        expect(reply.headers.get('content-type')).toBe('application/json');
      } finally {
        const ended = new Promise((resolve) => operator.once('close', resolve));
        operator.kill('SIGKILL');
        await ended;
      }
    });
  });
});

/** Reads the log until the line that names the ports. Rejects with the log when the process ends first. */
const otlpHttpPort = (operator: ChildProcess): Promise<number> =>
  new Promise((resolve, reject) => {
    let text = '';
    const read = (chunk: string): void => {
      text += chunk;
      const port = /otlp http (\d+)/.exec(text)?.[1];
      if (port !== undefined) resolve(Number(port));
    };
    operator.stdout?.setEncoding('utf8').on('data', read);
    operator.stderr?.setEncoding('utf8').on('data', read);
    operator.once('close', (code) => reject(new Error(`ended with ${code}:\n${text}`)));
  });

/** Sends one metric until it is accepted: the receiver refuses until the analysis thread is ready. */
const untilAccepted = async (port: number): Promise<Response> => {
  const dataPoints = [{ asDouble: 1, timeUnixNano: `${Date.now()}000000` }];
  const metrics = [{ name: 'test', gauge: { dataPoints } }];
  const body = JSON.stringify({ resourceMetrics: [{ scopeMetrics: [{ metrics }] }] });
  const url = `http://127.0.0.1:${port}/v1/metrics`;
  for (let triesLeft = 300; ; triesLeft -= 1) {
    const headers = { 'content-type': 'application/json' };
    const reply = await fetch(url, { method: 'POST', headers, body });
    if (reply.status === 200) return reply;
    if (reply.status !== 503 || triesLeft === 0) {
      throw new Error(`${reply.status} ${await reply.text()}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
};

// SPDX-License-Identifier: Apache-2.0
import { createHash } from 'node:crypto';
import { access, mkdir, readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { cacheFolder } from '../toolchain/cache.ts';
import { runCommand } from '../toolchain/run-command.ts';
import { ToolchainError } from '../toolchain/toolchain-error.ts';
import { packImage } from './pack-image.ts';

/** Names the sandbox image, as the runtime's configuration asks for it. */
export const PAUSE_IMAGE = 'homeostat.dev/rig/pause:1';

const source = join(import.meta.dirname, 'pause.c');

/** Compiles the sandbox program once, statically, so that its image holds nothing else. */
const pauseProgram = async (cache: string): Promise<string> => {
  const key = createHash('sha256')
    .update(await readFile(source))
    .digest('hex')
    .slice(0, 16);
  const path = join(cache, 'images', `pause-${key}`);
  const known = await access(path).then(
    () => true,
    () => false,
  );
  if (known) return path;
  await mkdir(join(cache, 'images'), { recursive: true });
  const unfinished = `${path}.${process.pid}.part`;
  const compiler = process.env['CC'] ?? 'gcc';
  const args = ['-static', '-Os', '-s', '-Wall', '-o', unfinished, source];
  const { code, stderr } = await runCommand(compiler, args);
  if (code !== 0) {
    throw new ToolchainError(
      `the sandbox image needs a C compiler that links statically: run \`apt-get install gcc libc6-dev\` as root, or set \`CC\`.\n${stderr.trim()}`,
    );
  }
  await rename(unfinished, path);
  return path;
};

/** Packs the sandbox (pause) image and returns the path of its archive. */
export const pauseImage = async (cache = cacheFolder()): Promise<string> =>
  packImage(
    {
      name: PAUSE_IMAGE,
      tree: [{ path: 'pause', from: await pauseProgram(cache), mode: 0o755 }],
      entrypoint: ['/pause'],
      user: '65535:65535',
    },
    cache,
  );

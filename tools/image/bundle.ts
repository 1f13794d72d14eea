// SPDX-License-Identifier: Apache-2.0
// Bundles the operator for the image: the main thread and the two worker threads as files that lie to
// each other as their sources do, because the main thread finds the others by relative URL.
import { join } from 'node:path';
import { build } from 'esbuild';
import type { TarEntry } from './tar.ts';

const root = join(import.meta.dirname, '../..');

/** Lists the files that a thread of the operator begins with, relative to `src`, without extension. */
export const THREAD_ENTRIES = ['main', 'analysis-worker', 'monitor/otlp/receiver-thread'] as const;

// Packages in the old module format ask for core modules by `require`, and for their own folder.
const banner = [
  "import { createRequire as __createRequire } from 'node:module';",
  "import { fileURLToPath as __fileURLToPath } from 'node:url';",
  'const require = __createRequire(import.meta.url);',
  'const __filename = __fileURLToPath(import.meta.url);',
  "const __dirname = __fileURLToPath(new URL('.', import.meta.url));",
].join('\n');

/**
 * Bundles the program into files below `folder` (a path in the image). Equal sources and packages give
 * equal bytes. Packages that only some installations need stay in chunks of their own, which are
 * loaded when asked for. Throws esbuild's messages when something cannot be resolved.
 */
export const bundle = async (folder: string): Promise<readonly TarEntry[]> => {
  const { outputFiles } = await build({
    absWorkingDir: root,
    entryPoints: THREAD_ENTRIES.map((name) => join('src', `${name}.ts`)),
    outbase: 'src',
    outdir: 'dist/bundle',
    // Beside the main file, so that a source that became a chunk still finds the threads.
    chunkNames: 'chunk-[hash]',
    outExtension: { '.js': '.mjs' },
    bundle: true,
    splitting: true,
    platform: 'node',
    format: 'esm',
    target: 'node24',
    charset: 'utf8',
    banner: { js: banner },
    legalComments: 'inline',
    logLevel: 'error',
    write: false,
  });
  const outdir = join(root, 'dist/bundle');
  return outputFiles.map(({ path, contents }) => ({
    path: `${folder}${path.slice(outdir.length)}`,
    content: contents,
  }));
};

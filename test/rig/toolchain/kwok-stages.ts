// SPDX-License-Identifier: Apache-2.0
// kwok exits without stages. They are YAML files inside its own module: one file of those that the
// rig uses is kept in the cache, so that later runs need neither Go nor the module.
import { randomUUID } from 'node:crypto';
import { mkdir, readdir, readFile, rename, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { binaries } from './binaries.ts';
import { cacheFolder, entryFolder, modulesFolder } from './cache.ts';
import { findGo, goEnvironment } from './go-compiler.ts';
import { runCommand } from './run-command.ts';
import { ToolchainError } from './toolchain-error.ts';

/** Lists the stages in use: nodes get ready and renew their lease, pods get ready at once. */
const stageFolders = ['node/fast', 'node/heartbeat-with-lease', 'pod/fast'] as const;

const moduleDirectory = async (folder: string): Promise<string> => {
  await findGo(folder, 'kwok stages');
  const options = { cwd: folder, env: goEnvironment(false) };
  await runCommand('go', ['mod', 'download', 'sigs.k8s.io/kwok'], options);
  const list = await runCommand(
    'go',
    ['list', '-m', '-f', '{{.Dir}}', 'sigs.k8s.io/kwok'],
    options,
  );
  const directory = list.stdout.trim();
  if (directory === '') {
    throw new ToolchainError(`the module of kwok could not be fetched: ${list.stderr.trim()}`);
  }
  return directory;
};

const readStages = async (folder: string): Promise<string> => {
  const names = (await readdir(folder)).filter(
    (name) => name.endsWith('.yaml') && name !== 'kustomization.yaml',
  );
  const texts = await Promise.all(names.sort().map((name) => readFile(join(folder, name), 'utf8')));
  return texts.join('\n---\n');
};

/** Returns the path of one YAML file with all stages for kwok's `--config`. */
export const ensureKwokStages = async (): Promise<string> => {
  const target = join(await entryFolder('kwok', cacheFolder()), 'stages.yaml');
  const present = await readFile(target, 'utf8').catch(() => '');
  if (present !== '') return target;
  const directory = await moduleDirectory(join(modulesFolder, binaries.kwok.module));
  const stages = await Promise.all(
    stageFolders.map((folder) => readStages(join(directory, 'kustomize', 'stage', folder))),
  );
  const draft = `${target}.${randomUUID()}`;
  await mkdir(dirname(target), { recursive: true });
  await writeFile(draft, stages.join('\n---\n'));
  await rename(draft, target);
  return target;
};

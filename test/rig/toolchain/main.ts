// SPDX-License-Identifier: Apache-2.0
// Command line of the toolchain: `node test/rig/toolchain/main.ts ensure control-plane|...|list`.
import { type BinaryGroup, binaries, binariesOf, binaryNames } from './binaries.ts';
import { cacheFolder, findCached } from './cache.ts';
import { ensureDebianPackages } from './debian.ts';
import { ensureBinaries } from './ensure-binaries.ts';
import { ensureKwokStages } from './kwok-stages.ts';
import { inMinutes, printProgress } from './progress.ts';
import { ToolchainError } from './toolchain-error.ts';

const usage = `usage: node test/rig/toolchain/main.ts ensure control-plane|real-node|tools|all
       node test/rig/toolchain/main.ts list`;

const list = async (): Promise<void> => {
  console.log(`cache: ${cacheFolder()}`);
  for (const name of binaryNames) {
    const { group, version, roughSeconds } = binaries[name];
    const cached = await findCached(name, undefined);
    const state = cached ?? `not built (about ${inMinutes(roughSeconds)})`;
    console.log(`${name.padEnd(24)} ${version.padEnd(9)} ${group.padEnd(14)} ${state}`);
  }
};

const ensure = async (group: BinaryGroup | 'all', signal: AbortSignal): Promise<void> => {
  const started = performance.now();
  const onProgress = printProgress(process.stderr);
  if (group === 'real-node' || group === 'all') {
    await ensureDebianPackages(undefined, { onProgress: (line) => console.error(line), signal });
  }
  const paths = await ensureBinaries(binariesOf(group), { onProgress, signal });
  for (const [name, path] of Object.entries(paths)) console.log(`${name}\t${path}`);
  if ('kwok' in paths) console.log(`kwok stages\t${await ensureKwokStages()}`);
  console.error(`ready after ${inMinutes((performance.now() - started) / 1000)}`);
};

const isGroup = (text: string | undefined): text is BinaryGroup | 'all' =>
  text === 'control-plane' || text === 'real-node' || text === 'tools' || text === 'all';

const main = async ([command, group]: readonly string[]): Promise<number> => {
  const interrupt = new AbortController();
  process.once('SIGINT', () => interrupt.abort(new ToolchainError('interrupted')));
  try {
    if (command === 'list') await list();
    else if (command === 'ensure' && isGroup(group)) await ensure(group, interrupt.signal);
    else {
      console.error(usage);
      return 2;
    }
    return 0;
  } catch (error) {
    if (!(error instanceof ToolchainError) && !interrupt.signal.aborted) throw error;
    const reason = error instanceof ToolchainError ? error.message : 'interrupted';
    console.error(reason);
    return 1;
  }
};

process.exitCode = await main(process.argv.slice(2));

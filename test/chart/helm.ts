// SPDX-License-Identifier: Apache-2.0
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ensureBinaries } from '../rig/toolchain/ensure-binaries.ts';
import { type CommandResult, runCommand } from '../rig/toolchain/run-command.ts';

/** Is the folder of the chart. */
export const CHART = join(import.meta.dirname, '../../charts/homeostat');

/** Is where the operator is installed. */
export const NAMESPACE = 'homeostat-system';

/** Settings, caches and plugins of whoever runs the tests must not matter. */
const home = mkdtempSync(join(tmpdir(), 'homeostat-helm-'));
process.once('exit', () => rmSync(home, { recursive: true, force: true }));

/** Runs helm to its end, whatever its exit code. */
export const helm = async (args: readonly string[], kubeconfig = ''): Promise<CommandResult> => {
  const { helm: program } = await ensureBinaries(['helm']);
  const env = {
    PATH: process.env['PATH'],
    HOME: home,
    HELM_CACHE_HOME: join(home, 'cache'),
    HELM_CONFIG_HOME: join(home, 'config'),
    HELM_DATA_HOME: join(home, 'data'),
    KUBECONFIG: kubeconfig,
  };
  return runCommand(program, args, { env });
};

/** Runs helm and returns what it printed. Throws what it said when it fails. */
export const mustHelm = async (args: readonly string[], kubeconfig = ''): Promise<string> => {
  const { code, stdout, stderr } = await helm(args, kubeconfig);
  if (code !== 0) throw new Error(`helm ${args.join(' ')} failed: ${stderr}`);
  return stdout;
};

/** Renders the chart. */
export const template = (args: readonly string[]): Promise<CommandResult> =>
  helm(['template', 'homeostat', CHART, '-n', NAMESPACE, ...args]);

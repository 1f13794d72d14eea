// SPDX-License-Identifier: Apache-2.0
// A cluster that already exists is used only when both the wish and the context are spelled out:
// tests evict pods, and the current context of a developer may be production.
import { homedir } from 'node:os';
import { join } from 'node:path';
import { runCommand } from '../toolchain/run-command.ts';
import { ToolchainError } from '../toolchain/toolchain-error.ts';

/** Names a cluster that the user has allowed tests to use. */
export interface ExistingCluster {
  readonly context: string;
  /** Value for KUBECONFIG: one path or several. */
  readonly kubeconfig: string;
}

/**
 * Returns the existing cluster that the environment allows, or undefined when the tests start
 * their own. Throws a ToolchainError when only one half of the permission is given.
 */
export const existingCluster = (
  env: NodeJS.ProcessEnv = process.env,
): ExistingCluster | undefined => {
  const wish = env['USE_EXISTING_CLUSTER'] ?? '';
  const context = env['HOMEOSTAT_TEST_CONTEXT'] ?? '';
  if (wish !== 'true') {
    if (context === '' && (wish === '' || wish === 'false')) return undefined;
    throw new ToolchainError(
      `tests evict pods, so an existing cluster is used only with \`USE_EXISTING_CLUSTER=true\`; it is "${wish}" while \`HOMEOSTAT_TEST_CONTEXT\` is "${context}". Set both, or neither.`,
    );
  }
  if (context === '') {
    throw new ToolchainError(
      'tests evict pods, so `USE_EXISTING_CLUSTER=true` must come with `HOMEOSTAT_TEST_CONTEXT`, the name of a kubeconfig context; the current context is never taken by itself.',
    );
  }
  return { context, kubeconfig: env['KUBECONFIG'] || join(homedir(), '.kube', 'config') };
};

/** Checks by kubectl that the context exists; throws a ToolchainError when it does not. */
export const requireContext = async (
  kubectl: string,
  { context, kubeconfig }: ExistingCluster,
): Promise<void> => {
  const { stdout } = await runCommand(kubectl, ['config', 'get-contexts', '-o', 'name'], {
    env: { ...process.env, KUBECONFIG: kubeconfig },
  });
  const known = stdout.split('\n').filter((line) => line !== '');
  if (!known.includes(context)) {
    throw new ToolchainError(
      `\`HOMEOSTAT_TEST_CONTEXT\` must be a context of ${kubeconfig}; "${context}" is not among: ${known.join(', ') || 'none'}.`,
    );
  }
};

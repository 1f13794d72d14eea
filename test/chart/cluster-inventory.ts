// SPDX-License-Identifier: Apache-2.0
import type { ControlPlane } from '../rig/control-plane/control-plane.ts';

/** Made by the cluster for itself, at times of its own. */
const PASSING = ['events', 'events.events.k8s.io', 'componentstatuses'];

/** Lists every object of the cluster that can be listed, as `resource namespace/name`. */
export const inventory = async (
  cluster: Pick<ControlPlane, 'kubectl'>,
): Promise<readonly string[]> => {
  const kubectl = async (args: readonly string[]): Promise<string> => {
    const { code, stdout, stderr } = await cluster.kubectl(args);
    if (code !== 0) throw new Error(`kubectl ${args.join(' ')} failed: ${stderr}`);
    return stdout;
  };
  const known = await kubectl(['api-resources', '--verbs=list', '-o', 'name']);
  const resources = known.split('\n').filter((name) => name !== '' && !PASSING.includes(name));
  const listed = await kubectl([
    'get',
    resources.join(','),
    '--all-namespaces',
    '--ignore-not-found',
    '-o',
    'jsonpath={range .items[*]}{.apiVersion} {.kind} {.metadata.namespace}/{.metadata.name}{"\\n"}{end}',
  ]);
  return listed
    .split('\n')
    .filter((line) => line !== '')
    .toSorted();
};

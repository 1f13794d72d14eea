// SPDX-License-Identifier: Apache-2.0
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ControlPlane } from '../control-plane/control-plane.ts';
import { issueKubeconfig } from '../control-plane/identity.ts';
import { requestJson } from '../control-plane/json-client.ts';
import { type Connection, readConnection, writeKubeconfig } from '../control-plane/kubeconfig.ts';

/**
 * Returns the control plane as seen over the link to the node: `server`, kubeconfigs and requests
 * use the node's address, which is good on this machine and inside the node alike, and no
 * forwarder stands between a client and the API server.
 */
export const directControlPlane = async (
  controlPlane: ControlPlane,
  nodeIp: string,
): Promise<ControlPlane> => {
  const { dir, name, pki, caFile } = controlPlane;
  const server = `https://${nodeIp}:${new URL(controlPlane.serverInside).port}`;
  const credentials = {
    certFile: join(pki.folder, 'admin.crt'),
    keyFile: join(pki.folder, 'admin.key'),
  };
  const kubeconfigPath = await writeKubeconfig(join(dir, 'admin-direct.kubeconfig'), {
    ...{ server, caFile, credentials, name },
  });
  const connections = new Map<string, Promise<Connection>>();
  const connectionOf = (path: string): Promise<Connection> => {
    const known = connections.get(path) ?? readConnection(path);
    connections.set(path, known);
    return known;
  };
  const request: ControlPlane['request'] = async (method, path, body, options = {}) =>
    requestJson(
      await connectionOf(options.kubeconfig ?? kubeconfigPath),
      ...([method, path, body, options] as const),
    );
  const text = await readFile(kubeconfigPath, 'utf8');
  return {
    ...controlPlane,
    ...{ server, serverInside: server, kubeconfigPath, request },
    adminKubeconfig: () => text,
    kubeconfigFor: (identity) =>
      issueKubeconfig(identity, { site: { dir, name, pki }, server, request }),
    kubectl: (args, options = {}) =>
      controlPlane.kubectl(args, { ...options, kubeconfig: options.kubeconfig ?? kubeconfigPath }),
  };
};

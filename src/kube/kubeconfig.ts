// SPDX-License-Identifier: Apache-2.0
import { readFile } from 'node:fs/promises';
import { isIPv6 } from 'node:net';
import { join } from 'node:path';
import { HomeostatError } from '../errors.ts';
import type { Credentials, Endpoint, TlsMaterial } from './credentials.ts';

/** Where the kubelet mounts the files of a pod's ServiceAccount. */
export const SERVICE_ACCOUNT_DIRECTORY = '/var/run/secrets/kubernetes.io/serviceaccount';

/** What the environment of a pod says about its API server. */
export interface InClusterSettings {
  /** `KUBERNETES_SERVICE_HOST`. */
  readonly host: string;
  /** `KUBERNETES_SERVICE_PORT`. */
  readonly port: string;
  /** Default: where the kubelet mounts it. */
  readonly directory?: string;
}

/**
 * Makes the endpoint of a pod from its mounted ServiceAccount, without loading client-node.
 *
 * @throws HomeostatError `HOMEO_KUBE_CONFIG` when the settings are empty or the files are not there
 */
export async function inClusterEndpoint(settings: InClusterSettings): Promise<Endpoint> {
  const { host, port, directory = SERVICE_ACCOUNT_DIRECTORY } = settings;
  if (host === '' || port === '') {
    throw new HomeostatError('HOMEO_KUBE_CONFIG', { details: { host, port } });
  }
  const read = (file: string): Promise<string> => readFile(join(directory, file), 'utf8');
  const loadCredentials = async (): Promise<Credentials> => {
    const [token, ca] = await Promise.all([read('token'), read('ca.crt')]);
    return { tls: { ca }, headers: { authorization: `Bearer ${token.trim()}` } };
  };
  try {
    const [namespace] = await Promise.all([read('namespace'), loadCredentials()]);
    const server = `https://${isIPv6(host) ? `[${host}]` : host}:${port}`;
    return { server, namespace: namespace.trim(), loadCredentials };
  } catch (cause) {
    throw new HomeostatError('HOMEO_KUBE_CONFIG', { cause, details: { directory } });
  }
}

/** Which context of which kubeconfig. */
export interface KubeconfigSettings {
  /** Absent: `KUBECONFIG`, then `~/.kube/config`, as kubectl does. */
  readonly path?: string | undefined;
  /** Absent: the current context. */
  readonly context?: string | undefined;
  /** Kubeconfig text instead of a file. */
  readonly text?: string | undefined;
}

/** The fields that KubeConfig writes into HTTPS options. */
interface HttpsOptions {
  ca?: string | Buffer;
  cert?: string | Buffer;
  key?: string | Buffer;
  servername?: string;
  rejectUnauthorized?: boolean;
  auth?: string;
  headers?: Record<string, unknown>;
}

function tlsOf(options: HttpsOptions): TlsMaterial {
  const { ca, cert, key, servername, rejectUnauthorized } = options;
  return {
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
    ...(servername === undefined ? {} : { servername }),
    ...(rejectUnauthorized === undefined ? {} : { rejectUnauthorized }),
  };
}

function headersOf(options: HttpsOptions): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(options.headers ?? {})) {
    if (typeof value === 'string') headers[name.toLowerCase()] = value;
  }
  if (options.auth !== undefined) {
    headers['authorization'] = `Basic ${Buffer.from(options.auth).toString('base64')}`;
  }
  return headers;
}

/**
 * Makes the endpoint of a kubeconfig context. Authentication, TLS material, exec plugins and the proxy come
 * from client-node's KubeConfig, which is loaded only here.
 *
 * @throws HomeostatError `HOMEO_KUBE_CONFIG` when there is no such file, context, cluster or user
 */
export async function kubeconfigEndpoint(settings: KubeconfigSettings = {}): Promise<Endpoint> {
  const { KubeConfig } = await import('@kubernetes/client-node');
  const config = new KubeConfig();
  const details = { path: settings.path, context: settings.context };
  try {
    if (settings.text !== undefined) config.loadFromString(settings.text);
    else if (settings.path !== undefined) config.loadFromFile(settings.path);
    else config.loadFromDefault();
  } catch (cause) {
    throw new HomeostatError('HOMEO_KUBE_CONFIG', { cause, details });
  }
  if (settings.context !== undefined) config.setCurrentContext(settings.context);
  const context = config.getContextObject(config.getCurrentContext());
  const cluster = config.getCurrentCluster();
  if (context === null || cluster === null || config.getCurrentUser() === null) {
    throw new HomeostatError('HOMEO_KUBE_CONFIG', { details });
  }
  return {
    server: cluster.server,
    ...(cluster.proxyUrl === undefined ? {} : { proxyUrl: cluster.proxyUrl }),
    namespace: context.namespace ?? 'default',
    loadCredentials: async () => {
      const options: HttpsOptions = {};
      await config.applyToHTTPSOptions(options);
      return { tls: tlsOf(options), headers: headersOf(options) };
    },
  };
}

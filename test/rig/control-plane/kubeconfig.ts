// SPDX-License-Identifier: Apache-2.0
// Kubeconfig files of the rig. They are JSON, which every client reads as YAML, and hold all
// certificates inline, so one file is all that a program needs.
import { readFile, writeFile } from 'node:fs/promises';
import type { CertificateFiles } from './pki.ts';

/** Names who a client is: by a certificate or by a bearer token. */
export type Credentials = CertificateFiles | { readonly token: string };

/** Describes one kubeconfig. */
export interface KubeconfigOptions {
  /** URL of the API server. */
  readonly server: string;
  readonly caFile: string;
  readonly credentials: Credentials;
  /** Name of cluster, user and context; `homeostat-test` by default. */
  readonly name?: string;
  /** Default namespace of the context. */
  readonly namespace?: string;
}

/** Holds what a client needs to connect. */
export interface Connection {
  readonly server: string;
  readonly ca: string;
  readonly cert?: string;
  readonly key?: string;
  readonly token?: string;
}

const inline = async (path: string): Promise<string> => (await readFile(path)).toString('base64');

/** Returns the text of a kubeconfig. */
const kubeconfigText = async (options: KubeconfigOptions): Promise<string> => {
  const { server, caFile, credentials, name = 'homeostat-test', namespace } = options;
  const user =
    'token' in credentials
      ? { token: credentials.token }
      : {
          'client-certificate-data': await inline(credentials.certFile),
          'client-key-data': await inline(credentials.keyFile),
        };
  const cluster = { server, 'certificate-authority-data': await inline(caFile) };
  const context = { cluster: name, user: name, ...(namespace === undefined ? {} : { namespace }) };
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name, cluster }],
    users: [{ name, user }],
    contexts: [{ name, context }],
    'current-context': name,
  });
};

/** Writes a kubeconfig that only its owner can read, and returns its path. */
export const writeKubeconfig = async (
  path: string,
  options: KubeconfigOptions,
): Promise<string> => {
  await writeFile(path, await kubeconfigText(options), { mode: 0o600 });
  return path;
};

interface KubeconfigFile {
  readonly clusters: readonly [
    {
      readonly cluster: { readonly server: string; readonly 'certificate-authority-data': string };
    },
  ];
  readonly users: readonly [{ readonly user: Readonly<Record<string, string | undefined>> }];
}

/** Reads how to connect from a kubeconfig that `writeKubeconfig` wrote. */
export const readConnection = async (path: string): Promise<Connection> => {
  const file = JSON.parse(await readFile(path, 'utf8')) as KubeconfigFile;
  const decode = (text: string) => Buffer.from(text, 'base64').toString('utf8');
  const { server, 'certificate-authority-data': caData } = file.clusters[0].cluster;
  const { token, 'client-certificate-data': cert, 'client-key-data': key } = file.users[0].user;
  return {
    server,
    ca: decode(caData),
    ...(cert === undefined ? {} : { cert: decode(cert) }),
    ...(key === undefined ? {} : { key: decode(key) }),
    ...(token === undefined ? {} : { token }),
  };
};

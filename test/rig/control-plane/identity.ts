// SPDX-License-Identifier: Apache-2.0
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import type { ControlPlane, Identity } from './control-plane.ts';
import { type Credentials, writeKubeconfig } from './kubeconfig.ts';
import type { Site } from './start-components.ts';

const TOKEN_SECONDS = 24 * 3600;

/** Holds what issuing a kubeconfig needs. */
export interface Issuer {
  readonly site: Pick<Site, 'dir' | 'name' | 'pki'>;
  readonly server: string;
  readonly request: ControlPlane['request'];
}

const tokenOf = async (
  { namespace, name }: { readonly namespace: string; readonly name: string },
  request: ControlPlane['request'],
): Promise<Credentials> => {
  const path = `/api/v1/namespaces/${namespace}/serviceaccounts/${name}/token`;
  const { status, body } = await request<{ status?: { token?: string }; message?: string }>(
    ...(['POST', path] as const),
    {
      apiVersion: 'authentication.k8s.io/v1',
      kind: 'TokenRequest',
      spec: { expirationSeconds: TOKEN_SECONDS },
    },
  );
  const token = body.status?.token;
  if (status !== 201 || token === undefined) {
    throw new Error(`no token for ServiceAccount ${namespace}/${name}: ${status} ${body.message}`);
  }
  return { token };
};

/** Writes a kubeconfig for the identity and returns its path; each call makes a new file. */
export const issueKubeconfig = async (
  identity: Identity,
  { site, server, request }: Issuer,
): Promise<string> => {
  const id = randomUUID();
  const credentials =
    'serviceAccount' in identity
      ? await tokenOf(identity.serviceAccount, request)
      : await site.pki.issue({
          name: `client-${id}`,
          commonName: identity.user,
          organizations: identity.groups ?? [],
        });
  const namespace =
    'serviceAccount' in identity ? { namespace: identity.serviceAccount.namespace } : {};
  return writeKubeconfig(join(site.dir, `${id}.kubeconfig`), {
    ...{ server, caFile: site.pki.cluster.certFile, credentials, name: site.name, ...namespace },
  });
};

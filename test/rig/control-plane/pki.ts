// SPDX-License-Identifier: Apache-2.0
// Certificates of a cluster, made by the `openssl` program, because Node can make keys but no X.509
// certificates. One authority for servers and clients, one for the aggregation layer's front proxy.
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { isIP } from 'node:net';
import { join } from 'node:path';
import { runCommand } from '../toolchain/run-command.ts';
import { ToolchainError } from '../toolchain/toolchain-error.ts';

/** Names the PEM files of one certificate. */
export interface CertificateFiles {
  readonly certFile: string;
  readonly keyFile: string;
}

/** Describes a certificate to be issued. */
interface CertificateRequest {
  /** Name of the files, unique in the folder. */
  readonly name: string;
  /** User name for a client, any name for a server. */
  readonly commonName: string;
  /** Group names for a client. */
  readonly organizations?: readonly string[];
  /** Host names and IP addresses for a server; with none the certificate is for clients only. */
  readonly addresses?: readonly string[];
  /** Authority that signs; `cluster` by default. */
  readonly authority?: 'cluster' | 'front-proxy';
}

/** Holds the authorities of one cluster and issues certificates. */
export interface Pki {
  readonly folder: string;
  readonly cluster: CertificateFiles;
  readonly frontProxy: CertificateFiles;
  /** Signs ServiceAccount tokens. */
  readonly serviceAccount: { readonly privateKeyFile: string; readonly publicKeyFile: string };
  issue(request: CertificateRequest): Promise<CertificateFiles>;
}

const VALID_DAYS = '365';

const opensslConfig = `[req]
distinguished_name = dn
x509_extensions = authority
[dn]
[authority]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign, cRLSign, digitalSignature
subjectKeyIdentifier = hash
`;

const openssl = async (args: readonly string[], input?: string): Promise<string> => {
  const { stdout, stderr, code } = await runCommand('openssl', args, { input });
  if (code === 127) {
    throw new ToolchainError(
      'the certificates of a control plane need `openssl`, which is not in PATH; install it (Debian: `apt-get install openssl`)',
    );
  }
  if (code !== 0) throw new Error(`openssl ${args[0]} failed: ${stderr.trim()}`);
  return stdout;
};

const writeKey = async (path: string): Promise<{ publicPem: string }> => {
  const { privateKey, publicKey } = generateKeyPairSync('ec', {
    namedCurve: 'P-256',
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
    publicKeyEncoding: { type: 'spki', format: 'pem' },
  });
  await writeFile(path, privateKey, { mode: 0o600 });
  return { publicPem: publicKey };
};

const subject = ({ commonName, organizations = [] }: CertificateRequest): string => {
  const escaped = (text: string) => text.replace(/[\\/+]/g, '\\$&');
  const groups = organizations.map((group) => `/O=${escaped(group)}`);
  return `${groups.join('')}/CN=${escaped(commonName)}`;
};

const extensions = (addresses: readonly string[]): string => {
  const names = addresses.map((name) => `${isIP(name) === 0 ? 'DNS' : 'IP'}:${name}`);
  const lines = [
    'basicConstraints = critical, CA:FALSE',
    'keyUsage = critical, digitalSignature',
    `extendedKeyUsage = clientAuth${names.length > 0 ? ', serverAuth' : ''}`,
  ];
  if (names.length > 0) lines.push(`subjectAltName = ${[...new Set(names)].join(', ')}`);
  return `${lines.join('\n')}\n`;
};

/**
 * Creates the authorities and the ServiceAccount key in a folder. Takes about 0.1 s. Throws a
 * ToolchainError when `openssl` is missing.
 */
export const createPki = async (folder: string): Promise<Pki> => {
  await mkdir(folder, { recursive: true });
  const config = join(folder, 'openssl.cnf');
  await writeFile(config, opensslConfig);

  const authority = async (name: string): Promise<CertificateFiles> => {
    const files = { certFile: join(folder, `${name}.crt`), keyFile: join(folder, `${name}.key`) };
    await writeKey(files.keyFile);
    const request = ['req', '-new', '-x509', '-config', config, '-key', files.keyFile];
    const rest = ['-subj', `/CN=homeostat-${name}`, '-days', VALID_DAYS, '-out', files.certFile];
    await openssl([...request, ...rest]);
    return files;
  };

  const serviceAccount = {
    privateKeyFile: join(folder, 'service-account.key'),
    publicKeyFile: join(folder, 'service-account.pub'),
  };
  const [cluster, frontProxy, { publicPem }] = await Promise.all([
    authority('ca'),
    authority('front-proxy-ca'),
    writeKey(serviceAccount.privateKeyFile),
  ]);
  await writeFile(serviceAccount.publicKeyFile, publicPem);

  const issue = async (request: CertificateRequest): Promise<CertificateFiles> => {
    const base = join(folder, request.name);
    const files = { certFile: `${base}.crt`, keyFile: `${base}.key` };
    const signer = request.authority === 'front-proxy' ? frontProxy : cluster;
    await writeKey(files.keyFile);
    await writeFile(`${base}.ext`, extensions(request.addresses ?? []));
    const signing = ['req', '-new', '-utf8', '-config', config, '-key', files.keyFile];
    const csr = await openssl([...signing, '-subj', subject(request)]);
    await openssl(
      [
        ...['x509', '-req', '-CA', signer.certFile, '-CAkey', signer.keyFile],
        ...['-set_serial', `0x${randomBytes(8).toString('hex')}`, '-days', VALID_DAYS],
        ...['-sha256', '-extfile', `${base}.ext`, '-out', files.certFile],
      ],
      csr,
    );
    return files;
  };
  return { folder, cluster, frontProxy, serviceAccount, issue };
};

/** Holds the certificates that the components of a control plane need. */
export interface ControlPlaneCertificates {
  /** Serving certificate of every component, for the given addresses. */
  readonly serving: CertificateFiles;
  readonly admin: CertificateFiles;
  readonly controllerManager: CertificateFiles;
  readonly scheduler: CertificateFiles;
  /** The API server's client certificate towards kubelets. */
  readonly kubeletClient: CertificateFiles;
  /** The API server's client certificate towards aggregated API servers. */
  readonly frontProxyClient: CertificateFiles;
}

/** Returns the names and addresses that a serving certificate of the API server must hold. */
export const servingAddresses = (
  serviceAddress: string,
  ...more: readonly string[]
): readonly string[] => {
  const service = ['kubernetes', 'kubernetes.default', 'kubernetes.default.svc'];
  const local = ['localhost', '127.0.0.1', '::1'];
  const names = [...service, 'kubernetes.default.svc.cluster.local', ...local, serviceAddress];
  return [...names, ...more.filter((name) => name !== '0.0.0.0' && name !== '::')];
};

/** Issues all certificates of a control plane that serves at the given addresses. */
export const issueControlPlaneCertificates = async (
  pki: Pki,
  addresses: readonly string[],
): Promise<ControlPlaneCertificates> => {
  const client = (name: string, commonName: string, ...organizations: readonly string[]) =>
    pki.issue({ name, commonName, organizations });
  const [serving, admin, controllerManager, scheduler, kubeletClient, frontProxyClient] =
    await Promise.all([
      pki.issue({ name: 'serving', commonName: 'kube-apiserver', addresses }),
      client('admin', 'kubernetes-admin', 'system:masters'),
      client('controller-manager', 'system:kube-controller-manager'),
      client('scheduler', 'system:kube-scheduler'),
      client('kubelet-client', 'kube-apiserver-kubelet-client', 'system:masters'),
      pki.issue({
        name: 'front-proxy-client',
        commonName: 'front-proxy-client',
        authority: 'front-proxy',
      }),
    ]);
  return { serving, admin, controllerManager, scheduler, kubeletClient, frontProxyClient };
};

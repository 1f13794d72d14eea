// SPDX-License-Identifier: Apache-2.0
import { X509Certificate } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createPki, servingAddresses } from '../../../rig/control-plane/pki.ts';

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'homeostat-pki-'));
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(folder, { recursive: true });
});

const read = async (path: string): Promise<X509Certificate> =>
  new X509Certificate(await readFile(path));

describe('createPki', () => {
  it('issues a client certificate with its groups, signed by the cluster authority', async () => {
    const pki = await createPki(folder);
    const request = {
      name: 'x',
      commonName: 'system:node:a/b',
      organizations: ['system:nodes', 'b'],
    };
    const certificate = await read((await pki.issue(request)).certFile);
    expect(certificate.subject).toBe('O=system:nodes\nO=b\nCN=system:node:a/b');
    expect(certificate.verify((await read(pki.cluster.certFile)).publicKey)).toBe(true);
    expect(certificate.subjectAltName).toBeUndefined();
  });

  it('issues a serving certificate for names and addresses', async () => {
    const pki = await createPki(folder);
    const addresses = servingAddresses('10.96.0.1', '0.0.0.0', '10.1.2.3');
    const { certFile } = await pki.issue({ name: 's', commonName: 's', addresses });
    const certificate = await read(certFile);
    expect(certificate.checkIP('10.96.0.1')).toBe('10.96.0.1');
    expect(certificate.checkIP('10.1.2.3')).toBe('10.1.2.3');
    expect(certificate.checkIP('0.0.0.0')).toBeUndefined();
    expect(certificate.checkHost('kubernetes.default.svc')).toBe('kubernetes.default.svc');
  });

  it('keeps the front proxy authority apart', async () => {
    const pki = await createPki(folder);
    const files = await pki.issue({ name: 'f', commonName: 'f', authority: 'front-proxy' });
    const certificate = await read(files.certFile);
    expect(certificate.verify((await read(pki.frontProxy.certFile)).publicKey)).toBe(true);
    expect(certificate.verify((await read(pki.cluster.certFile)).publicKey)).toBe(false);
  });

  it('says what to install when there is no openssl', async () => {
    vi.stubEnv('PATH', folder);
    await expect(createPki(folder)).rejects.toThrow(/`openssl`.*apt-get install openssl/);
  });
});

// SPDX-License-Identifier: Apache-2.0
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { inClusterEndpoint, kubeconfigEndpoint } from '../../../src/kube/kubeconfig.ts';

let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'homeostat-kubeconfig-'));
});

afterEach(() => rm(directory, { recursive: true }));

async function mount(): Promise<void> {
  await writeFile(join(directory, 'token'), 'one\n');
  await writeFile(join(directory, 'ca.crt'), 'CA');
  await writeFile(join(directory, 'namespace'), 'homeostat');
}

const config = (server: string, user: string, cluster = '') => `
apiVersion: v1
kind: Config
current-context: main
contexts:
- {name: main, context: {cluster: c, user: u, namespace: shop}}
- {name: lost, context: {cluster: none, user: none}}
clusters:
- {name: c, cluster: {server: '${server}', certificate-authority-data: ${Buffer.from('CA').toString('base64')}${cluster}}}
users:
- {name: u, user: {${user}}}
`;

describe('inClusterEndpoint', () => {
  it('reads what the kubelet mounted, and reads it anew each time', async () => {
    await mount();
    const endpoint = await inClusterEndpoint({ host: '10.0.0.1', port: '443', directory });
    expect(endpoint).toMatchObject({ server: 'https://10.0.0.1:443', namespace: 'homeostat' });
    expect(await endpoint.loadCredentials()).toEqual({
      tls: { ca: 'CA' },
      headers: { authorization: 'Bearer one' },
    });
    await writeFile(join(directory, 'token'), 'two');
    expect((await endpoint.loadCredentials()).headers['authorization']).toBe('Bearer two');
  });

  it('writes IPv6 addresses as URLs want them', async () => {
    await mount();
    const endpoint = await inClusterEndpoint({ host: 'fd00::1', port: '443', directory });
    expect(endpoint.server).toBe('https://[fd00::1]:443');
  });

  it('refuses to start outside a pod', async () => {
    const refusal = { code: 'HOMEO_KUBE_CONFIG' };
    await expect(inClusterEndpoint({ host: '', port: '' })).rejects.toMatchObject(refusal);
    const elsewhere = { host: '10.0.0.1', port: '443', directory: join(directory, 'none') };
    await expect(inClusterEndpoint(elsewhere)).rejects.toMatchObject(refusal);
  });

  it('D15: does not load client-node', async () => {
    await mount();
    const program = `
      import { registerHooks } from 'node:module';
      const loaded = [];
      registerHooks({ resolve(name, context, next) { loaded.push(name); return next(name, context); } });
      const { inClusterEndpoint } = await import('./src/kube/kubeconfig.ts');
      const { createTransport } = await import('./src/kube/transport.ts');
      const endpoint = await inClusterEndpoint({ host: '127.0.0.1', port: '1', directory: process.argv[1] });
      const clock = { wallMs: Date.now, monoMs: () => performance.now(), sleep: () => new Promise(() => {}) };
      const transport = createTransport({ endpoint, clock, userAgent: () => 'test' });
      await transport.request({ method: 'GET', path: '/version' }).catch(() => undefined);
      console.log(JSON.stringify(loaded));
      process.exit(0);
    `;
    const run = promisify(execFile);
    const args = ['--input-type=module', '-e', program, directory];
    const { stdout } = await run(process.execPath, args, { cwd: process.cwd() });
    const loaded = JSON.parse(stdout) as string[];
    expect(loaded).toContain('undici');
    expect(loaded.filter((name) => name.includes('client-node'))).toEqual([]);
  });
});

describe('kubeconfigEndpoint', () => {
  it('takes server, namespace, CA and token of the context', async () => {
    const path = join(directory, 'config');
    await writeFile(path, config('https://api:6443', 'token: secret'));
    const endpoint = await kubeconfigEndpoint({ path });
    expect(endpoint).toMatchObject({ server: 'https://api:6443', namespace: 'shop' });
    const { tls, headers } = await endpoint.loadCredentials();
    expect(String(tls.ca)).toBe('CA');
    expect(headers).toEqual({ authorization: 'Bearer secret' });
  });

  it('takes client certificates, passwords, the server name and the proxy', async () => {
    const data = Buffer.from('CERT').toString('base64');
    const text = config(
      'https://api:6443',
      `client-certificate-data: ${data}, client-key-data: ${data}`,
      ", tls-server-name: other, proxy-url: 'http://proxy:3128'",
    );
    const endpoint = await kubeconfigEndpoint({ text });
    expect(endpoint.proxyUrl).toBe('http://proxy:3128');
    const { tls } = await endpoint.loadCredentials();
    expect([String(tls.cert), String(tls.key), tls.servername]).toEqual(['CERT', 'CERT', 'other']);
    const basic = await kubeconfigEndpoint({
      text: config('https://api:6443', 'username: me, password: pw'),
    });
    const { headers } = await basic.loadCredentials();
    expect(headers['authorization']).toBe(`Basic ${Buffer.from('me:pw').toString('base64')}`);
  });

  it('runs an exec plugin for the token', async () => {
    const script = join(directory, 'plugin.cjs');
    const credential = {
      apiVersion: 'client.authentication.k8s.io/v1',
      kind: 'ExecCredential',
      status: { token: 'from-plugin' },
    };
    await writeFile(script, `console.log(${JSON.stringify(JSON.stringify(credential))})`);
    const exec = `exec: {apiVersion: client.authentication.k8s.io/v1, interactiveMode: Never, command: '${process.execPath}', args: ['${script}']}`;
    const endpoint = await kubeconfigEndpoint({ text: config('https://api:6443', exec) });
    const { headers } = await endpoint.loadCredentials();
    expect(headers['authorization']).toBe('Bearer from-plugin');
  });

  it.each([
    ['a file that is not there', { path: '/none/such' }],
    ['a context that is not there', { text: config('https://a', 'token: t'), context: 'other' }],
    ['a context without cluster', { text: config('https://a', 'token: t'), context: 'lost' }],
  ])('refuses %s', async (_name, settings) => {
    await expect(kubeconfigEndpoint(settings)).rejects.toMatchObject({ code: 'HOMEO_KUBE_CONFIG' });
  });
});

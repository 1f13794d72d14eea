// SPDX-License-Identifier: Apache-2.0
// Every YAML in examples/ and every complete object in the pages is applied to a real API server, by
// kubectl with its strict validation, as a newcomer would.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { examples } from '../../docs/yaml-examples.ts';
import type { ControlPlane } from '../../rig/control-plane/control-plane.ts';
import { startControlPlane } from '../../rig/control-plane/start-control-plane.ts';

const CRDS = join(import.meta.dirname, '../../../crds');

interface Applied {
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string };
  readonly spec: object;
}

const objectsOf = (text: string): readonly Applied[] =>
  parseAllDocuments(text)
    .map((document) => document.toJSON() as Applied | null)
    .filter((each): each is Applied => each !== null && 'apiVersion' in each && 'kind' in each);

const complete = examples().filter(({ text }) => objectsOf(text).length > 0);

let cluster: ControlPlane;
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'homeostat-examples-'));
  cluster = await startControlPlane({ name: 'examples', components: ['etcd', 'kube-apiserver'] });
  await kubectl('apply', '-f', CRDS);
  await kubectl('wait', '--for=condition=Established', 'crd', '--all', '--timeout=60s');
  const namespaces = new Set(
    complete.flatMap(({ text }) => objectsOf(text).map(({ metadata }) => metadata.namespace)),
  );
  for (const name of namespaces) {
    if (name !== undefined) await kubectl('create', 'namespace', name);
  }
}, 20 * 60_000);
afterAll(async () => {
  await cluster?.stop();
  await rm(folder, { recursive: true, force: true });
});

const kubectl = async (...args: readonly string[]): Promise<string> => {
  const { stdout, stderr, code } = await cluster.kubectl(args);
  expect(`${code} ${stderr}`).toBe('0 ');
  return stdout;
};

describe('examples on a real API server', () => {
  it('are there: files and blocks', () => {
    expect(complete.filter(({ where }) => where.startsWith('examples/')).length).toBeGreaterThan(1);
    expect(complete.filter(({ where }) => where.includes('.md')).length).toBeGreaterThan(2);
  });

  it.each(complete.map(({ where, text }) => [where, text] as const))(
    '%s is applied as it is and read back with every field',
    async (_, text) => {
      const file = join(folder, 'example.yaml');
      await writeFile(file, text);
      await kubectl('apply', '-f', file);
      for (const { kind, metadata, spec } of objectsOf(text)) {
        const namespace = metadata.namespace === undefined ? [] : ['-n', metadata.namespace];
        const read = JSON.parse(
          await kubectl('get', kind, metadata.name, ...namespace, '-o', 'json'),
        ) as Applied;
        expect(read.spec).toMatchObject(spec);
      }
    },
  );

  it('would be refused with a field that does not exist', async () => {
    const [example] = complete.filter(({ where }) => where.startsWith('examples/'));
    const file = join(folder, 'wrong.yaml');
    await writeFile(file, (example?.text ?? '').replace('  mode:', '  modus: x\n  mode:'));
    const { code, stderr } = await cluster.kubectl(['apply', '-f', file]);
    expect(code).not.toBe(0);
    expect(stderr).toContain('spec.modus');
  });
});

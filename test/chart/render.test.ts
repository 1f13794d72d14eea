// SPDX-License-Identifier: Apache-2.0
// What helm makes of the chart, without a cluster. Renew the goldens with
// `npx vitest run --project chart test/chart/render.test.ts -u` and read the difference.
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';
import { MODES } from '../../src/api/healing-policy.ts';
import { flagOf, SETTINGS } from '../../src/config.ts';
import { LOG_LEVELS } from '../../src/instrumentation/log.ts';
import { VERSION } from '../../src/version.ts';
import { chartValues } from '../../tools/generate/chart-readme.ts';
import { MANIFESTS_FOLDER, renderManifests } from '../../tools/manifests/render.ts';
import { CHART, helm, template } from './helm.ts';

interface Rendered {
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly annotations?: Record<string, string> };
  readonly spec: {
    readonly template: {
      readonly spec: { readonly containers: readonly { readonly args: readonly string[] }[] };
    };
  };
}

const valuesFile = (name: string): string => join(import.meta.dirname, 'values', `${name}.yaml`);

const objects = async (args: readonly string[]): Promise<readonly Rendered[]> => {
  const { code, stdout, stderr } = await template(args);
  expect(code, stderr).toBe(0);
  return parseAllDocuments(stdout)
    .map((document) => document.toJSON() as Rendered | null)
    .filter((object) => object !== null);
};

describe('the chart', () => {
  it('has nothing that helm lint complains of', async () => {
    const { code, stdout, stderr } = await helm(['lint', CHART, '--strict']);
    expect(code, stdout + stderr).toBe(0);
    expect(stdout).not.toMatch(/\[(WARNING|ERROR)\]/);
  });

  it.each(['namespaced', 'outside', 'everything'])(
    'renders values/%s.yaml as ever',
    async (name) => {
      const { code, stdout, stderr } = await template(['-f', valuesFile(name)]);
      expect(code, stderr).toBe(0);
      await expect(stdout).toMatchFileSnapshot(join('golden', `${name}.golden`));
    },
  );

  it('has the versions of the build', async () => {
    const chart = parse(await readFile(join(CHART, 'Chart.yaml'), 'utf8'));
    expect(chart).toMatchObject({ version: VERSION, appVersion: VERSION });
    const project = await readFile(join(CHART, '../../package.json'), 'utf8');
    expect(JSON.parse(project)).toMatchObject({ version: VERSION });
  });

  it('gives the operator only flags that it knows', async () => {
    const rendered = await objects(['-f', valuesFile('everything')]);
    const deployment = rendered.find(({ kind }) => kind === 'Deployment');
    const known = (Object.keys(SETTINGS) as (keyof typeof SETTINGS)[]).map(flagOf);
    const flags = deployment?.spec.template.spec.containers[0]?.args.map(
      (arg) => arg.split('=')[0] as string,
    );
    expect(flags?.length).toBeGreaterThan(8);
    expect(known).toEqual(expect.arrayContaining(flags ?? []));
  });

  it('keeps its CustomResourceDefinitions, and leaves them out when told', async () => {
    const definitions = (await objects([])).filter(
      ({ kind }) => kind === 'CustomResourceDefinition',
    );
    expect(definitions.map(({ metadata }) => metadata.name)).toEqual([
      'healingactions.homeostat.dev',
      'healingpolicies.homeostat.dev',
      'incidents.homeostat.dev',
    ]);
    for (const { metadata } of definitions) {
      expect(metadata.annotations).toEqual({ 'helm.sh/resource-policy': 'keep' });
    }
    const without = await objects(['--set', 'crds.enabled=false']);
    expect(without.map(({ kind }) => kind)).not.toContain('CustomResourceDefinition');
  });

  it('needs no cluster to render: two renderings are equal', async () => {
    const [first, second] = await Promise.all([template([]), template([])]);
    expect(first.stdout).toBe(second.stdout);
    expect(first.stdout).not.toBe('');
  });
});

describe('values', () => {
  interface Schema {
    readonly properties?: Readonly<Record<string, Schema>>;
    readonly additionalProperties?: unknown;
    readonly enum?: readonly string[];
  }

  const readSchema = async (): Promise<Schema> =>
    JSON.parse(await readFile(join(CHART, 'values.schema.json'), 'utf8')) as Schema;

  it('are all in the schema, and the schema has no others', async () => {
    const values = chartValues(await readFile(join(CHART, 'values.yaml'), 'utf8'));
    const documented = values.map(({ path }) => path);
    const leaves = (schema: Schema, path: string): readonly string[] =>
      schema.properties === undefined || documented.includes(path)
        ? [path]
        : Object.entries(schema.properties).flatMap(([name, inner]) =>
            leaves(inner, path === '' ? name : `${path}.${name}`),
          );
    const allowed = leaves(await readSchema(), '').filter((path) => path !== 'global');
    expect(allowed.toSorted()).toEqual(documented.toSorted());
  });

  it('are closed at every level that names its fields', async () => {
    const open = (schema: Schema, path: string): readonly string[] =>
      Object.entries(schema.properties ?? {})
        .flatMap(([name, inner]) => open(inner, `${path}/${name}`))
        .concat(schema.properties && schema.additionalProperties !== false ? [path] : []);
    expect(open(await readSchema(), '')).toEqual([]);
  });

  it('allow the words that the operator knows', async () => {
    const { properties } = await readSchema();
    expect(properties?.['maxMode']?.enum).toEqual(MODES);
    expect(properties?.['logLevel']?.enum?.toSorted()).toEqual(
      Object.values(LOG_LEVELS).toSorted(),
    );
  });

  it.each([
    ['replica=1', "additional properties 'replica' not allowed"],
    ['replicas=3', "at '/replicas': maximum: got 3, want 2"],
    ['replicas=-1', "at '/replicas': minimum: got -1, want 0"],
    ['maxMode=auto', "at '/maxMode': value must be one of 'Observe', 'DryRun', 'Auto'"],
    ['logLevel=trace', "at '/logLevel': value must be one of"],
    ['watchNamespaces=a', "at '/watchNamespaces': got string, want array"],
    ['watchNamespaces={a,a}', "at '/watchNamespaces': items at 0 and 1 are equal"],
    ['watchNamespaces={A_b}', "at '/watchNamespaces/0': 'A_b' does not match pattern"],
    ['traceEndpoint=collector:4317', "at '/traceEndpoint': 'collector:4317' does not match"],
    [
      'extraArgs={max-mode=Auto}',
      "at '/extraArgs/0': 'max-mode=Auto' does not match pattern '^--'",
    ],
    ['image.repository=', "at '/image/repository': minLength: got 0, want 1"],
    ['image.tag=a:b', "at '/image/tag': 'a:b' does not match pattern"],
    ['image.digest=abc', "at '/image/digest': 'abc' does not match pattern"],
    ['image.pullPolicy=Sometimes', "at '/image/pullPolicy': value must be one of"],
    ['imagePullSecrets={a}', "at '/imagePullSecrets/0': got string, want object"],
    ['resources.limit.memory=1Gi', "at '/resources': additional properties 'limit' not allowed"],
    ['podLabels.a=1', "at '/podLabels/a': got number, want string"],
    ['lease.duration=15', "at '/lease/duration': got number, want string"],
    ['lease.duration=15sec', "at '/lease/duration': '15sec' does not match pattern"],
    ['lease.duration=10s', 'lease.duration (10s) must be longer than lease.renewDeadline (10s)'],
    ['lease.renewDeadline=0.25m', 'lease.duration (15s) must be longer than lease.renewDeadline'],
    ['lease.retryPeriod=9s', 'lease.retryPeriod (9s) must be shorter than 5/6 of'],
    ['serviceAccount.create=false', 'serviceAccount.name must name an existing ServiceAccount'],
  ])('refuse %s and say why', async (setting, says) => {
    const { code, stderr } = await template(['--set', setting]);
    expect(code).not.toBe(0);
    expect(stderr).toContain(says);
  });

  it.each(['lease.duration=10.5s', 'lease.duration=1m30s', 'lease.duration=10s1ms'])(
    'understand %s',
    async (setting) => {
      expect((await template(['--set', setting])).code).toBe(0);
    },
  );

  it('are refused on a Kubernetes that is too old', async () => {
    const { code, stderr } = await template(['--kube-version', '1.30.9']);
    expect(code).not.toBe(0);
    expect(stderr).toContain('chart requires kubeVersion: >=1.31.0-0');
  });
});

describe('manifests/', () => {
  it('is what the chart renders: else run `make manifests`', async () => {
    const fresh = await renderManifests();
    const lying = await Promise.all(
      (await readdir(MANIFESTS_FOLDER))
        .filter((name) => name.endsWith('.yaml'))
        .map(async (name) => [name, await readFile(join(MANIFESTS_FOLDER, name), 'utf8')] as const),
    );
    expect(new Map(lying.toSorted())).toEqual(new Map([...fresh].toSorted()));
  });
});

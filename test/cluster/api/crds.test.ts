// SPDX-License-Identifier: Apache-2.0
// The generated CustomResourceDefinitions on a real API server: it takes them as they are, and its
// verdicts, texts and defaults are those of our own schemas.
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import {
  healingActionSpecSchema,
  healingActionStatusSchema,
} from '../../../src/api/healing-action.ts';
import { incidentSpecSchema, incidentStatusSchema } from '../../../src/api/incident.ts';
import { parseHealingPolicy } from '../../../src/api/parse.ts';
import { badPolicies, fullPolicy, goodPolicies, smallPolicy } from '../../fixtures/api/policies.ts';
import {
  healingAction,
  healingActionStatus,
  incident,
  incidentStatus,
} from '../../fixtures/api/records.ts';
import type { ControlPlane } from '../../rig/control-plane/control-plane.ts';
import { startControlPlane } from '../../rig/control-plane/start-control-plane.ts';

const CRDS = join(import.meta.dirname, '../../../crds');
const BASE = '/apis/homeostat.dev/v1alpha1/namespaces/default';

interface Answer {
  readonly message?: string;
  readonly reason?: string;
  readonly details?: { readonly causes?: readonly { field: string; message: string }[] };
  readonly metadata?: { readonly resourceVersion: string };
  readonly spec?: unknown;
  readonly status?: unknown;
}

let cluster: ControlPlane;
beforeAll(async () => {
  cluster = await startControlPlane({ name: 'crds', components: ['etcd', 'kube-apiserver'] });
  const { code, stderr } = await cluster.kubectl(['apply', '-f', CRDS]);
  expect(stderr).toBe('');
  expect(code).toBe(0);
  for (const name of await readdir(CRDS)) {
    const crd = name.replace(/\.yaml$/, '');
    await cluster.kubectl(['wait', '--for=condition=Established', `crd/${crd}`, '--timeout=60s']);
  }
}, 20 * 60_000);
afterAll(() => cluster?.stop());

const create = (plural: string, object: unknown, query: string) =>
  cluster.request<Answer>('POST', `${BASE}/${plural}${query}`, object);
const judge = (policy: unknown) => create('healingpolicies', policy, '?dryRun=All');
const kubectl = async (...args: readonly string[]): Promise<string> => {
  const { stdout, stderr, code } = await cluster.kubectl(args);
  expect(`${code} ${stderr}`).toBe('0 ');
  return stdout;
};

describe('the CRDs', () => {
  it('read back as they were applied', async () => {
    for (const name of await readdir(CRDS)) {
      const applied = parse(await readFile(join(CRDS, name), 'utf8'));
      const path = `/apis/apiextensions.k8s.io/v1/customresourcedefinitions/${applied.metadata.name}`;
      const { body } = await cluster.request<{ spec: object }>('GET', path);
      expect(body.spec).toEqual({ ...applied.spec, conversion: { strategy: 'None' } });
    }
    expect(await kubectl('diff', '-f', CRDS)).toBe('');
  });

  it('explain every field that a newcomer meets', async () => {
    const explain = async (path: string) =>
      (await kubectl('explain', path)).replaceAll(/\s+/g, ' ');
    const safety = await explain('healingpolicy.spec.safety');
    expect(safety).toMatch(/minHealthy <Object> Ready replicas that must remain/);
    expect(await explain('hpol.spec.mode')).toMatch(/ENUM:[\s\S]*Observe/);
    expect(await explain('hact.spec.intents')).toContain('The requests that may be sent');
    expect(await explain('inc.status.state')).toContain('a person is needed');
  });
});

describe('a HealingPolicy', () => {
  it.each(goodPolicies)('is accepted and filled in as zod does: $name', async ({ policy }) => {
    const { status, body } = await judge(policy);
    expect([status, body.message]).toEqual([201, undefined]);
    const parsed = parseHealingPolicy(policy);
    expect(parsed).toMatchObject({ kind: 'ok' });
    expect(body.spec).toEqual(parsed.kind === 'ok' ? parsed.value.spec : null);
  });

  it.each(badPolicies)('is refused word for word: $name', async ({ policy, cause }) => {
    const { status, body } = await judge(policy);
    expect(status).toBe(422);
    const causes = (body.details?.causes ?? []).map(({ field, message }) => [field, message]);
    expect(causes).toContainEqual([...cause]);
  });

  it('tells the sentence to whoever applies it', async () => {
    const { policy } = badPolicies.find(({ name }) => name === 'no time left to settle')!;
    const input = JSON.stringify(policy);
    const { code, stderr } = await cluster.kubectl(['apply', '-f', '-'], { input });
    expect(code).toBe(1);
    expect(stderr).toContain(
      '`settle` + `verify.initialDelay` must be less than `timeout` of every action: lengthen the timeout or shorten the others',
    );
  });

  it('with an unknown field is refused by kubectl, and pruned for clients that do not ask', async () => {
    const policy = { ...smallPolicy, spec: { ...smallPolicy.spec, frobnicate: true } };
    const strict = await cluster.kubectl(['apply', '-f', '-'], { input: JSON.stringify(policy) });
    expect(strict.code).toBe(1);
    expect(strict.stderr).toContain('unknown field "spec.frobnicate"');
    const { status, body } = await judge(policy);
    expect(status).toBe(201);
    expect(body.spec).toEqual(fullPolicy.spec);
  });

  it('gets the same verdict from zod, whatever stands in whatever field', async () => {
    const fields = leavesOf(fullPolicy.spec);
    const anything = fc.oneof(
      fc.constantFrom(null, '', '0s', '1m', '90m', '40%', '100%', 'web', 'Auto', [], {}, true),
      fc.integer({ min: -2, max: 2_000 }),
      fc.constantFrom(2 ** 31, 1.5, -1e12, 'x'.repeat(64), 'x'.repeat(300), ['a', 'a'], 'é', 'A b'),
    );
    const changes = fc.array(fc.tuple(fc.constantFrom(...fields), anything), {
      minLength: 1,
      maxLength: 3,
    });
    await fc.assert(
      fc.asyncProperty(changes, async (changed) => {
        const spec = changed.reduce<unknown>(
          (at, [path, value]) => put(at, path, value),
          fullPolicy.spec,
        );
        const policy = { ...fullPolicy, spec };
        const { status } = await judge(policy);
        expect([status, parseHealingPolicy(policy).kind]).toEqual(
          status === 201 ? [201, 'ok'] : [422, 'problems'],
        );
      }),
      { numRuns: 300 },
    );
  });

  it('shows its columns and answers field selectors', async () => {
    await create('healingpolicies', smallPolicy, '');
    await cluster.request('PATCH', `${BASE}/healingpolicies/leaks/status`, {
      status: {
        effectiveMode: 'DryRun',
        conditions: [
          {
            type: 'Ready',
            status: 'True',
            reason: 'AtWork',
            message: '',
            lastTransitionTime: '2026-06-01T12:00:00Z',
          },
        ],
        triggers: [{ name: 'leak', state: 'Firing', message: 'web-1 leaks' }],
        lastAction: { name: 'restart-aaaa', phase: 'Simulated', time: '2026-06-01T12:00:00Z' },
      },
    });
    const table = await kubectl('get', 'hpol');
    expect(table).toMatch(/^NAME +MODE +READY +ACTIVE +LAST +AGE\n/);
    expect(table).toMatch(/\nleaks +DryRun +True +leak +Simulated +/);
    expect(await kubectl('get', 'hpol', '--field-selector=spec.mode=DryRun', '-oname')).toContain(
      'leaks',
    );
    expect(await kubectl('get', 'hpol', '--field-selector=spec.mode=Auto', '-oname')).toBe('');
  });
});

describe('records', () => {
  const statusOf = (plural: string, name: string, status: unknown) =>
    cluster.request<Answer>('PATCH', `${BASE}/${plural}/${name}/status`, { status });
  const causes = (body: Answer) =>
    (body.details?.causes ?? []).map(({ field, message }) => [field, message]);

  it.each([
    [
      'healingactions',
      healingAction,
      healingActionStatus,
      healingActionSpecSchema,
      healingActionStatusSchema,
    ],
    ['incidents', incident, incidentStatus, incidentSpecSchema, incidentStatusSchema],
  ] as const)(
    'are taken unchanged by the server and by zod: %s',
    async (plural, object, status, specSchema, statusSchema) => {
      const created = await create(plural, object, '');
      expect([created.status, created.body.message]).toEqual([201, undefined]);
      expect(created.body.spec).toEqual(object.spec);
      expect(specSchema.parse(object.spec)).toEqual(object.spec);
      const patched = await statusOf(plural, object.metadata.name, status);
      expect([patched.status, patched.body.message]).toEqual([200, undefined]);
      expect(patched.body.status).toEqual(status);
      expect(statusSchema.parse(status)).toEqual(status);
    },
  );

  it.each([
    ['healingactions', 'restart-aaaa', { mode: 'DryRun' }],
    ['incidents', 'memory-leak-aaaa', { trigger: 'other' }],
  ])('never change their spec: %s', async (plural, name, spec) => {
    const { status, body } = await cluster.request<Answer>('PATCH', `${BASE}/${plural}/${name}`, {
      spec,
    });
    expect(status).toBe(422);
    expect(causes(body)).toEqual([
      [
        'spec',
        'Invalid value: must not change once written: delete the object and create another one',
      ],
    ]);
  });

  it('refuse a writer of an older epoch', async () => {
    const fence = { epoch: 2, holder: 'homeostat-1' };
    const { status, body } = await statusOf('healingactions', 'restart-aaaa', { fence });
    expect(status).toBe(422);
    expect(causes(body)).toEqual([
      ['status', 'Invalid value: must not lower `fence.epoch`: a newer leader owns this record'],
    ]);
    const newer = await statusOf('healingactions', 'restart-aaaa', {
      fence: { epoch: 4, holder: 'homeostat-1' },
    });
    expect(newer.status).toBe(200);
    const without = await statusOf('healingactions', 'restart-aaaa', { fence: null });
    expect(without.status).toBe(422);
  });

  it('never leave a final phase', async () => {
    expect((await statusOf('healingactions', 'restart-aaaa', { phase: 'Verifying' })).status).toBe(
      200,
    );
    expect((await statusOf('healingactions', 'restart-aaaa', { phase: 'Succeeded' })).status).toBe(
      200,
    );
    const { status, body } = await statusOf('healingactions', 'restart-aaaa', {
      phase: 'Executing',
    });
    expect(status).toBe(422);
    expect(causes(body)).toEqual([
      ['status', 'Invalid value: must not leave a final `phase`: plan another action'],
    ]);
    const again = await statusOf('healingactions', 'restart-aaaa', { message: 'it helped' });
    expect(again.status).toBe(200);
  });

  it('refuse a day that does not exist, as zod does', async () => {
    const status = { ...incidentStatus, openedAt: '2026-02-30T12:00:00Z' };
    const answer = await statusOf('incidents', 'memory-leak-aaaa', status);
    expect(answer.status).toBe(422);
    expect(incidentStatusSchema.safeParse(status).success).toBe(false);
  });

  it('show their columns and answer field selectors', async () => {
    const actions = await kubectl('get', 'hact');
    expect(actions).toMatch(/^NAME +POLICY +STEP +TARGET +MODE +PHASE +REASON +AGE\n/);
    expect(actions).toMatch(/\nrestart-aaaa +leaks +restart +web-1 +Auto +Succeeded +/);
    expect(await kubectl('get', 'inc')).toMatch(
      /\nmemory-leak-aaaa +web +web-1 +MemoryLeak +Mitigating +/,
    );
    const selected = await kubectl(
      'get',
      'hact',
      '--field-selector=spec.policyRef.name=leaks,status.phase=Succeeded',
      '-oname',
    );
    expect(selected).toContain('restart-aaaa');
  });

  it('are all listed by the name of the product', async () => {
    const names = await kubectl('get', 'homeostat', '-oname');
    expect(names.trim().split('\n')).toHaveLength(3);
  });
});

type Path = readonly (string | number)[];

/** Paths to every field and item of a value. */
function leavesOf(value: unknown, path: Path = []): readonly Path[] {
  const here = path.length === 0 ? [] : [path];
  if (typeof value !== 'object' || value === null) return here;
  const steps = Array.isArray(value)
    ? value.map((each, i) => [i, each] as const)
    : Object.entries(value);
  return [...here, ...steps.flatMap(([step, each]) => leavesOf(each, [...path, step]))];
}

/** Puts a value in place of another; a path that is not there any more changes nothing. */
function put(root: unknown, [step, ...rest]: Path, value: unknown): unknown {
  if (step === undefined) return value;
  if (typeof root !== 'object' || root === null) return root;
  const copy = (Array.isArray(root) ? [...root] : { ...root }) as Record<string | number, unknown>;
  copy[step] = put(copy[step], rest, value);
  return copy;
}

// SPDX-License-Identifier: Apache-2.0
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseHealingPolicy, problemText } from '../../../src/api/parse.ts';
import { badPolicies, fullPolicy, goodPolicies, smallPolicy } from '../../fixtures/api/policies.ts';

/** What zod says, as sentences; empty: accepted. */
const objections = (raw: unknown): readonly string[] => {
  const parsed = parseHealingPolicy(raw);
  return parsed.kind === 'ok' ? [] : parsed.problems.map(problemText);
};

describe('parseHealingPolicy', () => {
  it('fills in every default', () => {
    const parsed = parseHealingPolicy(smallPolicy);
    expect(parsed).toMatchObject({ kind: 'ok', value: { spec: fullPolicy.spec } });
  });

  it('leaves empty what only the API server knows', () => {
    const parsed = parseHealingPolicy(smallPolicy);
    expect(parsed).toMatchObject({
      value: { metadata: { name: 'leaks', namespace: 'default', uid: '', generation: 0 } },
    });
  });

  it('keeps a status that can be read, and leaves out one that cannot', () => {
    const withStatus = (status: unknown) => parseHealingPolicy({ ...fullPolicy, status });
    expect(withStatus({ effectiveMode: 'Auto' })).toMatchObject({
      value: { status: { effectiveMode: 'Auto' } },
    });
    const broken = withStatus({ effectiveMode: 'Sometimes' });
    expect(broken.kind === 'ok' && broken.value.status).toBeUndefined();
  });

  it.each(goodPolicies)('accepts $name', ({ policy }) => {
    expect(objections(policy)).toEqual([]);
  });

  it.each(badPolicies)('refuses $name', ({ policy, problem }) => {
    expect(objections(policy)).toContain(problem);
  });

  it.each([
    ['nothing', undefined, '`the object` is required'],
    ['a text', 'kind: HealingPolicy', 'must be of type object'],
    ['another kind', { ...smallPolicy, kind: 'Incident' }, 'must be one of HealingPolicy'],
    ['another version', { ...smallPolicy, apiVersion: 'homeostat.dev/v1' }, 'v1alpha1'],
    ['no name', { ...smallPolicy, metadata: {} }, '`metadata.name` is required'],
    ['no spec', { ...smallPolicy, spec: undefined }, '`spec` is required'],
  ])('refuses %s', (_, raw, problem) => {
    expect(objections(raw).join('\n')).toContain(problem);
  });

  it('never throws, whatever comes in', () => {
    const field = fc.constantFrom(...Object.keys(fullPolicy.spec));
    fc.assert(
      fc.property(fc.anything(), field, fc.anything(), (raw, name, value) => {
        parseHealingPolicy(raw);
        parseHealingPolicy({ ...smallPolicy, spec: { ...smallPolicy.spec, [name]: value } });
      }),
    );
  });
});

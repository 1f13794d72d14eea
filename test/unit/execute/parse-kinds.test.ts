// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { parseHealingPolicy } from '../../../src/execute/parse-kinds.ts';
import { smallPolicy } from '../../fixtures/api/policies.ts';

const stored = (type: string) => ({
  ...smallPolicy,
  metadata: { name: 'p', namespace: 'shop', uid: 'u', resourceVersion: '1', generation: 1 },
  spec: { ...smallPolicy.spec, triggers: [{ name: 't', detector: { type, params: {} } }] },
});

describe('parseHealingPolicy', () => {
  it('reads a policy whose detector this process does not have: the bound trigger reports it', () => {
    const policy = parseHealingPolicy(stored('FromAnotherVersion'));
    expect(policy?.spec.triggers[0]?.detector.type).toBe('FromAnotherVersion');
  });

  it('fills in the defaults', () => {
    expect(parseHealingPolicy(stored('MemoryLeak'))?.spec.mode).toBe('DryRun');
  });

  it.each([
    ['a spec that does not hold together', { ...stored('MemoryLeak'), spec: { mode: 'Always' } }],
    ['an object without a uid', { ...stored('MemoryLeak'), metadata: { name: 'p' } }],
  ])('gives null for %s', (_, raw) => {
    expect(parseHealingPolicy(raw)).toBeNull();
  });
});

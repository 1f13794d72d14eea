// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { rbac } from '../../../../src/rbac.ts';
import { chartRbac, rulesYaml } from '../../../../tools/generate/chart-rbac.ts';

describe('rulesYaml', () => {
  it('says the same as the rules, and why', () => {
    for (const rules of Object.values(rbac)) {
      const text = rulesYaml(rules);
      expect(parse(text)).toEqual(rules.map(({ why: _, ...rule }) => rule));
      for (const { why } of rules) expect(text).toContain(`# ${why}\n`);
    }
  });
});

describe('chartRbac', () => {
  it('has a file for each scope', () => {
    expect([...chartRbac.files().keys()]).toHaveLength(Object.keys(rbac).length);
  });
});

// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { chartCrds } from '../../../../tools/generate/chart-crds.ts';
import { crds } from '../../../../tools/generate/crds.ts';

describe('chartCrds', () => {
  it('differs from crds/ by the mark that keeps them, and by nothing else', () => {
    const plain = crds.files();
    const kept = chartCrds.files();
    expect([...kept.keys()]).toEqual([...plain.keys()]);
    for (const [name, text] of kept) {
      const { metadata, ...rest } = parse(text);
      const { annotations, ...metadataRest } = metadata;
      expect(annotations).toEqual({ 'helm.sh/resource-policy': 'keep' });
      expect({ metadata: metadataRest, ...rest }).toEqual(parse(plain.get(name) ?? ''));
    }
  });
});

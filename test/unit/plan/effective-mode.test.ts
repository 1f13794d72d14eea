// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { MODES } from '../../../src/api/healing-policy.ts';
import { effectiveMode } from '../../../src/plan/effective-mode.ts';

const annotated = (value: string) => ({ 'homeostat.dev/max-mode': value });

describe('effectiveMode', () => {
  it('is the lowest of the three', () => {
    for (const specMode of MODES) {
      for (const operatorMaxMode of MODES) {
        for (const cap of MODES) {
          const rank = [specMode, operatorMaxMode, cap].map((mode) => MODES.indexOf(mode));
          const mode = effectiveMode({
            specMode,
            operatorMaxMode,
            namespaceAnnotations: annotated(cap),
          });
          expect(MODES.indexOf(mode)).toBe(Math.min(...rank));
        }
      }
    }
  });

  const auto = { specMode: 'Auto', operatorMaxMode: 'Auto' } as const;

  it('is not capped by a namespace without the annotation', () => {
    expect(effectiveMode({ ...auto, namespaceAnnotations: {} })).toBe('Auto');
  });

  it.each(['', 'auto', 'AUTO', 'Approve', 'none'])('observes when the cap is %j', (value) => {
    expect(effectiveMode({ ...auto, namespaceAnnotations: annotated(value) })).toBe('Observe');
  });
});

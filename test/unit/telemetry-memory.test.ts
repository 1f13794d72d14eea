// SPDX-License-Identifier: Apache-2.0
/** The budgets of all buffers against the memory that the chart gives. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { readConfig } from '../../src/config.ts';
import { DEFAULT_STORE_LIMITS } from '../../src/knowledge/store.ts';
import { processMemoryBytes } from '../../src/telemetry-memory.ts';

const MIB = 2 ** 20;

const bytesOf = (text: string): number => {
  const match = /^([0-9]+)(Mi|Gi)$/.exec(text);
  if (match === null) throw new Error(`${text} is not a size`);
  return Number(match[1]) * (match[2] === 'Gi' ? 1_024 : 1) * MIB;
};

const DEFAULTS = readConfig([], {});
const SETTINGS = {
  bodyBytes: DEFAULTS.otlpMaxBody,
  budgetBytes: DEFAULTS.otlpInFlight,
  store: DEFAULT_STORE_LIMITS,
};

describe('the memory of a pod', () => {
  it("holds everything that the defaults may come to hold, in the chart's limit", () => {
    const values = parse(
      readFileSync(new URL('../../charts/homeostat/values.yaml', import.meta.url), 'utf8'),
    ) as { resources: { limits: { memory: string } } };
    expect(processMemoryBytes(SETTINGS)).toBeLessThanOrEqual(
      bytesOf(values.resources.limits.memory),
    );
  });

  it('needs more with every setting that is raised', () => {
    const base = processMemoryBytes(SETTINGS);
    const more = { ...SETTINGS, budgetBytes: SETTINGS.budgetBytes + MIB };
    expect(processMemoryBytes(more) - base).toBe(MIB);
    const store = { maxWindowBytes: SETTINGS.store.maxWindowBytes + MIB };
    expect(processMemoryBytes({ ...SETTINGS, store }) - base).toBe(MIB);
    expect(
      processMemoryBytes({ ...SETTINGS, bodyBytes: SETTINGS.bodyBytes + MIB }) - base,
    ).toBeGreaterThanOrEqual(2 * MIB);
  });
});

// SPDX-License-Identifier: Apache-2.0

import type { Detector } from '../../src/analyze/detector.ts';
import { DETECTORS } from '../../src/analyze/detectors/index.ts';
import { structuralSchema } from '../../src/api/crd-schema.ts';
import { policySpecSchema } from '../../src/api/healing-policy.ts';
import type { Generator } from './generator.ts';
import { code, kebab, page, table } from './markdown.ts';
import { fieldRows } from './schema-rows.ts';

const INTRO = `A detector turns telemetry into evidence. A policy names one in \`spec.triggers[].detector.type\`. Where
data is missing or stale a detector says \`unknown\`, which is neither fine nor a finding.`;

const TRIGGER = { policyUid: '', policyNamespace: '', policyName: '', trigger: '' };

const section = (detector: Detector): string => {
  const bound = detector.bind({}, TRIGGER);
  const buckets = (ms: number): string => String(ms / bound.resolutionMs);
  return [
    `## ${detector.id}`,
    `${detector.title}. Reads ${detector.needs.join(', ')}.`,
    table(
      ['What', 'In resolutions'],
      [
        ['Window that is kept', String(bound.windowBuckets)],
        ['Time between two analyses', buckets(bound.analysisIntervalMs)],
      ],
    ),
    `Source of the algorithm: ${detector.reference}.`,
    `File: [src/analyze/detectors/${kebab(detector.id)}.ts](../../src/analyze/detectors/${kebab(detector.id)}.ts).`,
  ].join('\n\n');
};

const PARAMS = 'spec.triggers[].detector.params.';

const params = (): string => {
  const [first, ...rest] = DETECTORS.map(({ id }) => id);
  if (first === undefined) throw new Error('no detector is registered');
  const rows = fieldRows(structuralSchema(policySpecSchema([first, ...rest]), 'spec'), 'spec')
    .filter(({ path }) => path.startsWith(PARAMS))
    .map((row) => [
      code(row.path.slice(PARAMS.length)),
      row.type,
      code((row.default ?? '').replaceAll('"', '')),
      row.meaning,
    ]);
  return table(['Field', 'Type', 'Default', 'Meaning'], rows);
};

/** Generates the page of detectors. */
export const referenceDetectors: Generator = {
  id: 'reference-detectors',
  folder: 'docs/reference',
  suffix: 'detectors.md',
  files: () => {
    const parts = [
      INTRO,
      '## Parameters',
      'The same for every detector in this version: `spec.triggers[].detector.params`.',
      params(),
      ...DETECTORS.map(section),
    ];
    return new Map([['detectors.md', page('src/analyze/detectors', 'Detectors', parts)]]);
  },
};

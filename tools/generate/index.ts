// SPDX-License-Identifier: Apache-2.0
import { chartCrds } from './chart-crds.ts';
import { chartRbac } from './chart-rbac.ts';
import { chartReadme } from './chart-readme.ts';
import { crds } from './crds.ts';
import type { Generator } from './generator.ts';
import { manifestCrds } from './manifest-crds.ts';
import { referenceActions } from './reference-actions.ts';
import { referenceConfiguration } from './reference-configuration.ts';
import { referenceDetectors } from './reference-detectors.ts';
import { referenceErrors } from './reference-errors.ts';
import { referenceEvents } from './reference-events.ts';
import { referenceGuards } from './reference-guards.ts';
import { referenceMetrics } from './reference-metrics.ts';
import { specDocs } from './spec-docs.ts';

/** Every generator, sorted by id. */
export const generators = [
  chartCrds,
  chartRbac,
  chartReadme,
  crds,
  manifestCrds,
  referenceActions,
  referenceConfiguration,
  referenceDetectors,
  referenceErrors,
  referenceEvents,
  referenceGuards,
  referenceMetrics,
  specDocs,
] as const satisfies readonly Generator[];

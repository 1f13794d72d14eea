// SPDX-License-Identifier: Apache-2.0
import { chartCrds } from './chart-crds.ts';
import { chartRbac } from './chart-rbac.ts';
import { chartReadme } from './chart-readme.ts';
import { crds } from './crds.ts';
import type { Generator } from './generator.ts';
import { manifestCrds } from './manifest-crds.ts';
import { specDocs } from './spec-docs.ts';

/** Every generator, sorted by id. */
export const generators = [
  chartCrds,
  chartRbac,
  chartReadme,
  crds,
  manifestCrds,
  specDocs,
] as const satisfies readonly Generator[];

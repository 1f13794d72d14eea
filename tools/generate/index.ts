// SPDX-License-Identifier: Apache-2.0
import { crds } from './crds.ts';
import type { Generator } from './generator.ts';
import { specDocs } from './spec-docs.ts';

/** Every generator, sorted by id. */
export const generators = [crds, specDocs] as const satisfies readonly Generator[];

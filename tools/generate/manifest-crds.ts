// SPDX-License-Identifier: Apache-2.0
import { crds } from './crds.ts';
import type { Generator } from './generator.ts';

/** Generates the copies of `crds/` that `kubectl apply -k manifests/` reads: kustomize takes no file from elsewhere. */
export const manifestCrds: Generator = {
  ...crds,
  id: 'manifest-crds',
  folder: 'manifests/crds',
};

// SPDX-License-Identifier: Apache-2.0
import type { PodRef, WorkloadRef } from '../domain/entity.ts';

/** Names a pod for a person, as `kubectl` does: `pod shop/web-1`. */
export const podText = ({ namespace, name }: Omit<PodRef, 'uid'>): string =>
  `pod ${namespace}/${name}`;

/** Names a workload for a person: `Deployment shop/web`. */
export const workloadText = ({ kind, namespace, name }: WorkloadRef): string =>
  `${kind} ${namespace}/${name}`;

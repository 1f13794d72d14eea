// SPDX-License-Identifier: Apache-2.0
import type { ApiRequest } from '../domain/cluster.ts';
import type { Intent } from './action.ts';

/** What an intent is sent to. */
export interface IntentTarget {
  readonly namespace: string;
  readonly name: string;
}

/** What must hold of the target, as last read. */
export interface Preconditions {
  readonly uid: string;
  readonly resourceVersion: string;
}

/**
 * Builds the request of an intent. The preconditions come from the newest read of the target, not
 * from the intent: the uid never changes, the resourceVersion may.
 */
export const intentRequest = (
  intent: Intent,
  target: IntentTarget,
  options: { readonly preconditions: Preconditions; readonly dryRun: boolean },
): ApiRequest => {
  switch (intent.verb) {
    case 'evict':
      return {
        verb: 'create',
        group: '',
        version: 'v1',
        resource: 'pods',
        namespace: target.namespace,
        name: target.name,
        subresource: 'eviction',
        ...(options.dryRun ? { dryRun: true } : {}),
        body: {
          apiVersion: 'policy/v1',
          kind: 'Eviction',
          metadata: { name: target.name, namespace: target.namespace },
          deleteOptions: {
            preconditions: {
              uid: options.preconditions.uid,
              resourceVersion: options.preconditions.resourceVersion,
            },
          },
        },
      };
  }
};

/** Builds the live read of the target that a probe judges. */
export const targetRead = (target: IntentTarget): ApiRequest => ({
  verb: 'get',
  group: '',
  version: 'v1',
  resource: 'pods',
  namespace: target.namespace,
  name: target.name,
});

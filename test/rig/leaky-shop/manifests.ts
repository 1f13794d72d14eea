// SPDX-License-Identifier: Apache-2.0
import { LEAK } from './leak.ts';

/** Label of every pod of the shop. */
export const SHOP_LABEL = 'homeostat-rig/shop';
/** Name of the container in each pod. */
export const CONTAINER = 'web';

/** A Deployment of three replicas on simulated nodes. */
export const shopDeployment = (namespace: string, name: string) => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name, namespace },
  spec: {
    replicas: 3,
    selector: { matchLabels: { [SHOP_LABEL]: name } },
    template: {
      metadata: { labels: { [SHOP_LABEL]: name } },
      spec: {
        terminationGracePeriodSeconds: 0,
        containers: [
          {
            name: CONTAINER,
            image: 'simulated',
            resources: { requests: { memory: '1Mi' }, limits: { memory: LEAK.limitText } },
          },
        ],
      },
    },
  },
});

/**
 * The policy for one Deployment, in Auto, on the fastest clock that the API takes. Guards that would
 * stop many restarts in a row in one namespace are opened; the others stay as they are.
 */
export const shopPolicy = (namespace: string, name: string) => ({
  apiVersion: 'homeostat.dev/v1alpha1',
  kind: 'HealingPolicy',
  metadata: { name, namespace },
  spec: {
    mode: 'Auto',
    targets: [{ name: 'web', kind: 'Deployment', resourceName: name }],
    triggers: [
      {
        name: 'leak',
        detector: { type: 'MemoryLeak', params: { horizon: '30s', resolution: '1s' } },
      },
    ],
    actions: [{ name: 'restart', restart: {}, timeout: '90s', settle: '30s' }],
    safety: {
      budgets: [{ name: 'sweep', max: 1000, window: '1h', scope: 'Namespace' }],
    },
    verify: { initialDelay: '1s', window: '4s', interval: '500ms', minSamples: 5 },
  },
});

// SPDX-License-Identifier: Apache-2.0
import { LEAK, TIMELINE } from './timeline.ts';

/** Namespace of the demo's workload and policy. */
export const SHOP = 'shop';
/** Name of the workload, its container and its app label. */
export const WEB = 'web';
/** Image of the leaking program. */
export const DEMO_IMAGE = 'homeostat-demo:1';
/** Name of the policy. */
export const POLICY = 'web-leak';

const field = (fieldPath: string) => ({ valueFrom: { fieldRef: { fieldPath } } });

/**
 * The leaking workload: three replicas that export their memory over OTLP.
 * @param endpoint where the pods send OTLP/HTTP
 */
export const webDeployment = (endpoint: string) => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: WEB, namespace: SHOP },
  spec: {
    replicas: 3,
    selector: { matchLabels: { app: WEB } },
    template: {
      metadata: { labels: { app: WEB } },
      spec: {
        terminationGracePeriodSeconds: 5,
        containers: [
          {
            name: WEB,
            image: DEMO_IMAGE,
            imagePullPolicy: 'IfNotPresent',
            ports: [{ name: 'http', containerPort: 8080 }],
            resources: { requests: { memory: '64Mi' }, limits: { memory: LEAK.limitText } },
            readinessProbe: { httpGet: { path: '/', port: 'http' }, periodSeconds: 1 },
            env: [
              { name: 'POD_UID', ...field('metadata.uid') },
              { name: 'POD_NAME', ...field('metadata.name') },
              { name: 'HOST', ...field('status.podIP') },
              { name: 'MODE', value: 'leak' },
              { name: 'BASE_BYTES', value: String(LEAK.baseBytes) },
              { name: 'LEAK_BYTES', value: String(LEAK.bytesPerRequest) },
              { name: 'EXPORT_INTERVAL_MS', value: String(LEAK.exportIntervalMs) },
              { name: 'OTEL_EXPORTER_OTLP_ENDPOINT', value: endpoint },
              {
                name: 'OTEL_RESOURCE_ATTRIBUTES',
                value: `service.name=${WEB},k8s.namespace.name=${SHOP},k8s.container.name=${WEB},k8s.pod.name=$(POD_NAME),k8s.pod.uid=$(POD_UID)`,
              },
            ],
          },
        ],
      },
    },
  },
});

/** The policy that watches it, in DryRun. */
export const leakPolicy = () => ({
  apiVersion: 'homeostat.dev/v1alpha1',
  kind: 'HealingPolicy',
  metadata: { name: POLICY, namespace: SHOP },
  spec: {
    mode: 'DryRun',
    targets: [{ name: WEB, kind: 'Deployment', resourceName: WEB }],
    triggers: [
      {
        name: 'leak',
        detector: {
          type: 'MemoryLeak',
          params: { horizon: TIMELINE.horizon.demo, resolution: TIMELINE.resolution.demo },
        },
      },
    ],
    actions: [
      {
        name: 'restart',
        restart: {},
        timeout: TIMELINE.timeout.demo,
        settle: TIMELINE.settle.demo,
      },
    ],
    safety: {
      cooldown: {
        perTarget: TIMELINE['cooldown.perTarget'].demo,
        perAction: TIMELINE['cooldown.perAction'].demo,
      },
    },
    verify: {
      initialDelay: TIMELINE['verify.initialDelay'].demo,
      window: TIMELINE['verify.window'].demo,
      interval: TIMELINE['verify.interval'].demo,
    },
  },
});

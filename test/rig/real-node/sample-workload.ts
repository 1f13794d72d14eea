// SPDX-License-Identifier: Apache-2.0
// Objects that the rig's own tests create on a real node.
import { join } from 'node:path';
import { nodeAppImage } from '../images/node-app-image.ts';
import type { RealNodeCluster } from './real-node-cluster.ts';

/** Names the image of the sample program. */
export const SAMPLE_IMAGE = 'homeostat.dev/rig/sample:1';

const ACCOUNT = '/var/run/secrets/kubernetes.io/serviceaccount';

/** Packs the image of the sample program and returns the path of its archive. */
export const sampleImage = (): Promise<string> =>
  nodeAppImage({
    name: SAMPLE_IMAGE,
    files: [{ path: '/app/sample.ts', from: join(import.meta.dirname, 'sample-app.ts') }],
    entrypoint: ['/app/sample.ts'],
    env: { NODE_EXTRA_CA_CERTS: `${ACCOUNT}/ca.crt` },
  });

/** Describes a Deployment of the sample program. */
export interface SampleDeployment {
  readonly name: string;
  readonly replicas: number;
  /** Memory limit, as a Kubernetes quantity. */
  readonly memory?: string;
}

/** Is the part of a pod that tests read. */
export interface SamplePod {
  readonly metadata: {
    readonly name: string;
    readonly uid: string;
    readonly deletionTimestamp?: string;
  };
  readonly status: {
    readonly podIP?: string;
    readonly conditions?: readonly { readonly type: string; readonly status: string }[];
    readonly containerStatuses?: readonly {
      readonly containerID?: string;
      readonly restartCount: number;
      readonly lastState: {
        readonly terminated?: { readonly reason: string; readonly exitCode: number };
      };
    }[];
  };
}

/** Creates the Deployment, and a Service of the same name on port 80. */
export const createSample = async (
  cluster: RealNodeCluster,
  { name, replicas, memory = '192Mi' }: SampleDeployment,
): Promise<void> => {
  const labels = { app: name };
  const probe = { httpGet: { path: '/healthz', port: 8080 }, periodSeconds: 1 };
  const deployment = {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name },
    spec: {
      replicas,
      selector: { matchLabels: labels },
      template: {
        metadata: { labels },
        spec: {
          terminationGracePeriodSeconds: 5,
          securityContext: { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } },
          containers: [
            {
              name: 'app',
              image: SAMPLE_IMAGE,
              imagePullPolicy: 'Never',
              readinessProbe: probe,
              livenessProbe: { ...probe, failureThreshold: 10 },
              resources: { limits: { memory }, requests: { cpu: '10m', memory: '64Mi' } },
              securityContext: {
                allowPrivilegeEscalation: false,
                readOnlyRootFilesystem: true,
                capabilities: { drop: ['ALL'] },
              },
            },
          ],
        },
      },
    },
  };
  const service = {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name },
    spec: { selector: labels, ports: [{ port: 80, targetPort: 8080 }] },
  };
  for (const [path, object] of [
    ['/apis/apps/v1/namespaces/default/deployments', deployment],
    ['/api/v1/namespaces/default/services', service],
  ] as const) {
    const { status, body } = await cluster.request('POST', path, object);
    if (status !== 201) throw new Error(`${path}: ${status} ${JSON.stringify(body)}`);
  }
};

/** Lists the pods of a sample that are not being deleted. */
export const podsOf = async (
  cluster: RealNodeCluster,
  name: string,
): Promise<readonly SamplePod[]> => {
  const path = `/api/v1/namespaces/default/pods?labelSelector=app%3D${name}`;
  const { body } = await cluster.request<{ items: readonly SamplePod[] }>('GET', path);
  return body.items.filter((pod) => pod.metadata.deletionTimestamp === undefined);
};

const isReady = ({ status }: SamplePod): boolean =>
  status.conditions?.some(({ type, status: value }) => type === 'Ready' && value === 'True') ??
  false;

/** Waits until that many pods of a sample are Ready and returns them. */
export const readyPods = (
  cluster: RealNodeCluster,
  name: string,
  count: number,
): Promise<readonly SamplePod[]> =>
  cluster.waitFor(`${count} pods of ${name} are Ready`, async () => {
    const ready = (await podsOf(cluster, name)).filter(isReady);
    return ready.length === count && ready;
  });

/** Asks over HTTP from this process; returns the text. */
export const ask = async (address: string, path = '/'): Promise<string> => {
  const response = await fetch(`http://${address}${path}`, { signal: AbortSignal.timeout(5000) });
  return response.text();
};

/** Returns the Service address of a sample. */
export const serviceAddress = async (cluster: RealNodeCluster, name: string): Promise<string> => {
  const path = `/api/v1/namespaces/default/services/${name}`;
  const { body } = await cluster.request<{ spec: { clusterIP: string } }>('GET', path);
  return body.spec.clusterIP;
};

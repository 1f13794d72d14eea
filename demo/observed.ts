// SPDX-License-Identifier: Apache-2.0
/** The cluster as anybody could see it with kubectl: what the story and the proof are made from. */
import type { ControlPlane } from '../test/rig/control-plane/control-plane.ts';
import { POLICY, SHOP } from './manifests.ts';

/** Names a pod's life. */
export interface ObservedPod {
  readonly name: string;
  readonly uid: string;
  readonly ip: string;
  readonly isReady: boolean;
  readonly isDeleting: boolean;
  readonly restartCount: number;
  readonly createdAt: string;
}

/** The parts of a HealingAction that the demo reads. */
export interface ObservedAction {
  readonly metadata: { readonly name: string; readonly creationTimestamp: string };
  readonly spec: {
    readonly mode: 'DryRun' | 'Auto';
    readonly target: { readonly name: string; readonly uid: string };
    readonly lineageGeneration: number;
    readonly cause: { readonly summary: string; readonly observedAt: string };
  };
  readonly status?: {
    readonly phase?: string;
    readonly reason?: string;
    readonly message?: string;
    readonly steps?: readonly { readonly sentAt: string; readonly httpStatus?: number }[];
    readonly replacement?: {
      readonly name: string;
      readonly uid: string;
      readonly readyAt?: string;
    };
    readonly verification?: {
      readonly samples: number;
      readonly beforeTimeToOom?: string;
      readonly afterTimeToOom?: string;
      readonly verdict?: string;
    };
  };
}

/** The parts of an Incident that the demo reads. */
export interface ObservedIncident {
  readonly metadata: { readonly name: string; readonly creationTimestamp: string };
  readonly spec: {
    readonly subject: { readonly pod: { readonly name: string; readonly uid: string } };
  };
  readonly status?: {
    readonly state?: string;
    readonly reason?: string;
    readonly message?: string;
  };
}

/** The parts of the policy's status that the demo reads. */
export interface ObservedPolicy {
  readonly status?: {
    readonly effectiveMode?: string;
    readonly conditions?: readonly {
      readonly type: string;
      readonly status: string;
      readonly message: string;
    }[];
    readonly triggers?: readonly {
      readonly name: string;
      readonly state: string;
      readonly message: string;
    }[];
  };
}

/** One look at everything. */
export interface Look {
  readonly pods: readonly ObservedPod[];
  readonly actions: readonly ObservedAction[];
  readonly incidents: readonly ObservedIncident[];
  readonly policy: ObservedPolicy;
}

interface RawPod {
  readonly metadata: {
    readonly name: string;
    readonly uid: string;
    readonly creationTimestamp: string;
    readonly deletionTimestamp?: string;
  };
  readonly status?: {
    readonly podIP?: string;
    readonly conditions?: readonly { readonly type: string; readonly status: string }[];
    readonly containerStatuses?: readonly { readonly restartCount: number }[];
  };
}

const HOMEOSTAT = `/apis/homeostat.dev/v1alpha1/namespaces/${SHOP}`;

const observedPod = ({ metadata, status }: RawPod): ObservedPod => ({
  name: metadata.name,
  uid: metadata.uid,
  ip: status?.podIP ?? '',
  isReady:
    status?.conditions?.some(({ type, status: value }) => type === 'Ready' && value === 'True') ===
    true,
  isDeleting: metadata.deletionTimestamp !== undefined,
  restartCount: status?.containerStatuses?.[0]?.restartCount ?? 0,
  createdAt: metadata.creationTimestamp,
});

/** Looks at pods, records, incidents and the policy. */
export const look = async (cluster: Pick<ControlPlane, 'request'>): Promise<Look> => {
  const list = async <T>(path: string): Promise<readonly T[]> => {
    const { status, body } = await cluster.request<{ items?: readonly T[] }>('GET', path);
    if (status !== 200) throw new Error(`GET ${path}: ${status} ${JSON.stringify(body)}`);
    return body.items ?? [];
  };
  const [pods, actions, incidents, policy] = await Promise.all([
    list<RawPod>(`/api/v1/namespaces/${SHOP}/pods`),
    list<ObservedAction>(`${HOMEOSTAT}/healingactions`),
    list<ObservedIncident>(`${HOMEOSTAT}/incidents`),
    cluster.request<ObservedPolicy>('GET', `${HOMEOSTAT}/healingpolicies/${POLICY}`),
  ]);
  return { pods: pods.map(observedPod), actions, incidents, policy: policy.body };
};

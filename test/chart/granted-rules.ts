// SPDX-License-Identifier: Apache-2.0
// What a ServiceAccount may do in a namespace, as the API server answers `kubectl auth can-i --list`.
import type { Grant } from '../../src/rbac.ts';
import type { ControlPlane } from '../rig/control-plane/control-plane.ts';

interface Rule {
  readonly apiGroups?: readonly string[];
  readonly resources?: readonly string[];
  readonly resourceNames?: readonly string[];
  readonly verbs: readonly string[];
}

interface Review {
  readonly status: {
    readonly resourceRules: readonly Rule[];
    readonly nonResourceRules: readonly unknown[];
  };
}

/** One line a verb, for example `patch coordination.k8s.io/leases homeostat`. */
const lines = (rules: readonly Rule[]): readonly string[] =>
  rules.flatMap(({ apiGroups = [], resources = [], resourceNames = [''], verbs }) =>
    verbs.flatMap((verb) =>
      apiGroups.flatMap((group) =>
        resources.flatMap((resource) =>
          resourceNames.map((name) => `${verb} ${group}/${resource} ${name}`.trim()),
        ),
      ),
    ),
  );

/** Writes rules of the operator in the same form. */
export const linesOf = (grants: readonly Grant[], lease: string): readonly string[] => {
  const named = grants.map(({ resourceNames, ...rest }) =>
    resourceNames === undefined ? rest : { ...rest, resourceNames: [lease] },
  );
  return [...new Set(lines(named))].toSorted();
};

/** Asks the API server what a ServiceAccount may do in a namespace, sorted. */
const mayDo = async (
  cluster: Pick<ControlPlane, 'request' | 'kubeconfigFor'>,
  account: { readonly namespace: string; readonly name: string },
  namespace: string,
): Promise<readonly string[]> => {
  const kubeconfig = await cluster.kubeconfigFor({ serviceAccount: account });
  const { status, body } = await cluster.request<Review>(
    'POST',
    '/apis/authorization.k8s.io/v1/selfsubjectrulesreviews',
    { apiVersion: 'authorization.k8s.io/v1', kind: 'SelfSubjectRulesReview', spec: { namespace } },
    { kubeconfig },
  );
  if (status !== 201) throw new Error(`the rules of ${account.name} cannot be read: ${status}`);
  return [...new Set(lines(body.status.resourceRules))].toSorted();
};

/** Asks what a ServiceAccount may do beyond what every account may. */
export const rightsOf = async (
  cluster: Pick<ControlPlane, 'request' | 'kubeconfigFor'>,
  account: { readonly namespace: string; readonly name: string },
  namespace: string,
): Promise<readonly string[]> => {
  const everybody = await mayDo(cluster, { ...account, name: 'default' }, namespace);
  return (await mayDo(cluster, account, namespace)).filter((line) => !everybody.includes(line));
};

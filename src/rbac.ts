// SPDX-License-Identifier: Apache-2.0
/**
 * Every right that the operator needs, with the call that needs it. The chart's roles are generated
 * from this; a call that is not listed here is refused by the API server and reported as a denial.
 *
 * Three scopes: what is granted in each watched namespace (or in all), what is granted cluster-wide in
 * any case, and what is granted in the operator's own namespace.
 */
import type { RbacRule } from './execute/action.ts';
import { actions } from './execute/actions/index.ts';
import { WATCHED } from './loop/cluster-state.ts';

/** A rule with its reason. */
export interface Grant extends RbacRule {
  /** Objects that it is limited to; absent: all. */
  readonly resourceNames?: readonly string[];
  /** The call that needs it, for whoever reviews the roles. */
  readonly why: string;
}

/** Stands for the name of the Lease, which the chart knows. */
export const LEASE_NAME = 'LEASE_NAME';

const OWN = ['homeostat.dev'];

const watches = (isNamespaced: boolean): readonly Grant[] =>
  WATCHED.filter(({ namespaced }) => namespaced === isNamespaced).map(({ group, resource }) => ({
    apiGroups: [group],
    resources: [resource],
    verbs: ['list', 'watch'],
    why: 'The loop watches them.',
  }));

const whileGathering = 'Read live before each decision.';

/** Granted in each watched namespace. */
const watched: readonly Grant[] = [
  ...watches(true),
  { apiGroups: [''], resources: ['pods'], verbs: ['get', 'list'], why: whileGathering },
  {
    apiGroups: ['apps'],
    resources: ['deployments', 'replicasets', 'statefulsets'],
    verbs: ['get', 'list'],
    why: whileGathering,
  },
  {
    apiGroups: OWN,
    resources: ['healingactions', 'healingpolicies'],
    verbs: ['get', 'list'],
    why: whileGathering,
  },
  {
    apiGroups: OWN,
    resources: ['healingactions'],
    verbs: ['create'],
    why: 'The record is written before the effect.',
  },
  {
    apiGroups: OWN,
    resources: ['healingactions/status'],
    verbs: ['patch'],
    why: 'How far an action has come; the epoch of a new leader.',
  },
  {
    apiGroups: OWN,
    resources: ['incidents'],
    verbs: ['create'],
    why: 'One for each finding.',
  },
  {
    apiGroups: OWN,
    resources: ['healingpolicies/status', 'incidents/status'],
    verbs: ['patch'],
    why: 'What is seen.',
  },
  {
    apiGroups: OWN,
    resources: ['healingactions', 'incidents'],
    verbs: ['delete'],
    why: 'Ended ones expire.',
  },
  {
    apiGroups: ['metrics.k8s.io'],
    resources: ['pods'],
    verbs: ['list'],
    why: 'The independent witness of memory figures.',
  },
  {
    apiGroups: ['events.k8s.io'],
    resources: ['events'],
    verbs: ['create', 'patch'],
    why: 'Told on the target and the Incident; repeats become a series.',
  },
  ...actions.flatMap(({ id, rbac }) => rbac.map((rule) => ({ ...rule, why: `The action ${id}.` }))),
];

/** Granted cluster-wide whatever is watched. */
const cluster: readonly Grant[] = [
  ...watches(false),
  { apiGroups: [''], resources: ['namespaces'], verbs: ['get'], why: whileGathering },
];

/** Granted in the operator's own namespace. */
const own: readonly Grant[] = [
  {
    apiGroups: ['coordination.k8s.io'],
    resources: ['leases'],
    resourceNames: [LEASE_NAME],
    verbs: ['get', 'patch', 'watch'],
    // Without `create`: an operator that is being uninstalled must not make it anew.
    why: 'Elects the leader. The chart brings the Lease, so nothing here may create one.',
  },
  {
    apiGroups: [''],
    resources: ['pods'],
    verbs: ['list', 'patch'],
    why: 'The leader labels its own pod and unlabels the others, so that the OTLP Service selects it.',
  },
];

/** The order in which people read verbs. */
const VERBS = ['get', 'list', 'watch', 'create', 'update', 'patch', 'delete'];

/** Makes one rule of each resource, with every verb and every reason, sorted by group and resource. */
const merged = (grants: readonly Grant[]): readonly Grant[] => {
  const rows = grants.flatMap(({ apiGroups, resources, ...rest }) =>
    apiGroups.flatMap((group) => resources.map((resource) => ({ group, resource, ...rest }))),
  );
  const byResource = Map.groupBy(rows, ({ group, resource, resourceNames = [] }) =>
    [group, resource, ...resourceNames].join(' '),
  );
  return [...byResource]
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([, same]) => {
      const { group, resource, resourceNames } = same[0] as (typeof same)[number];
      const verbs = new Set(same.flatMap((row) => row.verbs));
      return {
        apiGroups: [group],
        resources: [resource],
        ...(resourceNames === undefined ? {} : { resourceNames }),
        verbs: [...verbs].toSorted((a, b) => VERBS.indexOf(a) - VERBS.indexOf(b)),
        why: [...new Set(same.map(({ why }) => why))].join(' '),
      };
    });
};

/** The rules of the operator by scope, one for each resource. */
export const rbac = {
  watched: merged(watched),
  cluster: merged(cluster),
  own: merged(own),
} as const satisfies Record<string, readonly Grant[]>;

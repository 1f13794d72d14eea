// SPDX-License-Identifier: Apache-2.0

/** A label selector as Kubernetes writes it; an empty one selects everything. */
export interface Selector {
  readonly matchLabels?: Readonly<Record<string, string>> | undefined;
  readonly matchExpressions?:
    | readonly {
        readonly key: string;
        readonly operator: 'In' | 'NotIn' | 'Exists' | 'DoesNotExist';
        readonly values?: readonly string[] | undefined;
      }[]
    | undefined;
}

type Labels = Readonly<Record<string, string>>;
type Requirement = NonNullable<Selector['matchExpressions']>[number];

const requirementHolds = ({ key, operator, values = [] }: Requirement, labels: Labels): boolean => {
  const present = Object.hasOwn(labels, key);
  switch (operator) {
    case 'In':
      return present && values.includes(labels[key] as string);
    case 'NotIn':
      return !present || !values.includes(labels[key] as string);
    case 'Exists':
      return present;
    case 'DoesNotExist':
      return !present;
  }
};

/**
 * Tells whether labels satisfy a selector, as the API server does: `NotIn` also holds for an absent
 * key (k8s.io/apimachinery, pkg/labels).
 */
export const selectorMatches = (selector: Selector, labels: Labels): boolean =>
  Object.entries(selector.matchLabels ?? {}).every(
    ([key, value]) => Object.hasOwn(labels, key) && labels[key] === value,
  ) && (selector.matchExpressions ?? []).every((each) => requirementHolds(each, labels));

// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { actions } from '../../src/execute/actions/index.ts';
import { WATCHED } from '../../src/loop/cluster-state.ts';
import { type Grant, LEASE_NAME, rbac } from '../../src/rbac.ts';

const everywhere = [...rbac.watched, ...rbac.cluster];
const all = [...everywhere, ...rbac.own];

const isGranted = (
  rules: readonly Grant[],
  group: string,
  resource: string,
  verb: string,
): boolean =>
  rules.some(
    ({ apiGroups, resources, verbs }) =>
      apiGroups.includes(group) && resources.includes(resource) && verbs.includes(verb),
  );

describe('rbac', () => {
  it('lets everything that is watched be listed and watched', () => {
    const missing = WATCHED.filter(
      ({ group, resource }) =>
        !['list', 'watch'].every((verb) => isGranted(everywhere, group, resource, verb)),
    );
    expect(missing).toEqual([]);
  });

  it('holds every rule of every action', () => {
    const rules = actions.flatMap(({ rbac: rows }) => rows);
    expect(rules.length).toBeGreaterThan(0);
    for (const { apiGroups, resources, verbs } of rules) {
      for (const group of apiGroups) {
        for (const resource of resources) {
          for (const verb of verbs) {
            expect(isGranted(rbac.watched, group, resource, verb)).toBe(true);
          }
        }
      }
    }
  });

  it('grants nothing by a wildcard, no secrets, and no right to grant', () => {
    const words = all.flatMap(({ apiGroups, resources, verbs }) => [
      ...apiGroups,
      ...resources,
      ...verbs,
    ]);
    const never = ['*', 'secrets', 'configmaps', 'pods/exec', 'escalate', 'bind', 'impersonate'];
    expect(words.filter((word) => never.includes(word))).toEqual([]);
  });

  it('keeps writes on pods to evictions outside its own namespace', () => {
    const onPods = everywhere.filter(({ resources }) =>
      resources.some((each) => /^pods/.test(each)),
    );
    const writes = onPods.flatMap(({ resources, verbs }) =>
      verbs
        .filter((verb) => !['get', 'list', 'watch'].includes(verb))
        .map((verb) => `${verb} ${resources[0]}`),
    );
    expect(writes).toEqual(['create pods/eviction']);
  });

  it('limits the Lease by name, and never lets one be created', () => {
    const leases = all.filter(({ resources }) => resources.includes('leases'));
    expect(leases).toMatchObject([
      { resourceNames: [LEASE_NAME], verbs: ['get', 'watch', 'patch'] },
    ]);
  });

  it('has one rule for each resource of a scope, and a reason for each', () => {
    for (const rules of Object.values(rbac)) {
      const keys = rules.map(({ apiGroups, resources }) => `${apiGroups} ${resources}`);
      expect(new Set(keys).size).toBe(keys.length);
      expect(rules.filter(({ why }) => why === '')).toEqual([]);
    }
  });
});

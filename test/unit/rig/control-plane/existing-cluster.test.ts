// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { existingCluster } from '../../../rig/control-plane/existing-cluster.ts';

describe('existingCluster', () => {
  it('returns the named context when both halves of the permission are given', () => {
    const env = {
      USE_EXISTING_CLUSTER: 'true',
      HOMEOSTAT_TEST_CONTEXT: 'kind-test',
      KUBECONFIG: '/tmp/config',
    };
    expect(existingCluster(env)).toEqual({ context: 'kind-test', kubeconfig: '/tmp/config' });
  });

  it.each([{}, { USE_EXISTING_CLUSTER: '' }, { USE_EXISTING_CLUSTER: 'false' }])(
    'uses no existing cluster with %j',
    (env) => {
      expect(existingCluster(env)).toBeUndefined();
    },
  );

  it.each([
    { USE_EXISTING_CLUSTER: 'true' },
    { HOMEOSTAT_TEST_CONTEXT: 'kind-test' },
    { USE_EXISTING_CLUSTER: 'false', HOMEOSTAT_TEST_CONTEXT: 'kind-test' },
    { USE_EXISTING_CLUSTER: '1', HOMEOSTAT_TEST_CONTEXT: 'kind-test' },
  ])('refuses half of the permission: %j', (env) => {
    expect(() => existingCluster(env)).toThrow(/tests evict pods/);
  });
});

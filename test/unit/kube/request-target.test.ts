// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { requestTarget } from '../../../src/kube/request-target.ts';

describe('requestTarget', () => {
  it.each([
    ['GET', '/api/v1/namespaces/a/pods', 'list', '', 'pods', 'a'],
    ['WATCH', '/api/v1/pods', 'watch', '', 'pods', ''],
    ['GET', '/api/v1/namespaces/a/pods/b', 'get', '', 'pods', 'a'],
    ['POST', '/api/v1/namespaces/a/pods/b/eviction', 'create', '', 'pods/eviction', 'a'],
    ['GET', '/api/v1/namespaces/a', 'get', '', 'namespaces', ''],
    ['GET', '/api/v1/namespaces', 'list', '', 'namespaces', ''],
    ['PUT', '/apis/apps/v1/namespaces/a/deployments/b', 'update', 'apps', 'deployments', 'a'],
    [
      'PATCH',
      '/apis/homeostat.dev/v1alpha1/namespaces/a/incidents/b/status',
      'patch',
      'homeostat.dev',
      'incidents/status',
      'a',
    ],
    ['DELETE', '/apis/apps/v1/namespaces/a/deployments/b', 'delete', 'apps', 'deployments', 'a'],
  ] as const)('reads %s %s', (method, path, verb, group, resource, namespace) => {
    expect(requestTarget(method, path)).toEqual({ verb, group, resource, namespace });
  });

  it.each(['/healthz', '/version', '/api', '/apis', '/api/v1', '/apis/apps/v1', '/apix/v1/pods'])(
    'knows that %s is about no resource',
    (path) => {
      expect(requestTarget('GET', path)).toBeNull();
    },
  );
});

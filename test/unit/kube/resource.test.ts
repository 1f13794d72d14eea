// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { HomeostatError } from '../../../src/errors.ts';
import {
  BUILT_IN,
  collectionPath,
  nameOfKey,
  objectKey,
  objectPath,
} from '../../../src/kube/resource.ts';

describe('objectPath', () => {
  it('writes paths of the core group, of named groups, of subresources and of the cluster scope', () => {
    const at = { namespace: 'shop', name: 'web-0' };
    expect(objectPath(BUILT_IN.pods, at)).toBe('/api/v1/namespaces/shop/pods/web-0');
    expect(objectPath(BUILT_IN.pods, at, 'eviction')).toBe(
      '/api/v1/namespaces/shop/pods/web-0/eviction',
    );
    expect(objectPath(BUILT_IN.leases, at)).toBe(
      '/apis/coordination.k8s.io/v1/namespaces/shop/leases/web-0',
    );
    expect(objectPath(BUILT_IN.nodes, { namespace: 'shop', name: 'n' })).toBe('/api/v1/nodes/n');
    expect(collectionPath(BUILT_IN.pods)).toBe('/api/v1/pods');
  });

  it.each(['', '.', '..', 'a/b', 'a%2fb', '../../../api/v1/secrets', 'x'.repeat(254)])(
    'refuses the name %j, so that telemetry cannot reach another path',
    (name) => {
      expect(() => objectPath(BUILT_IN.pods, { namespace: 'a', name })).toThrow(HomeostatError);
      expect(() => objectPath(BUILT_IN.pods, { namespace: name, name: 'a' })).toThrow(
        HomeostatError,
      );
    },
  );

  it('escapes what a URL would read as something else', () => {
    const path = objectPath(BUILT_IN.pods, { namespace: 'a', name: 'b?dryRun=All#c d' });
    expect(path).toBe('/api/v1/namespaces/a/pods/b%3FdryRun%3DAll%23c%20d');
  });
});

describe('objectKey', () => {
  it('is undone by nameOfKey', () => {
    for (const at of [{ namespace: 'a', name: 'b' }, { name: 'node-1' }]) {
      expect(nameOfKey(objectKey(at))).toEqual(at);
    }
  });
});

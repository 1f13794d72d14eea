// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { answerMetrics, type PodMetrics } from '../../../rig/control-plane/metrics-api.ts';

const base = '/apis/metrics.k8s.io/v1beta1';

const web: PodMetrics = {
  namespace: 'shop',
  name: 'web-1',
  labels: { app: 'web' },
  timestampMs: 1_700_000_000_000,
  containers: [{ name: 'main', cpuNanocores: 250_000_000, memoryBytes: 64 * 1024 * 1024 }],
};
const pods = [web, { ...web, name: 'api-1', labels: { app: 'api' } }, { ...web, namespace: 'b' }];

const names = ([, body]: readonly [number, unknown]): readonly string[] =>
  (body as { items: { metadata: { namespace: string; name: string } }[] }).items.map(
    ({ metadata }) => `${metadata.namespace}/${metadata.name}`,
  );

describe('answerMetrics', () => {
  it('lists its resources', () => {
    expect(answerMetrics(base, pods)[1]).toMatchObject({ kind: 'APIResourceList' });
  });

  it('lists pods of all namespaces, of one, and by labels', () => {
    expect(names(answerMetrics(`${base}/pods`, pods))).toEqual([
      'shop/web-1',
      'shop/api-1',
      'b/web-1',
    ]);
    expect(names(answerMetrics(`${base}/namespaces/b/pods`, pods))).toEqual(['b/web-1']);
    const selector = encodeURIComponent('app in (web)');
    const path = `${base}/namespaces/shop/pods?labelSelector=${selector}`;
    expect(names(answerMetrics(path, pods))).toEqual(['shop/web-1']);
  });

  it('writes quantities as the API does', () => {
    const [status, body] = answerMetrics(`${base}/namespaces/shop/pods/web-1`, pods);
    expect(status).toBe(200);
    expect(body).toMatchObject({
      timestamp: '2023-11-14T22:13:20Z',
      window: '10s',
      containers: [{ name: 'main', usage: { cpu: '250000000n', memory: '65536Ki' } }],
    });
  });

  it.each([`${base}/namespaces/shop/pods/absent`, `${base}/nodes`])('has no %s', (path) => {
    expect(answerMetrics(path, pods)[0]).toBe(404);
  });
});

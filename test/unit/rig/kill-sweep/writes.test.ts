// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import {
  enumerateWrites,
  evictionsByUid,
  keyOfRequest,
} from '../../../cluster/kill-sweep/writes.ts';
import type { AuditEvent } from '../../../rig/control-plane/audit.ts';
import { readRequest } from '../../../rig/fault-proxy/request-info.ts';

const OWN = '/apis/homeostat.dev/v1alpha1/namespaces/shop';
const eviction = (uid: string) => ({ deleteOptions: { preconditions: { uid } } });

const WRITES: readonly (readonly [key: string, method: string, path: string, body: unknown])[] = [
  ['create incidents', 'POST', `${OWN}/incidents`, {}],
  [
    'create pods/eviction rehearsal',
    'POST',
    '/api/v1/namespaces/shop/pods/a/eviction?dryRun=All',
    eviction('1'),
  ],
  ['create pods/eviction live', 'POST', '/api/v1/namespaces/shop/pods/a/eviction', eviction('1')],
  [
    'patch healingactions/status Executing',
    'PATCH',
    `${OWN}/healingactions/a/status`,
    { metadata: {}, status: { phase: 'Executing' } },
  ],
  [
    'patch incidents/status Open',
    'PATCH',
    `${OWN}/incidents/a/status`,
    [
      { op: 'test', path: '/metadata/uid', value: 'u' },
      { op: 'add', path: '/status', value: { state: 'Open' } },
    ],
  ],
  [
    'patch healingpolicies/status trigger Firing, action open',
    'PATCH',
    `${OWN}/healingpolicies/a/status`,
    [
      {
        op: 'add',
        path: '/status',
        value: { triggers: [{ state: 'Firing' }], lastAction: { phase: 'Settling' } },
      },
    ],
  ],
  [
    'patch healingpolicies/status trigger none, action none',
    'PATCH',
    `${OWN}/healingpolicies/a/status`,
    [{ op: 'add', path: '/status', value: {} }],
  ],
];

const audited = (
  [, method, path, body]: (typeof WRITES)[number],
  changes: Partial<AuditEvent> = {},
): AuditEvent => {
  const { verb, resource, namespace, name } = readRequest(method, path);
  const [plural = '', subresource] = resource.split('/');
  return {
    auditID: '1',
    stage: 'ResponseComplete',
    requestURI: path,
    verb,
    user: { username: 'sa' },
    userAgent: 'homeostat/1 (a; epoch=1)',
    objectRef: {
      resource: plural,
      namespace,
      name,
      ...(subresource === undefined ? {} : { subresource }),
    },
    responseStatus: { code: 201 },
    requestObject: body,
    requestReceivedTimestamp: '',
    stageTimestamp: '',
    ...changes,
  };
};

describe('the names of writes', () => {
  it.each(WRITES)('%s is the same at the proxy and in the audit log', (key, method, path, body) => {
    expect(keyOfRequest(readRequest(method, path), JSON.stringify(body))).toBe(key);
    expect(enumerateWrites([audited([key, method, path, body])], 'shop')).toEqual([key]);
  });

  it('leaves out what others wrote, what was refused, other namespaces, Leases and Events', () => {
    const [write] = WRITES;
    const lease = { resource: 'leases', namespace: 'shop' };
    const events = { resource: 'events', namespace: 'shop' };
    const audit = [
      audited(write!, { userAgent: 'kubectl' }),
      audited(write!, { responseStatus: { code: 409 } }),
      audited(write!, { objectRef: lease }),
      audited(write!, { objectRef: events }),
    ];
    expect(enumerateWrites(audit, 'shop')).toEqual([]);
    expect(enumerateWrites([audited(write!)], 'other')).toEqual([]);
  });
});

describe('evictionsByUid', () => {
  it('counts accepted live evictions of each uid', () => {
    const [, rehearsal, live] = WRITES;
    const audit = [
      audited(rehearsal!),
      audited(live!),
      audited(live!),
      audited(live!, { responseStatus: { code: 429 } }),
      audited(live!, { requestObject: eviction('2') }),
    ];
    expect(evictionsByUid(audit)).toEqual(
      new Map([
        ['1', 2],
        ['2', 1],
      ]),
    );
  });
});

// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { evictionsBeforeAuto } from '../../../demo/proof.ts';
import type { AuditEvent } from '../../rig/control-plane/audit.ts';

const event = (change: Partial<AuditEvent>): AuditEvent => ({
  auditID: '1',
  stage: 'ResponseComplete',
  requestURI: '/',
  verb: 'create',
  user: { username: 'somebody' },
  requestReceivedTimestamp: '2026-03-01T12:00:00.000000Z',
  stageTimestamp: '2026-03-01T12:00:00.000000Z',
  ...change,
});

const eviction = (time: string, query = ''): AuditEvent =>
  event({
    requestURI: `/api/v1/namespaces/shop/pods/web-1/eviction${query}`,
    objectRef: { resource: 'pods', subresource: 'eviction', name: 'web-1' },
    requestReceivedTimestamp: time,
  });

const goLive = event({
  verb: 'patch',
  objectRef: { resource: 'healingpolicies', name: 'web-leak' },
  requestObject: { spec: { mode: 'Auto' } },
  requestReceivedTimestamp: '2026-03-01T12:00:01.500000Z',
});

describe('evictions before the policy went live', () => {
  it('counts none that came later in the same second', () => {
    expect(evictionsBeforeAuto([goLive, eviction('2026-03-01T12:00:01.500001Z')])).toBe(0);
  });

  it('counts one that came earlier, in the same second too', () => {
    expect(evictionsBeforeAuto([eviction('2026-03-01T12:00:01.499999Z'), goLive])).toBe(1);
  });

  it('does not count rehearsals', () => {
    const rehearsal = eviction('2026-03-01T12:00:01.000000Z', '?dryRun=All');
    expect(evictionsBeforeAuto([rehearsal, goLive])).toBe(0);
  });

  it('knows nothing when nobody set the mode', () => {
    expect(evictionsBeforeAuto([eviction('2026-03-01T12:00:01.000000Z')])).toBeNull();
  });
});

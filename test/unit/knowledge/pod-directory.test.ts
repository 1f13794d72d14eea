// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import type { ContainerFacts } from '../../../src/domain/entity.ts';
import type { IdentityClaim } from '../../../src/domain/telemetry.ts';
import { PodDirectory } from '../../../src/knowledge/pod-directory.ts';

const facts = (
  uid: string,
  name: string,
  container: string,
  podCreatedAtMs = 1_000,
): ContainerFacts => ({
  ref: { pod: { namespace: 'shop', name, uid }, workload: null, container },
  templateHash: 'h',
  memoryLimitBytes: null,
  restartCount: 0,
  startedAtMs: podCreatedAtMs,
  podCreatedAtMs,
  podReady: true,
  lastTermination: null,
});

const directory = (): PodDirectory => {
  const pods = new PodDirectory();
  pods.apply({ kind: 'upsert', podUid: 'u1', containers: [facts('u1', 'web-1', 'app')] });
  pods.apply({
    kind: 'upsert',
    podUid: 'u2',
    containers: [facts('u2', 'web-2', 'app'), facts('u2', 'web-2', 'proxy')],
  });
  return pods;
};

/** A claim in which everything is said and everything is right. */
const COMPLETE: IdentityClaim = {
  podUid: 'u2',
  podName: 'web-2',
  namespace: 'shop',
  container: 'app',
};

const without = (...fields: (keyof IdentityClaim)[]): IdentityClaim =>
  Object.fromEntries(
    Object.entries(COMPLETE).filter(([field]) => !fields.includes(field as keyof IdentityClaim)),
  );

const TABLE: readonly (readonly [string, IdentityClaim, string])[] = [
  ['everything right', COMPLETE, 'u2/app'],
  ['uid and container alone', without('podName', 'namespace'), 'u2/app'],
  ['name instead of uid', without('podUid'), 'u2/app'],
  ['empty uid counts as not said', { ...COMPLETE, podUid: '' }, 'u2/app'],
  ['container not said, pod has one', { podUid: 'u1' }, 'u1/app'],
  ['container not said, pod has two', without('container'), 'ambiguous_container'],
  ['container empty, pod has two', { ...COMPLETE, container: '' }, 'ambiguous_container'],
  ['container of another name', { ...COMPLETE, container: 'other' }, 'unknown_container'],
  ['uid nobody has', { ...COMPLETE, podUid: 'u9' }, 'unknown_pod'],
  ['uid nobody has, name of a pod', { podUid: 'u9', podName: 'web-1' }, 'unknown_pod'],
  ['uid of one pod, name of another', { ...COMPLETE, podName: 'web-1' }, 'identity_conflict'],
  ['uid of a pod elsewhere', { ...COMPLETE, namespace: 'bank' }, 'identity_conflict'],
  ['name nobody has', { ...without('podUid'), podName: 'web-9' }, 'unknown_pod'],
  ['name in another namespace', { ...without('podUid'), namespace: 'bank' }, 'unknown_pod'],
  ['name without namespace', without('podUid', 'namespace'), 'no_identity'],
  ['namespace without name', without('podUid', 'podName'), 'no_identity'],
  ['service name alone', { serviceName: 'web' }, 'no_identity'],
  ['nothing', {}, 'no_identity'],
  ['a name that is a property of every object', { podUid: '__proto__' }, 'unknown_pod'],
  ['a container of such a name', { ...COMPLETE, container: 'constructor' }, 'unknown_container'],
];

describe('PodDirectory', () => {
  it.each(TABLE)('answers rightly when the claim is: %s', (_, claim, expected) => {
    const identity = directory().identify(claim);
    expect(identity.kind === 'container' ? identity.key : identity.reason).toBe(expected);
  });

  it('gives a name to the newer pod when the older one has not gone yet, in either order', () => {
    const older = facts('old', 'db-0', 'app', 1_000);
    const newer = facts('new', 'db-0', 'app', 2_000);
    for (const order of [
      [older, newer],
      [newer, older],
    ]) {
      const pods = new PodDirectory();
      for (const each of order) {
        pods.apply({ kind: 'upsert', podUid: each.ref.pod.uid, containers: [each] });
      }
      const claim = { namespace: 'shop', podName: 'db-0' };
      expect(pods.identify(claim)).toMatchObject({ key: 'new/app' });
      pods.apply({ kind: 'delete', podUid: 'old' });
      expect(pods.identify(claim)).toMatchObject({ key: 'new/app' });
      pods.apply({ kind: 'delete', podUid: 'new' });
      expect(pods.identify(claim)).toMatchObject({ reason: 'unknown_pod' });
    }
  });

  it('says which containers a delta touched', () => {
    const pods = directory();
    const touched = pods.apply({
      kind: 'upsert',
      podUid: 'u2',
      containers: [facts('u2', 'web-2', 'app'), facts('u2', 'web-2', 'sidecar')],
    });
    const summary = touched.map(({ key, before, now }) => [key, before !== null, now !== null]);
    expect(summary).toEqual([
      ['u2/app', true, true],
      ['u2/proxy', true, false],
      ['u2/sidecar', false, true],
    ]);
    expect(pods.apply({ kind: 'delete', podUid: 'nobody' })).toEqual([]);
    pods.apply({ kind: 'upsert', podUid: 'u1', containers: [] });
    expect(pods.size).toBe(1);
  });
});

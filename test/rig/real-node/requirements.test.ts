// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { isSkipForbidden, missingCapabilities, missingFileSystems } from './requirements.ts';

describe('missingCapabilities', () => {
  it('reads the effective set', () => {
    expect(missingCapabilities('Name:\tx\nCapEff:\t000001ffffffffff\n')).toEqual([]);
    // What a container gets that is not privileged.
    expect(missingCapabilities('CapEff:\t00000000a80425fb\n')).toEqual([
      'CAP_NET_ADMIN',
      'CAP_SYS_ADMIN',
    ]);
  });

  it('takes an unreadable status for no capabilities', () => {
    expect(missingCapabilities('')).toHaveLength(2);
  });
});

describe('missingFileSystems', () => {
  it('reads names with and without a device', () => {
    const all = 'nodev\tsysfs\nnodev\ttmpfs\n\text4\nnodev\toverlay\n';
    expect(missingFileSystems(all)).toEqual([]);
    expect(missingFileSystems('nodev\tsysfs\n\text4\n')).toEqual(['overlay', 'tmpfs']);
  });
});

describe('isSkipForbidden', () => {
  it('forbids a skip in CI or when told so, and nowhere else', () => {
    expect(isSkipForbidden({ CI: 'true' })).toBe(true);
    expect(isSkipForbidden({ HOMEOSTAT_FORBID_SKIP: '1' })).toBe(true);
    expect(isSkipForbidden({})).toBe(false);
    expect(isSkipForbidden({ CI: 'false', HOMEOSTAT_FORBID_SKIP: '0' })).toBe(false);
  });
});

// SPDX-License-Identifier: Apache-2.0
import { BlockList, isIPv4 } from 'node:net';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { collidingRoute, planOf, rangesOverlap, SLOTS } from './address-plan.ts';

const plans = Array.from({ length: SLOTS }, (_, slot) => planOf(slot));

/** The oracle: Node's own notion of a range. */
const contains = (cidr: string, address: string): boolean => {
  const [net = '', bits = '32'] = cidr.split('/');
  const list = new BlockList();
  list.addSubnet(net, Number(bits), 'ipv4');
  return list.check(address);
};

const addressOf = (bits: number): string =>
  [24, 16, 8, 0].map((shift) => Math.floor(bits / 2 ** shift) % 256).join('.');

describe('planOf', () => {
  it('gives no two slots an address in common', () => {
    for (const one of plans) {
      for (const other of plans.filter(({ slot }) => slot !== one.slot)) {
        const ranges = [other.linkCidr, other.serviceCidr, other.clusterCidr];
        expect(collidingRoute(one, ranges)).toBeUndefined();
      }
    }
  });

  it('puts each single address into its range, and the first slot where users expect DNS', () => {
    for (const plan of plans) {
      expect(contains(plan.linkCidr, plan.hostIp) && contains(plan.linkCidr, plan.nodeIp)).toBe(
        true,
      );
      expect(contains(plan.serviceCidr, plan.apiServiceIp)).toBe(true);
      expect(contains(plan.serviceCidr, plan.dnsServiceIp)).toBe(true);
      expect(contains(plan.clusterCidr, plan.podCidr.split('/')[0] ?? '')).toBe(true);
      expect(isIPv4(plan.clusterCidr.split('/')[0] ?? '')).toBe(true);
      // The kernel allows 15 characters for the name of a link.
      expect(plan.hostLink.length).toBeLessThan(16);
    }
    expect(planOf(0).dnsServiceIp).toBe('10.96.0.10');
  });

  it.each([-1, SLOTS, 0.5, Number.NaN])('refuses slot %d', (slot) => {
    expect(() => planOf(slot)).toThrow('slot must be an integer');
  });
});

describe('rangesOverlap', () => {
  const bits = fc.integer({ min: 0, max: 2 ** 32 - 1 });
  const cidr = fc
    .tuple(bits, fc.integer({ min: 0, max: 32 }))
    .map(([address, length]) => `${addressOf(address)}/${length}`);

  it('is true for a plain address exactly when the range contains it', () => {
    fc.assert(
      fc.property(cidr, bits, (range, address) => {
        const text = addressOf(address);
        expect(rangesOverlap(range, text)).toBe(contains(range, text));
      }),
    );
  });

  it('does not depend on the order, and any range overlaps itself', () => {
    fc.assert(
      fc.property(cidr, cidr, (one, other) => {
        expect(rangesOverlap(one, other)).toBe(rangesOverlap(other, one));
        expect(rangesOverlap(one, one)).toBe(true);
      }),
    );
  });
});

describe('collidingRoute', () => {
  it('names the route that is in the way, and never the default one', () => {
    const plan = planOf(0);
    expect(collidingRoute(plan, ['default', '192.168.1.0/24'])).toBeUndefined();
    expect(collidingRoute(plan, ['default', '10.0.0.0/8'])).toBe('10.0.0.0/8');
    expect(collidingRoute(plan, ['10.244.7.0/24'])).toBe('10.244.7.0/24');
    expect(collidingRoute(plan, ['198.18.0.1'])).toBe('198.18.0.1');
  });
});

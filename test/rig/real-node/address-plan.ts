// SPDX-License-Identifier: Apache-2.0
// Which addresses a node uses. Several clusters live beside each other, and the machine reaches
// all of them, so each has a slot with ranges of its own:
//
//   slot k   link 198.18.k.0/30      .1 the machine, .2 the node    (RFC 2544, never on a real wire)
//            Services 10.(96+k).0.0/16     the first address is the API server, .0.10 is DNS
//            pods     10.(244+k).0.0/16    the node has 10.(244+k).0.0/24
//
// A slot whose ranges overlap a route that the machine already has is not used.

/** Is the number of slots, and so of clusters that can run at once. */
export const SLOTS = 11;

/** Names the addresses of one node; ranges in CIDR notation. */
export interface AddressPlan {
  readonly slot: number;
  /** The machine's end of the link. */
  readonly hostIp: string;
  readonly nodeIp: string;
  readonly linkCidr: string;
  readonly serviceCidr: string;
  /** Address of the Service `kubernetes`. */
  readonly apiServiceIp: string;
  /** Address of the Service `kube-dns`. */
  readonly dnsServiceIp: string;
  /** Range of all pods of the cluster. */
  readonly clusterCidr: string;
  /** Range of the pods of this node. */
  readonly podCidr: string;
  /** Name of the machine's end of the link. */
  readonly hostLink: string;
}

/** Returns the addresses of a slot; `slot` is 0 to SLOTS - 1. */
export const planOf = (slot: number): AddressPlan => {
  if (!Number.isInteger(slot) || slot < 0 || slot >= SLOTS) {
    throw new RangeError(`slot must be an integer from 0 to ${SLOTS - 1}, not ${slot}`);
  }
  return {
    slot,
    hostIp: `198.18.${slot}.1`,
    nodeIp: `198.18.${slot}.2`,
    linkCidr: `198.18.${slot}.0/30`,
    serviceCidr: `10.${96 + slot}.0.0/16`,
    apiServiceIp: `10.${96 + slot}.0.1`,
    dnsServiceIp: `10.${96 + slot}.0.10`,
    clusterCidr: `10.${244 + slot}.0.0/16`,
    podCidr: `10.${244 + slot}.0.0/24`,
    hostLink: `homeostat${slot}`,
  };
};

interface Range {
  readonly first: number;
  readonly last: number;
}

const rangeOf = (cidr: string): Range | undefined => {
  const match = /^(\d+)\.(\d+)\.(\d+)\.(\d+)(?:\/(\d+))?$/.exec(cidr);
  if (match === null) return undefined;
  const [a = 0, b = 0, c = 0, d = 0] = match.slice(1, 5).map(Number);
  const size = 2 ** (32 - Number(match[5] ?? 32));
  const address = ((a * 256 + b) * 256 + c) * 256 + d;
  const first = address - (address % size);
  return { first, last: first + size - 1 };
};

/** Tells whether two IPv4 ranges share an address; a plain address is a range of one. */
export const rangesOverlap = (one: string, other: string): boolean => {
  const [a, b] = [rangeOf(one), rangeOf(other)];
  return a !== undefined && b !== undefined && a.first <= b.last && b.first <= a.last;
};

/**
 * Tells which of the machine's routes stands in the way of a plan, or undefined. `routes` are
 * destinations in CIDR notation; `default` is none of them and never in the way.
 */
export const collidingRoute = (
  plan: AddressPlan,
  routes: readonly string[],
): string | undefined => {
  const mine = [plan.linkCidr, plan.serviceCidr, plan.clusterCidr];
  return routes.find((route) => mine.some((range) => rangesOverlap(range, route)));
};

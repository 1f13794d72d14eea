// SPDX-License-Identifier: Apache-2.0
/**
 * Old and new names of the semantic conventions, and the one canonical form they get here. A name is
 * in these tables only when something downstream uses it.
 */
import type { GaugeQuantity } from '../../domain/telemetry.ts';

/** A metric that is a level of memory. */
export interface GaugeName {
  readonly quantity: GaugeQuantity;
  /** When two names of one quantity arrive for one container, the higher rank is kept. */
  readonly rank: number;
  /** `pod`: the sum over a pod; it speaks for a container only when that is the only one. */
  readonly scope: 'container' | 'pod';
  /** The only points that count, by an attribute and its value. */
  readonly where?: readonly [key: string, value: string];
  /** The name that took this one's place; the sender is told. */
  readonly renamedTo?: string;
}

const GAUGES: Readonly<Record<string, GaugeName>> = {
  'container.memory.working_set': {
    quantity: 'container.memory.working_set',
    rank: 2,
    scope: 'container',
  },
  'k8s.pod.memory.working_set': {
    quantity: 'container.memory.working_set',
    rank: 1,
    scope: 'pod',
  },
  'container.memory.rss': { quantity: 'container.memory.rss', rank: 2, scope: 'container' },
  'k8s.pod.memory.rss': { quantity: 'container.memory.rss', rank: 1, scope: 'pod' },
  'process.memory.usage': { quantity: 'process.memory.usage', rank: 3, scope: 'container' },
  'dotnet.process.memory.working_set': {
    quantity: 'process.memory.usage',
    rank: 2,
    scope: 'container',
  },
};

/** The Python SDK's older name, one for each implementation: process.runtime.cpython.memory. */
const OLD_RUNTIME_MEMORY = /^process\.runtime\.[a-z0-9_]{1,32}\.memory$/;
const RUNTIME_MEMORY: GaugeName = {
  quantity: 'process.memory.usage',
  rank: 1,
  scope: 'container',
  where: ['type', 'rss'],
  renamedTo: 'process.memory.usage',
};

/** Finds what a metric's name means as a gauge. */
export const gaugeName = (name: string): GaugeName | undefined => {
  if (Object.hasOwn(GAUGES, name)) return GAUGES[name];
  return OLD_RUNTIME_MEMORY.test(name) ? RUNTIME_MEMORY : undefined;
};

/** A histogram whose count is the number of requests served. */
export interface RequestName {
  /** Requests of different families are different requests and add up. */
  readonly family: 'http' | 'rpc';
  /** Within a family the higher rank is kept: both names count the same requests. */
  readonly rank: 1 | 2;
  readonly renamedTo?: string;
}

const REQUESTS: Readonly<Record<string, RequestName>> = {
  'http.server.request.duration': { family: 'http', rank: 2 },
  'http.server.duration': { family: 'http', rank: 1, renamedTo: 'http.server.request.duration' },
  'rpc.server.call.duration': { family: 'rpc', rank: 2 },
  'rpc.server.duration': { family: 'rpc', rank: 1, renamedTo: 'rpc.server.call.duration' },
};

/** Finds what a metric's name means as a count of requests. */
export const requestName = (name: string): RequestName | undefined =>
  Object.hasOwn(REQUESTS, name) ? REQUESTS[name] : undefined;

/** Bytes per unit. UCUM codes, and the spellings from before; without a unit the name's own, bytes. */
const BYTES: Readonly<Record<string, number>> = {
  '': 1,
  By: 1,
  B: 1,
  bytes: 1,
  byte: 1,
  kBy: 1e3,
  KBy: 1e3,
  MBy: 1e6,
  GBy: 1e9,
  TBy: 1e12,
  KiBy: 2 ** 10,
  MiBy: 2 ** 20,
  GiBy: 2 ** 30,
  TiBy: 2 ** 40,
};

/** Gives the bytes in one of a unit, or `undefined` when it is not a unit of memory. */
export const bytesPerUnit = (unit: string): number | undefined =>
  Object.hasOwn(BYTES, unit) ? BYTES[unit] : undefined;

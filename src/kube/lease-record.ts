// SPDX-License-Identifier: Apache-2.0
import type { UnixMs } from '../domain/clock.ts';
import type { KubeObject } from './resource.ts';

/** Annotation of the Lease that holds the fencing epoch, a decimal number. */
export const EPOCH_ANNOTATION = 'homeostat.dev/epoch';

/** What a Lease says. */
export interface LeaseRecord {
  /** Empty: nobody holds it. */
  readonly holder: string;
  /** Milliseconds that its holder asked for; null: it does not say. */
  readonly durationMs: number | null;
  readonly transitions: number;
  /** 0: none is recorded. */
  readonly epoch: number;
  readonly resourceVersion: string;
  readonly uid: string;
  /** Differs when anything in it changed that its holder writes; renewals do. */
  readonly fingerprint: string;
}

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const wholeNumber = (value: unknown): number | null =>
  typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : null;

function epochOf(text: string | undefined): number {
  if (text === undefined || !/^[0-9]{1,15}$/.test(text)) return 0;
  return Number(text);
}

/** Reads a Lease object; what is missing or not what it should be counts as not said. */
export function readLease(lease: KubeObject): LeaseRecord {
  const spec = isRecord(lease['spec']) ? lease['spec'] : {};
  const { holderIdentity } = spec;
  const seconds = wholeNumber(spec['leaseDurationSeconds']);
  const epoch = lease.metadata.annotations?.[EPOCH_ANNOTATION];
  return {
    holder: typeof holderIdentity === 'string' ? holderIdentity : '',
    durationMs: seconds === null || seconds === 0 ? null : seconds * 1000,
    transitions: wholeNumber(spec['leaseTransitions']) ?? 0,
    epoch: epochOf(epoch),
    resourceVersion: lease.metadata.resourceVersion ?? '',
    uid: lease.metadata.uid ?? '',
    fingerprint: JSON.stringify([lease.metadata.uid, epoch, spec]),
  };
}

/** Writes a time as MicroTime: RFC 3339 with six fraction digits, of which JavaScript knows three. */
export const microTime = (atMs: UnixMs): string =>
  new Date(atMs).toISOString().replace(/\.([0-9]{3})Z$/, '.$1000Z');

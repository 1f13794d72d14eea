// SPDX-License-Identifier: Apache-2.0
import type { UnixMs } from '../../domain/clock.ts';

/** The series that speaks for one quantity of one container. */
export interface GaugeOwner {
  readonly series: string;
  readonly rank: number;
  readonly lastMs: UnixMs;
  /** Distance of its last two samples; 0: only one came. */
  readonly intervalMs: number;
}

/** A sample that wants to speak. */
export interface GaugeBid {
  readonly series: string;
  readonly rank: number;
  readonly timeMs: UnixMs;
}

/** Silence after which another series takes over when the owner's interval is not known. */
const UNKNOWN_INTERVAL_SILENCE_MS = 60_000;
const SILENT_INTERVALS = 3;

/**
 * Decides whether a sample may speak for the quantity. Two series under one name (an old and a new
 * metric name, two processes in one container) are never mixed: the higher rank wins, among equals
 * the one that was first, until it has been silent for three of its intervals.
 */
export const bidForGauge = (
  owner: GaugeOwner | undefined,
  bid: GaugeBid,
): { outcome: 'kept'; owner: GaugeOwner } | { outcome: 'duplicate' | 'superseded' | 'overlap' } => {
  const fresh: GaugeOwner = { ...bid, lastMs: bid.timeMs, intervalMs: 0 };
  if (owner === undefined) return { outcome: 'kept', owner: ownerOf(fresh) };
  const distance = bid.timeMs - owner.lastMs;
  if (bid.series === owner.series) {
    if (distance === 0) return { outcome: 'duplicate' };
    // A late sample is passed on; it does not move the owner's clock back.
    if (distance < 0) return { outcome: 'kept', owner };
    return { outcome: 'kept', owner: { ...owner, lastMs: bid.timeMs, intervalMs: distance } };
  }
  const silence =
    owner.intervalMs === 0 ? UNKNOWN_INTERVAL_SILENCE_MS : SILENT_INTERVALS * owner.intervalMs;
  if (bid.rank > owner.rank || distance > silence) {
    return { outcome: 'kept', owner: ownerOf(fresh) };
  }
  return { outcome: bid.rank < owner.rank ? 'superseded' : 'overlap' };
};

const ownerOf = ({ series, rank, lastMs, intervalMs }: GaugeOwner): GaugeOwner => ({
  series,
  rank,
  lastMs,
  intervalMs,
});

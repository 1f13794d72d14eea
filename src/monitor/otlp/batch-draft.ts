// SPDX-License-Identifier: Apache-2.0
import type { UnixMs } from '../../domain/clock.ts';
import type { GaugePoint, RequestIncrement } from '../../domain/telemetry.ts';
import type { Columns } from './columns.ts';
import { compactKey, readSource, type Source } from './identity-claim.ts';
import { type Rejection, RejectionTally } from './rejections.ts';

/** Requests of spans are added up over this many ms before they become one increment. */
const SPAN_BIN_MS = 1_000;

/** The batch while it is made: what was found, and what was refused. */
export class BatchDraft {
  readonly columns: Columns;
  readonly receivedAtMs: UnixMs;
  readonly gauges: GaugePoint[] = [];
  readonly rivals: GaugePoint[] = [];
  readonly tally = new RejectionTally();
  /** Old names that came, with the new ones. */
  readonly oldNames = new Map<string, string>();
  readonly #oldestMs: UnixMs;
  readonly #newestMs: UnixMs;
  readonly #sources: (Source | undefined)[] = [];
  readonly #scopeNames: (string | undefined)[] = [];
  readonly #increments = new Map<string, { source: Source; timeMs: UnixMs; count: number }>();

  constructor(
    columns: Columns,
    receivedAtMs: UnixMs,
    bounds: { readonly maxAgeMs: number; readonly maxFutureMs: number },
  ) {
    this.columns = columns;
    this.receivedAtMs = receivedAtMs;
    this.#oldestMs = receivedAtMs - bounds.maxAgeMs;
    this.#newestMs = receivedAtMs + bounds.maxFutureMs;
  }

  /** Gives the source of a scope row, read once per resource. */
  source(scope: number): Source {
    const resource = this.columns.scopes.resource[scope]!;
    let found = this.#sources[resource];
    if (found === undefined) {
      found = readSource(this.columns, resource);
      this.#sources[resource] = found;
    }
    return found;
  }

  /** Gives a text of bounded length that tells a scope row's name from others; made once per scope. */
  scopeName(scope: number): string {
    let found = this.#scopeNames[scope];
    if (found === undefined) {
      const { scopes } = this.columns;
      found = compactKey(this.columns.text(scopes.nameOffset[scope]!, scopes.nameLength[scope]!));
      this.#scopeNames[scope] = found;
    }
    return found;
  }

  /** Says why a time is refused, if it is. Halves of nanoseconds since the epoch. */
  refusedTime(lo: number, hi: number): Rejection | undefined {
    if ((lo | hi) === 0) return 'timeZero';
    const timeMs = nanoToMs(lo, hi);
    if (timeMs > this.#newestMs) return 'future';
    return timeMs < this.#oldestMs ? 'ancient' : undefined;
  }

  /** Adds requests of a source at one time; the same source and time adds up. */
  addRequests(source: Source, timeMs: UnixMs, count: number): void {
    this.#add(`${timeMs} ${source.key}`, { source, timeMs, count });
  }

  /** Adds one request of a span; spans that end within the same second add up. */
  addSpanRequest(source: Source, timeMs: UnixMs): void {
    const bin = Math.floor(timeMs / SPAN_BIN_MS);
    this.#add(`span ${bin} ${source.key}`, { source, timeMs, count: 1 });
  }

  /** The increments, one for each source and time. */
  requests(): RequestIncrement[] {
    return [...this.#increments.values()].map(({ source, timeMs, count }) => ({
      claim: source.claim,
      timeMs,
      count,
    }));
  }

  #add(key: string, more: { source: Source; timeMs: UnixMs; count: number }): void {
    const found = this.#increments.get(key);
    if (found === undefined) {
      this.#increments.set(key, more);
      return;
    }
    found.count += more.count;
    found.timeMs = Math.max(found.timeMs, more.timeMs);
  }
}

/**
 * Turns halves of nanoseconds into whole milliseconds, rounded down and exact: 2^32 ns are 4,294 ms
 * and 967,296 ns, so no intermediate leaves the integers of a double.
 */
export const nanoToMs = (lo: number, hi: number): UnixMs =>
  hi * 4_294 + Math.floor((hi * 967_296 + lo) / 1_000_000);

/** Joins the halves of a 64-bit number. */
export const toBigInt = (lo: number, hi: number): bigint => (BigInt(hi) << 32n) | BigInt(lo);

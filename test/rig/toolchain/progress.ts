// SPDX-License-Identifier: Apache-2.0
import { type BinaryName, binaries } from './binaries.ts';

/** Tells what `ensureBinaries` does at the moment; all times are in seconds. */
export type BuildEvent =
  | { readonly kind: 'waiting'; readonly pid: number }
  | {
      readonly kind: 'building';
      readonly names: readonly BinaryName[];
      readonly elapsedSeconds: number;
      /** A rough upper bound: a compiler cache that is already warm makes it much shorter. */
      readonly leftSeconds: number;
    }
  | {
      readonly kind: 'built';
      readonly name: BinaryName;
      readonly seconds: number;
      readonly leftSeconds: number;
    };

/** Follows a build and estimates what is left from the rough times of the table. */
export class BuildEstimate {
  readonly #open: Set<BinaryName>;
  readonly #nowMs: () => number;
  readonly #startMs: number;
  #lastMs: number;
  #doneRough = 0;

  /** Starts the estimate for all binaries that will be built; `nowMs` is a monotonic clock. */
  constructor(names: readonly BinaryName[], nowMs: () => number = () => performance.now()) {
    this.#open = new Set(names);
    this.#nowMs = nowMs;
    this.#startMs = nowMs();
    this.#lastMs = this.#startMs;
  }

  /** Returns the seconds since the start. */
  get elapsedSeconds(): number {
    return (this.#nowMs() - this.#startMs) / 1000;
  }

  /** Returns roughly how many seconds are left, scaled by how fast the machine was so far. */
  get leftSeconds(): number {
    const left = [...this.#open].reduce((sum, name) => sum + binaries[name].roughSeconds, 0);
    const doneSeconds = (this.#lastMs - this.#startMs) / 1000;
    const pace = this.#doneRough === 0 ? 1 : Math.min(4, doneSeconds / this.#doneRough);
    return Math.max(0, left * pace - (this.#nowMs() - this.#lastMs) / 1000);
  }

  /** Notes that a binary is finished and returns the seconds since the one before it. */
  finish(name: BinaryName): number {
    const seconds = (this.#nowMs() - this.#lastMs) / 1000;
    this.#lastMs = this.#nowMs();
    if (this.#open.delete(name)) this.#doneRough += binaries[name].roughSeconds;
    return seconds;
  }
}

/** Writes seconds as people say them, for example `4 min 05 s`. */
export const inMinutes = (seconds: number): string => {
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  return `${Math.floor(whole / 60)} min ${String(whole % 60).padStart(2, '0')} s`;
};

const sentence = (event: BuildEvent): string => {
  switch (event.kind) {
    case 'waiting':
      return `process ${event.pid} builds binaries at the moment; waiting for it`;
    case 'building':
      return `building ${event.names.join(', ')}: ${inMinutes(event.elapsedSeconds)}, about ${inMinutes(event.leftSeconds)} left`;
    case 'built':
      return `built ${event.name} in ${inMinutes(event.seconds)}, about ${inMinutes(event.leftSeconds)} left`;
  }
};

/** Names the part of a terminal that progress needs. */
export interface ProgressStream {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

/**
 * Returns a progress handler that writes to the stream: on a terminal one line that renews itself,
 * otherwise one line for each batch that starts and each binary that is finished.
 */
export const printProgress = (stream: ProgressStream): ((event: BuildEvent) => void) => {
  let shown = '';
  return (event) => {
    const text = sentence(event);
    if (stream.isTTY === true) {
      const line = text.slice(0, (stream.columns ?? 80) - 1);
      stream.write(`\r\u001b[K${line}${event.kind === 'building' ? '' : '\n'}`);
      return;
    }
    const batch = event.kind === 'building' ? event.names.join() : '';
    if (event.kind !== 'building' || batch !== shown) stream.write(`${text}\n`);
    if (event.kind === 'building') shown = batch;
  };
};

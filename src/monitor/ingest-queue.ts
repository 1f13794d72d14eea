// SPDX-License-Identifier: Apache-2.0

/** Bounds of an {@link IngestQueue}. */
export interface IngestQueueLimits {
  readonly maxJobs: number;
  /** Bytes of queued bodies; a single larger body is still taken when the queue is empty. */
  readonly maxBytes: number;
}

const MIN_RETRY_MS = 1_000;
const MAX_RETRY_MS = 30_000;
/** Weight of the newest measurement in the moving average of the drain rate. */
const WEIGHT = 0.2;
/** What a body costs beyond its bytes, as bytes: decoding a small request is not free. */
const BYTES_PER_JOB = 2_048;

/**
 * A bounded first-in first-out queue of request bodies that knows how fast it drains, and so how
 * long a refused sender should wait.
 */
export class IngestQueue<Job extends { readonly body: { readonly byteLength: number } }> {
  readonly #limits: IngestQueueLimits;
  #jobs: Job[] = [];
  #head = 0;
  #bytes = 0;
  #msPerByte = 0;

  constructor(limits: IngestQueueLimits) {
    this.#limits = limits;
  }

  /** Number of jobs that wait. */
  get length(): number {
    return this.#jobs.length - this.#head;
  }

  /** Bytes of the bodies that wait. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Takes a job, or returns false when there is no room; see {@link retryAfterMs}. */
  offer(job: Job): boolean {
    const isOver =
      this.length >= this.#limits.maxJobs ||
      this.#bytes + job.body.byteLength > this.#limits.maxBytes;
    if (isOver && this.length > 0) return false;
    this.#jobs.push(job);
    this.#bytes += job.body.byteLength;
    return true;
  }

  /** Returns the oldest job, or `undefined`. */
  take(): Job | undefined {
    const job = this.#jobs[this.#head];
    if (job === undefined) return undefined;
    this.#head += 1;
    this.#bytes -= job.body.byteLength;
    if (this.#head > 64 && this.#head * 2 > this.#jobs.length) {
      this.#jobs = this.#jobs.slice(this.#head);
      this.#head = 0;
    }
    return job;
  }

  /** Learns how long the work on a body of that size took. */
  learn(byteLength: number, elapsedMs: number): void {
    const measured = Math.max(0, elapsedMs) / (byteLength + BYTES_PER_JOB);
    this.#msPerByte += WEIGHT * (measured - this.#msPerByte);
  }

  /** Estimated time until what waits now is drained, in ms, 1 s to 30 s. */
  retryAfterMs(): number {
    const waitMs = (this.#bytes + this.length * BYTES_PER_JOB) * this.#msPerByte;
    return Math.min(MAX_RETRY_MS, Math.max(MIN_RETRY_MS, Math.ceil(waitMs)));
  }
}

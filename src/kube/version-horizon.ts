// SPDX-License-Identifier: Apache-2.0
import { isOlder, newerResourceVersion } from './resource-version.ts';

/** Lists that must show older versions before a restore of etcd is believed. */
const REGRESSION_LISTS = 2;

/** How a list stands to what was seen before. */
export type ListAge =
  | 'current'
  /** Older than what was seen, once: read again before it is believed. */
  | 'doubtful'
  /** Older again: etcd was restored from a backup, and versions start anew from here. */
  | 'regressed';

/** Follows the resourceVersions of one collection. */
export class VersionHorizon {
  #resume = '';
  #highest = '';
  #olderLists = 0;

  /** Where a watch goes on. */
  get resume(): string {
    return this.#resume;
  }

  /** Newest version seen; empty: none yet. */
  get highest(): string {
    return this.#highest;
  }

  /** Takes the version of an event. @returns false when it is older than an event before */
  advance(version: string): boolean {
    const inOrder = !isOlder(version, this.#resume);
    this.#resume = newerResourceVersion(this.#resume, version);
    this.#highest = newerResourceVersion(this.#highest, version);
    return inOrder;
  }

  /** Takes the version of a list that is in the store now. */
  startFrom(version: string): void {
    this.#resume = version;
    this.#highest = newerResourceVersion(this.#highest, version);
  }

  /**
   * Judges a quorum read. Such a read is never older than anything seen, however far a server lags, unless
   * etcd itself went back.
   */
  judge(version: string): ListAge {
    if (!isOlder(version, this.#highest)) {
      this.#olderLists = 0;
      return 'current';
    }
    this.#olderLists += 1;
    if (this.#olderLists < REGRESSION_LISTS) return 'doubtful';
    this.forget();
    return 'regressed';
  }

  /** Forgets everything: versions seen so far mean nothing any more. */
  forget(): void {
    this.#resume = '';
    this.#highest = '';
    this.#olderLists = 0;
  }
}

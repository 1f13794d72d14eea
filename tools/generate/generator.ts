// SPDX-License-Identifier: Apache-2.0
/**
 * The generator contract: files that are written from the registries and schemas, and never by hand.
 * A new one is one file here and one line in `tools/generate/index.ts`.
 */

/** One generator, as registered. */
export interface Generator {
  readonly id: string;
  /**
   * Folder, relative to the project, whose files with {@link suffix} all come from this generator:
   * what it no longer makes is stale there.
   */
  readonly folder: string;
  readonly suffix: string;
  /** The files by name inside the folder. */
  files(): ReadonlyMap<string, string>;
}

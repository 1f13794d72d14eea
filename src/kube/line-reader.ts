// SPDX-License-Identifier: Apache-2.0

/** Longest line that a watch may send, in bytes: an object is at most 3 MiB, escapes may double it. */
export const MAX_LINE_BYTES = 8 * 1024 * 1024;

const NEWLINE = 0x0a;

/** Says that one line of a stream is longer than a reader keeps. */
export class LineTooLongError extends Error {
  constructor(maxBytes: number) {
    super(`a line of the stream is longer than ${maxBytes} bytes`);
    this.name = 'LineTooLongError';
  }
}

/** Cuts a byte stream into lines; keeps at most one unfinished line. */
export class LineReader {
  readonly #maxBytes: number;
  #rest: Buffer[] = [];
  #restBytes = 0;

  constructor(maxBytes: number = MAX_LINE_BYTES) {
    this.#maxBytes = maxBytes;
  }

  /** True while the stream ends in the middle of a line. */
  get hasPartialLine(): boolean {
    return this.#restBytes > 0;
  }

  /**
   * Takes the next bytes and returns the lines that they finish, without line ends; empty lines are left
   * out. Bytes are decoded only once a line is whole, so that a cut inside a character does no harm.
   *
   * @throws LineTooLongError; the reader is then of no further use
   */
  push(chunk: Buffer): string[] {
    const lines: string[] = [];
    let start = 0;
    for (;;) {
      const end = chunk.indexOf(NEWLINE, start);
      if (end < 0) break;
      this.#keep(chunk.subarray(start, end));
      const line = this.#take();
      if (line !== '') lines.push(line);
      start = end + 1;
    }
    this.#keep(chunk.subarray(start));
    return lines;
  }

  #keep(part: Buffer): void {
    if (part.length === 0) return;
    this.#restBytes += part.length;
    if (this.#restBytes > this.#maxBytes) throw new LineTooLongError(this.#maxBytes);
    this.#rest.push(part);
  }

  #take(): string {
    const [only] = this.#rest;
    const bytes = this.#rest.length === 1 && only ? only : Buffer.concat(this.#rest);
    this.#rest = [];
    this.#restBytes = 0;
    return bytes.toString('utf8').trim();
  }
}

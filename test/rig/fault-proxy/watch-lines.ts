// SPDX-License-Identifier: Apache-2.0
import { LineReader } from '../../../src/kube/line-reader.ts';
import type { LineFault } from './fault-rules.ts';

/** What a stream of lines acts on. */
export interface WatchLinesOptions {
  readonly faultOf: (eventType: string) => LineFault | null;
  readonly note: (line: string, fault: LineFault | null) => void;
  readonly write: (text: string) => void;
  readonly end: () => void;
  readonly reset: () => void;
}

const eventType = (line: string): string => {
  const match = /"type"\s*:\s*"([A-Z]+)"/.exec(line);
  return match?.[1] ?? '';
};

/** Passes the lines of one watch on, each with its fault. */
export class WatchLines {
  readonly #options: WatchLinesOptions;
  readonly #reader = new LineReader();
  #held: string | null = null;
  #over: boolean = false;
  #silent: boolean = false;

  constructor(options: WatchLinesOptions) {
    this.#options = options;
  }

  /** Takes the next bytes of the server. */
  async take(chunk: Buffer): Promise<void> {
    for (const line of this.#reader.push(chunk)) {
      if (this.#over || this.#silent) return;
      await this.#pass(line);
    }
  }

  /** The server ended the stream. */
  close(): void {
    if (this.#over || this.#silent) return;
    this.#release();
    this.#over = true;
    this.#options.end();
  }

  async #pass(line: string): Promise<void> {
    const fault = this.#options.faultOf(eventType(line));
    this.#options.note(line, fault);
    switch (fault?.kind) {
      case 'drop':
        return;
      case 'reset':
        this.#over = true;
        return this.#options.reset();
      case 'cut':
        this.#over = true;
        this.#options.write(line.slice(0, line.length / 2));
        return this.#options.end();
      case 'silence':
        this.#silent = true;
        return;
      case 'reorder':
        this.#release();
        this.#held = line;
        return;
      case 'delay':
        await new Promise((resolve) => setTimeout(resolve, fault.ms));
        return this.#write(line);
      case 'duplicate':
        this.#write(line);
        return this.#write(line);
      case 'replace':
        return this.#write(fault.line);
      case undefined:
        return this.#write(line);
    }
  }

  #write(line: string): void {
    this.#options.write(`${line}\n`);
    this.#release();
  }

  #release(): void {
    const held = this.#held;
    this.#held = null;
    if (held !== null) this.#options.write(`${held}\n`);
  }
}

// SPDX-License-Identifier: Apache-2.0

/** Who speaks: each has its own mark at the beginning of the line. */
export type Voice = 'stage' | 'workload' | 'homeostat' | 'cluster' | 'proof';

const COLOURS: Readonly<Record<Voice, number>> = {
  stage: 37,
  workload: 33,
  homeostat: 36,
  cluster: 35,
  proof: 32,
};

/** Tells the story on a terminal, each line with the time since the beginning. */
export class Narrator {
  readonly #startedAt = performance.now();
  readonly #isColoured: boolean;
  readonly #write: (text: string) => void;

  constructor(write: (text: string) => void, isColoured: boolean) {
    this.#write = write;
    this.#isColoured = isColoured;
  }

  /** Seconds since the beginning. */
  get seconds(): number {
    return (performance.now() - this.#startedAt) / 1000;
  }

  /** Begins a part of the story. */
  chapter(title: string): void {
    this.#write(
      `\n${this.#paint(`── ${title} ${'─'.repeat(Math.max(0, 72 - title.length))}`, 1)}\n`,
    );
  }

  /** Tells one thing. */
  say(voice: Voice, text: string): void {
    const minutes = Math.floor(this.seconds / 60);
    const seconds = String(Math.floor(this.seconds % 60)).padStart(2, '0');
    const mark = this.#paint(voice.padEnd(9), COLOURS[voice]);
    this.#write(`${minutes}:${seconds}  ${mark}  ${text}\n`);
  }

  /** Writes lines as they are, indented. */
  list(lines: readonly string[]): void {
    for (const line of lines) this.#write(`                 ${line}\n`);
  }

  #paint(text: string, colour: number): string {
    return this.#isColoured ? `\u001b[${colour}m${text}\u001b[0m` : text;
  }
}

// SPDX-License-Identifier: Apache-2.0
/** Reads the project's Markdown: which pages there are, their code blocks and their links. */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** The project. */
export const ROOT: string = join(import.meta.dirname, '../..');

/** A fenced block. */
export interface CodeBlock {
  /** First word of the info string, for example `yaml`. */
  readonly language: string;
  /** Path in `title="..."`; `null`: none. */
  readonly title: string | null;
  /** The info string says `run`: its lines are commands that work in the project. */
  readonly isRun: boolean;
  readonly body: string;
}

/** Finds the fenced blocks of a page. Throws when one is not closed. */
export const codeBlocks = (text: string): readonly CodeBlock[] => {
  const blocks: CodeBlock[] = [];
  let open: { readonly info: string; readonly lines: string[] } | null = null;
  for (const line of text.split('\n')) {
    const fence = /^```(.*)$/.exec(line);
    if (fence === null) open?.lines.push(line);
    else if (open === null) open = { info: fence[1] ?? '', lines: [] };
    else {
      const { info, lines } = open;
      const [language = '', ...words] = info.split(' ');
      blocks.push({
        language,
        title: /title="([^"]+)"/.exec(info)?.[1] ?? null,
        isRun: words.includes('run'),
        body: `${lines.join('\n')}\n`,
      });
      open = null;
    }
  }
  if (open !== null) throw new Error(`a code block is not closed: ${open.lines[0]}`);
  return blocks;
};

/** Text outside of fenced blocks. */
export const prose = (text: string): string => text.replaceAll(/^```.*\n[\s\S]*?^```$/gm, '');

/** Files of the project by git, new ones included and ignored ones not, that match. */
export const projectFiles = (pattern: RegExp): readonly string[] =>
  execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], {
    cwd: ROOT,
    encoding: 'utf8',
    maxBuffer: 1 << 26,
  })
    .split('\n')
    .filter((path) => pattern.test(path) && existsSync(join(ROOT, path)));

/** Reads a file of the project. */
export const textOf = (path: string): string => readFileSync(join(ROOT, path), 'utf8');

/** A Markdown page. */
export interface Page {
  readonly path: string;
  readonly text: string;
}

/** Every Markdown page of the project. */
export const pages = (): readonly Page[] =>
  projectFiles(/\.md$/).map((path) => ({ path, text: textOf(path) }));

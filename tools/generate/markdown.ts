// SPDX-License-Identifier: Apache-2.0

const cell = (text: string): string => text.replaceAll('|', '\\|').replaceAll('\n', ' ');

/** Writes a Markdown table. */
export const table = (heads: readonly string[], rows: readonly (readonly string[])[]): string =>
  [heads, heads.map(() => '---'), ...rows]
    .map((row) => `| ${row.map(cell).join(' | ')} |`)
    .join('\n');

/** Writes a text as code; an empty one as nothing. */
export const code = (text: string): string => (text === '' ? '' : `\`${text}\``);

/** Puts a generated page together: the note that it is generated, the title, the parts. */
export const page = (source: string, title: string, parts: readonly string[]): string =>
  `${[
    `<!-- Generated from ${source} by \`npm run gen\`; do not edit. -->`,
    `# ${title}`,
    ...parts,
  ].join('\n\n')}\n`;

/** Names the file of a plugin: \`MemoryLeak\` and \`noStorm\` live in memory-leak.ts and no-storm.ts. */
export const kebab = (id: string): string =>
  id.replaceAll(/(?<=[a-z0-9])(?=[A-Z])/g, '-').toLowerCase();

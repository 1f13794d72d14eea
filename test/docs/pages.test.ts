// SPDX-License-Identifier: Apache-2.0
/** What the pages say of the project must be there: links, commands, paths, tests. */
import { existsSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { describe, expect, it } from 'vitest';
import { codeBlocks, type Page, pages, projectFiles, prose, ROOT, textOf } from './markdown.ts';

const LINK = /\]\(([^)\s]+)\)/g;

/** Anchor of a heading as code hosts make it. */
const anchor = (heading: string): string =>
  heading
    .toLowerCase()
    .replaceAll(/[^\w\- ]/g, '')
    .replaceAll(' ', '-');

const anchors = (text: string): readonly string[] =>
  [...prose(text).matchAll(/^#+ (.*)$/gm)].map(([, heading]) => anchor(heading ?? ''));

/** Links of a page that lead nowhere. */
const brokenLinks = ({ path, text }: Page): readonly string[] =>
  [...prose(text).matchAll(LINK)]
    .map(([, target]) => target ?? '')
    .filter((target) => !/^[a-z]+:/.test(target))
    .filter((target) => {
      const [file = '', fragment] = target.split('#');
      const found = file === '' ? path : normalize(join(dirname(path), file));
      if (!existsSync(join(ROOT, found))) return true;
      return fragment !== undefined && !anchors(textOf(found)).includes(fragment);
    });

/** Code of a page: blocks and spans. */
const codeOf = ({ text }: Page): readonly string[] => [
  ...codeBlocks(text).flatMap(({ body }) => body.split('\n')),
  ...[...prose(text).matchAll(/`([^`\n]+)`/g)].map(([, span]) => span ?? ''),
];

const scripts = Object.keys(
  (JSON.parse(textOf('package.json')) as { scripts: Record<string, string> }).scripts,
);
const targets = [...textOf('Makefile').matchAll(/^([a-z-]+):/gm)].map(([, name]) => name ?? '');

/** Commands of a line that do not exist. */
const unknownCommands = (line: string): readonly string[] => [
  ...[...line.matchAll(/\bnpm run (?:-s )?([\w:-]+)/g)]
    .filter(([, name]) => !scripts.includes(name ?? ''))
    .map(([command]) => command),
  ...[...line.matchAll(/(?:^|[;&|] *)make ([a-z][\w-]*)/g)]
    .filter(([, name]) => !targets.includes(name ?? ''))
    .map(([command]) => command),
];

const all = pages().map((page) => [page.path, page] as const);

describe('the checks themselves', () => {
  it('see pages, scripts and targets, and find what is wrong', () => {
    expect(all.length).toBeGreaterThan(20);
    expect(scripts).toContain('check');
    expect(targets).toContain('demo');
    expect(unknownCommands('npm run nothing && make nowhere')).toEqual([
      'npm run nothing',
      '& make nowhere',
    ]);
    const page = { path: 'README.md', text: '[a](nowhere.md) [b](LICENSE) [c](#no-such-heading)' };
    expect(brokenLinks(page)).toEqual(['nowhere.md', '#no-such-heading']);
  });
});

describe.each(all)('%s', (_, page) => {
  it('has no link that leads nowhere', () => {
    expect(brokenLinks(page)).toEqual([]);
  });

  it('names only commands that exist', () => {
    expect(codeOf(page).flatMap(unknownCommands)).toEqual([]);
  });
});

describe('README.md', () => {
  it('has less than 200 lines', () => {
    expect(textOf('README.md').split('\n').length).toBeLessThan(200);
  });

  it('gives the two commands, and CI runs the same test command', () => {
    const commands = codeBlocks(textOf('README.md')).flatMap(({ body }) => body.split('\n'));
    expect(commands.some((line) => /^make demo\b/.test(line))).toBe(true);
    expect(commands.some((line) => /^make test\b/.test(line))).toBe(true);
    expect(textOf('.ci/run')).toMatch(/^exec make test$/m);
  });
});

describe('docs/README.md', () => {
  it('links every page below docs/', () => {
    const index = textOf('docs/README.md');
    const missing = projectFiles(/^docs\/.+\.md$/)
      .map((path) => path.replace(/^docs\//, ''))
      .filter((path) => path !== 'README.md' && !index.includes(`(${path})`));
    expect(missing).toEqual([]);
  });
});

describe('docs/architecture.md', () => {
  const rows = [...textOf('docs/architecture.md').matchAll(/^\| (.+) \| `([^`|]+\.\w+)` \|$/gm)];

  it('ends with a table from concept to file, and every file exists', () => {
    expect(rows.length).toBeGreaterThan(50);
    const paths = rows.map(([, , path]) => path ?? '');
    expect(paths.filter((path) => !existsSync(join(ROOT, path)))).toEqual([]);
    expect(new Set(rows.map(([, concept]) => concept)).size).toBe(rows.length);
  });

  it('shows every folder of the product', () => {
    const folders = new Set(
      projectFiles(/^src\/[^/]+\//).map((path) => path.split('/')[1] as string),
    );
    const shown = textOf('docs/architecture.md');
    expect([...folders].filter((folder) => !shown.includes(`| \`${folder}\` |`))).toEqual([]);
  });
});

describe('docs/failure-modes.md', () => {
  const rows = textOf('docs/failure-modes.md')
    .split('\n')
    .filter((line) => /^\| (?!What happens|---)/.test(line));

  it.each(rows.map((row) => [row.split('|')[1]?.trim() ?? '', row] as const))(
    '"%s" links a test',
    (_, row) => {
      expect(row).toMatch(/\]\(\.\.\/test\/[^)]+\.test\.ts\)/);
    },
  );

  it('has many rows', () => {
    expect(rows.length).toBeGreaterThan(25);
  });
});

describe('docs/adr', () => {
  const decisions = projectFiles(/^docs\/adr\/.*\.md$/);

  it('is numbered without a gap', () => {
    const numbers = decisions.map((path) => Number(/(\d{4})-/.exec(path)?.[1]));
    expect(numbers).toEqual(numbers.map((_, index) => index + 1));
  });

  it.each(decisions)('%s has its number, a status and every section', (path) => {
    const text = textOf(path);
    expect(text).toMatch(new RegExp(`^# ${/(\d{4})-/.exec(path)?.[1]} `));
    expect(text).toMatch(/^Status: (proposed|accepted|superseded by \d{4})/m);
    for (const section of ['Context', 'Decision', 'Why', 'Consequences']) {
      expect(text).toMatch(new RegExp(`^## ${section}$`, 'm'));
    }
  });
});

// SPDX-License-Identifier: Apache-2.0
// The import directions of the house (docs/architecture.md, "Who may import whom").
'use strict';

const PURE = '^src/(domain|theory|expression|knowledge|analyze|plan|loop)/';
/** Folders of which a file may never import a sibling plugin: only their index does. */
const PLUGIN_FOLDERS = [
  'analyze/detectors',
  'plan/strategies',
  'plan/guards',
  'execute/actions',
  'monitor/sources',
  'quorum',
];

/** Each row: a folder, and what of `src` it may import besides itself. */
const MAY_IMPORT = {
  domain: [],
  theory: [],
  expression: ['domain'],
  api: ['domain'],
  kube: ['domain', 'api', 'errors.ts'],
  instrumentation: ['domain'],
  knowledge: ['domain', 'theory'],
  monitor: ['domain', 'knowledge', 'theory/series', 'quorum', 'instrumentation', 'errors.ts'],
  analyze: ['domain', 'theory', 'expression', 'knowledge', 'api'],
  plan: ['domain', 'theory', 'expression', 'knowledge', 'analyze', 'api', 'execute/action.ts'],
  execute: [
    'domain',
    'knowledge',
    'kube',
    'api',
    'theory/quorum',
    'quorum',
    'instrumentation',
    'errors.ts',
  ],
  quorum: ['domain', 'theory/quorum'],
  loop: [
    'domain',
    'monitor',
    'analyze',
    'plan',
    'execute',
    'knowledge',
    'api',
    'kube',
    'instrumentation',
    'errors.ts',
  ],
  serve: ['domain', 'knowledge', 'instrumentation', 'plan', 'api', 'errors.ts'],
};

const escaped = (path) => path.replaceAll('.', '\\.');

module.exports = {
  forbidden: [
    { name: 'no-cycle', severity: 'error', from: {}, to: { circular: true } },
    {
      name: 'pure',
      comment: 'the pure middle does no I/O: no Node core module but util and assert',
      severity: 'error',
      from: { path: PURE, pathNot: '^src/loop/controllers/' },
      to: { dependencyTypes: ['core'], pathNot: '^(node:)?(util|assert)$' },
    },
    {
      name: 'domain-imports-nothing',
      severity: 'error',
      from: { path: '^src/domain/' },
      to: { pathNot: '^src/domain/' },
    },
    {
      name: 'theory-knows-no-package',
      severity: 'error',
      from: { path: '^src/theory/([^/]+)/' },
      to: { pathNot: '^src/theory/$1/' },
    },
    {
      name: 'client-node-only-in-kube',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/(kube|quorum)/' },
      to: { path: 'node_modules/(@kubernetes/client-node|undici)/' },
    },
    {
      name: 'product-does-not-import-tests',
      severity: 'error',
      from: { path: '^src/' },
      to: { path: '^(test|demo|tools)/' },
    },
    ...Object.entries(MAY_IMPORT).map(([folder, allowed]) => ({
      name: `direction:${folder}`,
      severity: 'error',
      from: { path: `^src/${folder}/` },
      to: {
        path: '^src/',
        pathNot: [folder, ...allowed].map((each) =>
          each.endsWith('.ts') ? `^src/${escaped(each)}$` : `^src/${each}/`,
        ),
      },
    })),
    ...PLUGIN_FOLDERS.map((folder) => ({
      name: `leaf:${folder}`,
      severity: 'error',
      from: { path: `^src/${folder}/(?!index)([^/]+)\\.ts$` },
      to: { path: `^src/${folder}/`, pathNot: `^src/${folder}/(index|$1)\\.ts$` },
    })),
  ],
  options: {
    parser: 'swc',
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    exclude: { path: '(testdata|/dist/)' },
  },
};

// SPDX-License-Identifier: Apache-2.0
// Plain CommonJS on purpose: it must also parse on an old Node, to say clearly that it is old.
'use strict';
const { spawnSync } = require('node:child_process');
const major = Number(process.versions.node.split('.')[0]);
if (major !== 24) {
  console.error(
    'homeostat needs Node 24, but this is Node ' +
      process.versions.node +
      ' (' +
      process.execPath +
      ').\n' +
      '  On linux-x64 `npm ci` installs it: run commands through `npm run ...` or `make ...`,\n' +
      '  and do not omit optional dependencies. On other platforms: `npm install --no-save node@24`.',
  );
  process.exit(2);
}
// With arguments: run them on this same Node, so that a nested `node` cannot pick the machine's own.
const args = process.argv.slice(2);
if (args.length > 0) {
  const run = spawnSync(process.execPath, args, { stdio: 'inherit' });
  process.exit(run.status === null ? 1 : run.status);
}

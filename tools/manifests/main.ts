// SPDX-License-Identifier: Apache-2.0
// Writes manifests/ from the chart: `node tools/node24.cjs tools/manifests/main.ts`. It needs helm, which
// the rig's toolchain builds when it is not there. A chart test fails while the two differ.
import { mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { MANIFESTS_FOLDER, renderManifests } from './render.ts';

const files = await renderManifests();
await mkdir(MANIFESTS_FOLDER, { recursive: true });
for (const name of await readdir(MANIFESTS_FOLDER)) {
  if (name.endsWith('.yaml')) await rm(join(MANIFESTS_FOLDER, name));
}
for (const [name, content] of files) await writeFile(join(MANIFESTS_FOLDER, name), content);
console.log(`${files.size} files are in manifests/`);

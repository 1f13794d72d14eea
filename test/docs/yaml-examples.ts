// SPDX-License-Identifier: Apache-2.0
import { codeBlocks, pages, projectFiles, textOf } from './markdown.ts';

/** YAML that is shown to people. */
export interface YamlExample {
  /** The file, for a page with the number of the block. */
  readonly where: string;
  readonly text: string;
}

/** Every YAML file below examples/ and every YAML block of the pages. */
export const examples = (): readonly YamlExample[] => [
  ...projectFiles(/^examples\/.*\.ya?ml$/).map((path) => ({ where: path, text: textOf(path) })),
  ...pages().flatMap(({ path, text }) =>
    codeBlocks(text)
      .filter(({ language }) => language === 'yaml' || language === 'yml')
      .map(({ body }, index) => ({ where: `${path} block ${index + 1}`, text: body })),
  ),
];

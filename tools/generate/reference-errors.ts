// SPDX-License-Identifier: Apache-2.0
import { ERRORS } from '../../src/errors.ts';
import type { Generator } from './generator.ts';
import { code, page, table } from './markdown.ts';

const INTRO = `An error of the operator carries one of these codes; what varies stands beside it. "Again" tells whether
the same call may succeed later without anybody changing anything. An error that ends the process gives
the exit code.`;

/** Generates the page of error codes. */
export const referenceErrors: Generator = {
  id: 'reference-errors',
  folder: 'docs/reference',
  suffix: 'errors.md',
  files: () => {
    const rows = Object.entries(ERRORS).map(([name, row]) => [
      code(name),
      row.message,
      row.retryable ? 'yes' : 'no',
      String(row.exitCode),
      String(row.httpStatus),
    ]);
    const parts = [INTRO, table(['Code', 'Message', 'Again', 'Exit code', 'HTTP status'], rows)];
    return new Map([['errors.md', page('src/errors.ts', 'Errors', parts)]]);
  },
};

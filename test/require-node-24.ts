// SPDX-License-Identifier: Apache-2.0

/** Stops a test run on any Node but the pinned one: results on another runtime prove nothing. */
export const setup = (): void => {
  const major = Number(process.versions.node.split('.')[0]);
  if (major !== 24) {
    throw new Error(`tests need Node 24, this is ${process.versions.node}; run them through npm`);
  }
};

// SPDX-License-Identifier: Apache-2.0

/** Reports something that the machine lacks; the message says what to install or to set. */
export class ToolchainError extends Error {
  override readonly name = 'ToolchainError';
}

// SPDX-License-Identifier: Apache-2.0

/** Version of this build; a test holds it equal to package.json and the chart. */
export const VERSION = '0.1.0';

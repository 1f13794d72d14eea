// SPDX-License-Identifier: Apache-2.0
import type { SignalKind } from '../../domain/telemetry.ts';

/** What one request says, as arrays of columns; reused, so valid only until the next decode into it. */
export class Columns {
  signal: SignalKind = 'metrics';
}

// SPDX-License-Identifier: Apache-2.0
import type { Sink } from '../../domain/telemetry.ts';
import type { Normaliser } from './normalise.ts';
import type { ExportJob, ReceiverAnswer } from './port-messages.ts';

/** What an {@link Ingest} works with. */
export interface IngestParts {
  readonly normaliser: Normaliser;
  readonly sink: Sink;
  /** Limit of a body in bytes, before and after decompression. */
  readonly limitBytes: number;
}

/**
 * The analysis worker's side of reception: decode, normalise, offer to the sink, answer. Jobs are
 * taken one after the other in the order of the calls.
 */
export class Ingest {
  readonly parts: IngestParts;

  constructor(parts: IngestParts) {
    this.parts = parts;
  }

  /** Never rejects. */
  accept(_job: ExportJob): Promise<ReceiverAnswer> {
    throw new Error('not built yet');
  }
}

// SPDX-License-Identifier: Apache-2.0
import type { Sink, SinkAnswer } from '../../domain/telemetry.ts';
import { Columns } from './columns.ts';
import { decodeRequest } from './decode.ts';
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
 * taken one after the other in the order of the calls; a job that the sink did not accept leaves no
 * trace. The caller bounds how many jobs wait.
 */
export class Ingest {
  readonly #parts: IngestParts;
  readonly #columns = new Columns();
  #last: Promise<unknown> = Promise.resolve();

  constructor(parts: IngestParts) {
    this.#parts = parts;
  }

  /** Never rejects. */
  accept(job: ExportJob): Promise<ReceiverAnswer> {
    const answer = this.#last.then(() => this.#accept(job));
    this.#last = answer;
    return answer;
  }

  async #accept(job: ExportJob): Promise<ReceiverAnswer> {
    const { normaliser, sink, limitBytes } = this.#parts;
    try {
      const outcome = decodeRequest(
        { ...job, body: new Uint8Array(job.body), limitBytes },
        this.#columns,
      );
      if (outcome.kind !== 'decoded') return outcome;
      const batch = normaliser.normalise(outcome.columns, job.receivedAtMs);
      const offered = await sink.offer(batch);
      if (offered.kind === 'busy') {
        normaliser.rollback();
        return offered;
      }
      normaliser.commit();
      return this.#acknowledge(job, offered, { ...batch });
    } catch (error) {
      normaliser.rollback();
      return { kind: 'unavailable', message: `the request could not be applied: ${String(error)}` };
    }
  }

  /** What the normaliser rejected and what the sink did not take are both told. */
  #acknowledge(
    job: ExportJob,
    offered: Exclude<SinkAnswer, { kind: 'busy' }>,
    batch: { readonly rejected: number; readonly rejectionMessage: string; readonly items: number },
  ): ReceiverAnswer {
    const dropped = offered.kind === 'partial' ? offered.rejected : 0;
    const rejected = Math.min(batch.items, batch.rejected + dropped);
    const parts = [batch.rejectionMessage, offered.kind === 'partial' ? offered.message : ''];
    const message = parts.filter((part) => part !== '').join('; ');
    if (rejected > 0) return { kind: 'partial', rejected, message };
    const warning = this.#parts.normaliser.warning(this.#columns, job.receivedAtMs);
    const told = [message, warning].filter((part) => part !== '').join('; ');
    return told === '' ? { kind: 'accepted' } : { kind: 'partial', rejected: 0, message: told };
  }
}

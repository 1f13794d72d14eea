// SPDX-License-Identifier: Apache-2.0
import type { HealingAction } from '../api/healing-action.ts';
import { isOpen } from '../execute/record.ts';
import type { DecisionSpan } from '../instrumentation/trace.ts';
import type { LoopPorts } from './ports.ts';

/**
 * The records that this leader drives, each at most once at a time. A record is picked up wherever it
 * stands: just created, adopted from another leader, or left behind by a crash.
 */
export class Drives {
  readonly #ports: LoopPorts;
  readonly #running = new Map<string, Promise<void>>();
  /** Uids of records that have ended, which a late watch may still show as open. */
  readonly #over = new Set<string>();

  constructor(ports: LoopPorts) {
    this.#ports = ports;
  }

  /** Number of records in progress. */
  get size(): number {
    return this.#running.size;
  }

  /** Starts driving a record unless it is driven already or has ended. */
  start(record: HealingAction, signal: AbortSignal, decision?: DecisionSpan): void {
    const { uid } = record.metadata;
    if (!isOpen(record) || this.#running.has(uid) || this.#over.has(uid) || signal.aborted) return;
    this.#running.set(uid, this.#drive(record, signal, decision));
  }

  /** Forgets what is not among the records that the watch shows. */
  retain(uids: ReadonlySet<string>): void {
    for (const uid of this.#over) if (!uids.has(uid)) this.#over.delete(uid);
  }

  /** Resolves when no record is in progress; after an abort this is soon. */
  async idle(): Promise<void> {
    await Promise.all(this.#running.values());
  }

  async #drive(record: HealingAction, signal: AbortSignal, decision?: DecisionSpan): Promise<void> {
    const { execution, log, tracer, observer } = this.#ports;
    const { namespace, name, uid } = record.metadata;
    const span = decision ?? tracer.start('resume', { 'homeostat.action': name });
    const keys = {
      action: name,
      entity: `${namespace}/${record.spec.target.name}`,
      traceId: span.traceId,
    };
    try {
      const end = await span.run(() => execution.drive(record, signal));
      if (end.kind !== 'stopped') this.#over.add(uid);
      const { phase = 'Planned', reason = '', message = '' } = end.record.status ?? {};
      log.info('action ended', {
        ...keys,
        reason: `${end.kind} ${phase} ${reason}`.trim(),
        detail: message,
      });
      if (end.kind === 'terminal') observer?.ended?.(end.record);
      span.end({
        ok: phase === 'Succeeded' || phase === 'Simulated',
        message: `${phase} ${reason}`.trim(),
      });
    } catch (error) {
      // A programmer's error: the record stays as it is and the next round picks it up again.
      log.error('driving an action failed', { ...keys, error: String(error) });
      span.end({ ok: false, message: String(error) });
    } finally {
      this.#running.delete(uid);
    }
  }
}

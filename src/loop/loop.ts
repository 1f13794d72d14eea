// SPDX-License-Identifier: Apache-2.0
/**
 * The MAPE loop: one round after the other, on whatever clock and world it is given.
 *
 * - Every replica keeps the analysis worker and the independent witness warm.
 * - The leader adopts the open records first, then heals: evidence becomes incidents and plans, plans
 *   become records, records are driven to their end, incidents and policies say what happened.
 *
 * A round never overlaps another; records are driven beside the rounds.
 */
import { Bindings, type WatchedPolicy } from './bindings.ts';
import { Drives } from './drives.ts';
import { EvidenceBook } from './evidence-book.ts';
import { Expiry } from './expiry.ts';
import { Healing } from './healing.ts';
import { reconcileIncidents } from './incidents.ts';
import { PolicyStatuses } from './policies.ts';
import type { LoopOptions, LoopPorts } from './ports.ts';
import { Refusals } from './refusals.ts';
import { ResourceMetricsPoll } from './resource-metrics-poll.ts';

/** One term of leadership. */
interface Term {
  readonly signal: AbortSignal;
  /** True once every open record carries this term's epoch: nothing is driven before. */
  isAdopted: boolean;
}

/** Runs rounds. */
export class Loop {
  readonly #ports: LoopPorts;
  readonly #bindings = new Bindings();
  readonly #book = new EvidenceBook();
  readonly #refusals = new Refusals();
  readonly #drives: Drives;
  readonly #healing: Healing;
  readonly #policies: PolicyStatuses;
  readonly #metricsPoll: ResourceMetricsPoll;
  readonly #expiry: Expiry;
  #term: Term | null = null;
  #round: Promise<void> | null = null;

  constructor(ports: LoopPorts, options: LoopOptions) {
    this.#ports = ports;
    this.#drives = new Drives(ports);
    const parts = { book: this.#book, refusals: this.#refusals, drives: this.#drives };
    this.#healing = new Healing(ports, options, parts);
    this.#policies = new PolicyStatuses(ports, options, this.#book);
    this.#metricsPoll = new ResourceMetricsPoll(ports, options);
    this.#expiry = new Expiry(ports);
    ports.analysis.onEvidence((evidence) => this.#book.add(evidence));
  }

  /** Begins a term; `signal` aborts when it ends. Nothing is done before the next round. */
  lead(signal: AbortSignal): void {
    this.#term = { signal, isAdopted: false };
  }

  /** Number of records that this process drives now. */
  get driving(): number {
    return this.#drives.size;
  }

  /** Runs one round; while one is running the same promise is returned. Never rejects. */
  round(): Promise<void> {
    this.#round ??= this.#run().finally(() => {
      this.#round = null;
    });
    return this.#round;
  }

  /** Resolves when no record is driven any more: after the end of a term, before the Lease is released. */
  async idle(): Promise<void> {
    await this.#round;
    await this.#drives.idle();
  }

  async #run(): Promise<void> {
    const { log } = this.#ports;
    try {
      const watched = this.#watch();
      await this.#metricsPoll.round(
        new Set(watched.map(({ policy }) => policy.metadata.namespace)),
      );
      const term = this.#term;
      if (term === null || term.signal.aborted) return;
      if (!term.isAdopted && !(await this.#adopt(term))) return;
      await this.#leadRound(watched, term.signal);
    } catch (error) {
      log.error('round failed', {
        error: error instanceof Error ? (error.stack ?? '') : String(error),
      });
    }
  }

  #watch(): readonly WatchedPolicy[] {
    const { state, analysis } = this.#ports;
    const watched = this.#bindings.refresh(state, analysis);
    this.#book.retain(
      new Map(
        watched.map(({ policy, targets }) => [
          policy.metadata.uid,
          {
            containers: new Set(targets.containers),
            triggers: new Set(policy.spec.triggers.map(({ name }) => name)),
          },
        ]),
      ),
    );
    return watched;
  }

  /** Takes the open records over. False: it did not succeed, the next round tries again. */
  async #adopt(term: Term): Promise<boolean> {
    const { execution, log, observer } = this.#ports;
    const adoption = await execution.adopt();
    if (term.signal.aborted) return false;
    switch (adoption.kind) {
      case 'adopted':
        term.isAdopted = true;
        log.info('open records adopted', { count: adoption.records.length });
        for (const name of adoption.unreadable) log.warn('record cannot be read', { action: name });
        for (const record of adoption.records) this.#drives.start(record, term.signal);
        return true;
      case 'fenced':
        log.error('a record carries a higher epoch: not the leader', { epoch: adoption.epoch });
        observer?.fenced?.(adoption.epoch);
        return false;
      case 'failed':
        log.warn('open records could not be adopted yet', { error: adoption.message });
        return false;
    }
  }

  async #leadRound(watched: readonly WatchedPolicy[], signal: AbortSignal): Promise<void> {
    const records = this.#ports.state.actions();
    this.#drives.retain(new Set(records.map(({ metadata }) => metadata.uid)));
    for (const record of records) this.#drives.start(record, signal);
    await this.#healing.round(watched, signal);
    await reconcileIncidents(this.#ports, { book: this.#book, refusals: this.#refusals }, signal);
    await this.#policies.round(watched, signal);
    await this.#expiry.round(signal);
  }
}

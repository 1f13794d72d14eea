// SPDX-License-Identifier: Apache-2.0
import type { ClusterPort, Leadership } from '../../src/domain/cluster.ts';
import { highestRecordEpoch } from '../../src/execute/adopt.ts';
import { Executor } from '../../src/execute/executor.ts';
import type { ExecutionPorts, Submission } from '../../src/execute/ports.ts';
import { isOpen } from '../../src/execute/record.ts';
import { judge } from '../../src/plan/judge.ts';
import { type FaultPlan, FaultPort } from './fault-port.ts';
import { ModelLeadership } from './lease.ts';
import { ACTIONS, type Shop } from './shop.ts';

/** How often the process looks around, in ms. */
const TICK_MS = 2_000;
/** A refused plan is submitted again in every so many rounds. */
const SUBMIT_EVERY = 5;

/** What of execution a test takes away, to see that something else fails then. */
export type Mutation = (port: ClusterPort) => ClusterPort;

/** What one process is like. */
export interface ProcessOptions {
  readonly plan?: FaultPlan;
  /** Sits between execution and the line to the server. */
  readonly mutation?: Mutation;
  /** Replaces the process's own view of its lease. */
  readonly leadership?: (own: ModelLeadership) => Leadership;
  readonly ports?: Partial<ExecutionPorts>;
  /** False: it only goes on with what is recorded. */
  readonly isPlanning?: boolean;
  /** False: it adopts, and then does nothing. */
  readonly isDriving?: boolean;
}

/**
 * One life of an operator as far as execution goes: takes the lease, adopts, drives what is open, and
 * submits the plan until there is a record of it.
 */
export class OperatorProcess {
  readonly shop: Shop;
  readonly identity: string;
  readonly leadership: ModelLeadership;
  readonly executor: Executor;
  readonly port: FaultPort;
  readonly submissions: Submission[] = [];
  readonly #abort = new AbortController();
  readonly #isPlanning: boolean;
  readonly #isDriving: boolean;
  #ticks = 0;
  /** Index of the audit log at the end of the first adoption; `null` before. */
  adoptedAt: number | null = null;
  isStopped = false;

  private constructor(
    shop: Shop,
    life: { readonly identity: string; readonly epoch: number },
    options: ProcessOptions,
  ) {
    this.shop = shop;
    this.identity = life.identity;
    this.#isPlanning = options.isPlanning ?? true;
    this.#isDriving = options.isDriving ?? true;
    this.leadership = new ModelLeadership(shop.clock, life.identity, life.epoch);
    this.port = new FaultPort(shop.server.portFor(life.identity), options.plan);
    this.port.onStop = () => {
      this.isStopped = true;
      this.leadership.stop();
    };
    this.executor = new Executor(
      {
        cluster: options.mutation?.(this.port) ?? this.port,
        analysis: shop.analysis,
        clock: shop.clock,
        leadership: options.leadership?.(this.leadership) ?? this.leadership,
        metrics: shop.metrics,
        judge,
        ...options.ports,
      },
      { operatorNamespace: 'homeostat-system', operatorMaxMode: 'Auto', writeDeadlineMs: 3_000 },
    );
  }

  /** Starts a process that holds the lease from now on; the former holder's must be over. */
  static async start(
    shop: Shop,
    identity: string,
    options: ProcessOptions = {},
  ): Promise<OperatorProcess> {
    const reads = { cluster: shop.server.portFor(identity), clock: shop.clock };
    const highest = (await highestRecordEpoch(reads)) ?? 0;
    const previous = epochs.get(shop) ?? 0;
    const epoch = Math.max(previous, highest) + 1;
    epochs.set(shop, epoch);
    const process = new OperatorProcess(shop, { identity, epoch }, options);
    void process.#run();
    return process;
  }

  /** Ends the process as SIGKILL does. */
  kill(): void {
    this.isStopped = true;
    this.port.kill();
    this.leadership.stop();
    this.#abort.abort();
  }

  async #run(): Promise<void> {
    const { signal } = this.#abort;
    while (!signal.aborted) {
      await this.#tick();
      await this.shop.clock.sleep(TICK_MS, signal);
    }
  }

  async #tick(): Promise<void> {
    const isTurn = this.#ticks++ % SUBMIT_EVERY === 0;
    const adoption = await this.executor.adopt();
    if (adoption.kind !== 'adopted') return;
    this.adoptedAt ??= this.shop.server.audit.length;
    for (const record of adoption.records) this.#drive(record);
    if (!isTurn || !this.#isPlanning || this.shop.server.peek(ACTIONS).length > 0) return;
    const submission = await this.executor.submit(this.shop.plan());
    this.submissions.push(submission);
    if (submission.kind === 'recorded' && isOpen(submission.record)) this.#drive(submission.record);
  }

  #drive(record: Parameters<Executor['drive']>[0]): void {
    if (this.#isDriving) void this.executor.drive(record, this.#abort.signal);
  }
}

/** The Lease annotation of each world. */
const epochs = new WeakMap<Shop, number>();

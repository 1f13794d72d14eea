// SPDX-License-Identifier: Apache-2.0
import type { ApiReply, ApiRequest, ClusterPort } from '../../src/domain/cluster.ts';

/** What goes wrong with one request. */
export type Fault =
  /** The process dies before the request is sent, or after it was done and before the reply is read. */
  | { readonly kind: 'crash'; readonly when: 'before' | 'after' }
  /** The process stands still at that moment; everything that it does later waits with it. */
  | { readonly kind: 'freeze'; readonly when: 'before' | 'after' }
  /** Done, and the reply is lost. */
  | { readonly kind: 'lost' }
  /** Not done, and nobody can tell. */
  | { readonly kind: 'dropped' }
  /** The server refuses without doing it. */
  | { readonly kind: 'refuse'; readonly status: number };

/** One request as a fault plan sees it. */
export interface Call {
  /** Number of the request in the life of this port, from 0. */
  readonly index: number;
  /** Number of the write, from 0; `null`: it is a read. */
  readonly writeIndex: number | null;
  readonly request: ApiRequest;
}

/** Says what goes wrong; `null`: nothing. */
export type FaultPlan = (call: Call) => Fault | null;

/** Tells whether a request asks for a change, rehearsed or not. */
export const isWrite = ({ verb }: ApiRequest): boolean => verb !== 'get' && verb !== 'list';

const never = (): Promise<never> => new Promise(() => undefined);

/** The line of one process to the API server. It can die, freeze and lose replies. */
export class FaultPort implements ClusterPort {
  readonly #inner: ClusterPort;
  readonly #plan: FaultPlan;
  #index = 0;
  #writeIndex = 0;
  #isDead = false;
  #thaw: Promise<void> | null = null;
  #resume: () => void = () => undefined;
  /** Called when a fault kills or freezes the process. */
  onStop: () => void = () => undefined;

  constructor(inner: ClusterPort, plan: FaultPlan = () => null) {
    this.#inner = inner;
    this.#plan = plan;
  }

  /** Ends the process: nothing more leaves it, and nothing reaches it. */
  kill(): void {
    this.#isDead = true;
  }

  /** Lets a frozen process go on. */
  thaw(): void {
    this.#thaw = null;
    this.#resume();
  }

  async send(request: ApiRequest, signal?: AbortSignal): Promise<ApiReply> {
    if (this.#thaw !== null) await this.#thaw;
    if (this.#isDead) return never();
    const writeIndex = isWrite(request) ? this.#writeIndex++ : null;
    const fault = this.#plan({ index: this.#index++, writeIndex, request });
    const reply = await this.#perform(request, fault, signal);
    if (this.#thaw !== null) await this.#thaw;
    return this.#isDead ? never() : reply;
  }

  async #perform(
    request: ApiRequest,
    fault: Fault | null,
    signal?: AbortSignal,
  ): Promise<ApiReply> {
    switch (fault?.kind) {
      case undefined:
        return this.#inner.send(request, signal);
      case 'lost':
        await this.#inner.send(request, signal);
        return { kind: 'unknown', message: 'the connection was reset' };
      case 'dropped':
        return { kind: 'unknown', message: 'the connection was reset' };
      case 'refuse': {
        const { status } = fault;
        const message = `injected ${status}`;
        return { kind: 'refused', status, reason: 'Injected', message, retryAfterMs: null };
      }
      case 'crash':
      case 'freeze': {
        if (fault.when === 'after') {
          const reply = await this.#inner.send(request, signal);
          this.#stop(fault.kind);
          return reply;
        }
        this.#stop(fault.kind);
        if (this.#thaw !== null) await this.#thaw;
        return this.#isDead ? never() : this.#inner.send(request, signal);
      }
    }
  }

  #stop(kind: 'crash' | 'freeze'): void {
    if (kind === 'crash') this.#isDead = true;
    else {
      this.#thaw = new Promise((resolve) => {
        this.#resume = resolve;
      });
    }
    this.onStop();
  }
}

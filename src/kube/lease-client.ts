// SPDX-License-Identifier: Apache-2.0
import type { Clock } from '../domain/clock.ts';
import { isNotFound } from './api-error.ts';
import { createObject, getObject, mergePatch } from './apply.ts';
import { EPOCH_ANNOTATION, type LeaseRecord, microTime, readLease } from './lease-record.ts';
import { BUILT_IN } from './resource.ts';
import type { Transport } from './transport.ts';

/** Which Lease, and for whom. */
export interface LeaseClientOptions {
  readonly transport: Transport;
  readonly clock: Clock;
  readonly namespace: string;
  readonly name: string;
  readonly identity: string;
  readonly leaseMs: number;
  /** Milliseconds that one request may take. */
  readonly deadlineMs: number;
}

/**
 * Reads and writes one Lease. Every write carries uid and resourceVersion of the record that it follows, so
 * that a loser gets 409. These are the only writes that no fence holds back.
 */
export class LeaseClient {
  readonly #options: LeaseClientOptions;

  constructor(options: LeaseClientOptions) {
    this.#options = options;
  }

  /** Reads the Lease by a quorum read; null: there is none. @throws ApiError */
  async read(): Promise<LeaseRecord | null> {
    const { transport, namespace, name } = this.#options;
    try {
      const at = { namespace, name };
      return readLease(await getObject(transport, BUILT_IN.leases, at, this.#sending()));
    } catch (error) {
      if (isNotFound(error)) return null;
      throw error;
    }
  }

  /** Makes the Lease, held by us. @throws ApiError 409 when somebody was faster */
  async create(epoch: number): Promise<LeaseRecord> {
    const { transport, namespace, name } = this.#options;
    const metadata = { namespace, name, annotations: { [EPOCH_ANNOTATION]: String(epoch) } };
    const spec = { ...this.#held(), acquireTime: this.#now(), leaseTransitions: 0 };
    const lease = { metadata, spec };
    return readLease(await createObject(transport, BUILT_IN.leases, lease, this.#sending()));
  }

  /** Takes the Lease over. @throws ApiError 409 when the record changed */
  take(record: LeaseRecord, epoch: number): Promise<LeaseRecord> {
    return this.#patch(record, {
      metadata: { annotations: { [EPOCH_ANNOTATION]: String(epoch) } },
      spec: {
        ...this.#held(),
        acquireTime: this.#now(),
        leaseTransitions: record.transitions + 1,
      },
    });
  }

  /** Renews the Lease. @param withinMs shortens the deadline @throws ApiError 409 when the record changed */
  renew(record: LeaseRecord, withinMs: number): Promise<LeaseRecord> {
    return this.#patch(record, { spec: this.#held() }, withinMs);
  }

  /** Gives the Lease back, free at once for others. @throws ApiError 409 when the record changed */
  release(record: LeaseRecord): Promise<LeaseRecord> {
    const renewTime = this.#now();
    return this.#patch(record, {
      spec: { holderIdentity: null, leaseDurationSeconds: 1, renewTime, acquireTime: renewTime },
    });
  }

  async #patch(
    record: LeaseRecord,
    change: Readonly<{ metadata?: Record<string, unknown>; spec: Record<string, unknown> }>,
    withinMs = Number.POSITIVE_INFINITY,
  ): Promise<LeaseRecord> {
    const { transport, namespace, name } = this.#options;
    const { uid, resourceVersion } = record;
    const target = { type: BUILT_IN.leases, state: { namespace, name, uid, resourceVersion } };
    return readLease(await mergePatch(transport, target, change, this.#sending(withinMs)));
  }

  #sending(withinMs = Number.POSITIVE_INFINITY): { deadlineMs: number; priority: 'critical' } {
    return { deadlineMs: Math.min(this.#options.deadlineMs, withinMs), priority: 'critical' };
  }

  #held(): Record<string, unknown> {
    const { identity, leaseMs } = this.#options;
    return {
      holderIdentity: identity,
      leaseDurationSeconds: leaseMs / 1000,
      renewTime: this.#now(),
    };
  }

  #now(): string {
    return microTime(this.#options.clock.wallMs());
  }
}

// SPDX-License-Identifier: Apache-2.0
import type { Clock } from '../domain/clock.ts';
import { ApiError } from './api-error.ts';
import { type LeaseRecord, readLease } from './lease-record.ts';
import { BUILT_IN, collectionPath, type KubeObject } from './resource.ts';
import type { Transport } from './transport.ts';
import type { WatchEvent } from './watch-stream.ts';

/** What to watch and whom to tell. */
export interface LeaseWatchOptions {
  readonly transport: Transport;
  readonly clock: Clock;
  readonly namespace: string;
  readonly name: string;
  /** Milliseconds between two watches. */
  readonly retryMs: number;
  readonly signal: AbortSignal;
  readonly onRecord: (record: LeaseRecord) => void;
  readonly onDeleted: () => void;
}

const TIMEOUT_SECONDS = 300;

/**
 * Watches one Lease, so that followers see a renewal when it happens and a release at once. Only a help: they
 * poll as well, so a watch that breaks or says nothing costs time, not safety.
 */
export async function watchLease(options: LeaseWatchOptions): Promise<void> {
  const { transport, clock, namespace, name, retryMs, signal } = options;
  const query = {
    watch: 'true',
    fieldSelector: `metadata.name=${name}`,
    timeoutSeconds: String(TIMEOUT_SECONDS),
  };
  while (!signal.aborted) {
    try {
      const path = collectionPath(BUILT_IN.leases, namespace);
      const stream = await transport.watch({ path, query, signal });
      const close = (): void => stream.close();
      signal.addEventListener('abort', close, { once: true });
      for await (const event of stream) {
        if (signal.aborted) break;
        hear(event, options);
      }
      signal.removeEventListener('abort', close);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
    }
    await clock.sleep(retryMs, signal);
  }
}

function hear(event: WatchEvent, options: LeaseWatchOptions): void {
  const lease = event.object as KubeObject | null;
  if (lease?.metadata?.name !== options.name) return;
  if (event.type === 'DELETED') options.onDeleted();
  else if (event.type === 'ADDED' || event.type === 'MODIFIED') options.onRecord(readLease(lease));
}

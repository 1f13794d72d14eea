// SPDX-License-Identifier: Apache-2.0
import type { Clock } from '../domain/clock.ts';
import type { ApiReply, ApiRequest, ClusterPort, Leadership } from '../domain/cluster.ts';

/** What a fence needs. */
export interface FenceOptions {
  readonly cluster: ClusterPort;
  readonly leadership: Pick<Leadership, 'epoch' | 'mayWrite'>;
  /** The term for which this port may write; another term needs another port. */
  readonly epoch: number;
  readonly clock: Clock;
  /** Deadline of a write in ms. */
  readonly deadlineMs: number;
}

const isWrite = ({ verb }: ApiRequest): boolean => verb !== 'get' && verb !== 'list';

/**
 * Lets writes through only while this process leads in the given term and its lease was renewed
 * recently enough, looked at immediately before the request is handed on. What is held back is
 * `notSent`. A write that is not answered within its deadline is aborted, and its outcome unknown.
 * Dry runs are fenced too. Reads pass.
 */
export const fencedPort = (options: FenceOptions): ClusterPort => {
  const { cluster, leadership, epoch, clock, deadlineMs } = options;
  const write = async (request: ApiRequest, signal?: AbortSignal): Promise<ApiReply> => {
    if (leadership.epoch() !== epoch || !leadership.mayWrite()) {
      return {
        kind: 'notSent',
        message: 'this process may not write now: it does not hold the lease',
      };
    }
    const overdue = new AbortController();
    const answered = new AbortController();
    const signals = signal === undefined ? [overdue.signal] : [overdue.signal, signal];
    const deadline = clock.sleep(deadlineMs, answered.signal).then((): ApiReply => {
      if (!answered.signal.aborted) overdue.abort();
      return { kind: 'unknown', message: `not answered within ${deadlineMs} ms` };
    });
    const reply = await Promise.race([cluster.send(request, AbortSignal.any(signals)), deadline]);
    answered.abort();
    return reply;
  };
  return {
    send: (request, signal) =>
      isWrite(request) ? write(request, signal) : cluster.send(request, signal),
  };
};

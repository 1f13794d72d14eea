// SPDX-License-Identifier: Apache-2.0
import { type MessagePort, Worker } from 'node:worker_threads';
import type { ReceiverCounters } from './counters.ts';
import type { ReceiverCommand, ReceiverReport } from './port-messages.ts';
import type { ReceiverThreadData } from './receiver-thread.ts';

/** Largest heap of the receiver thread in MiB; bodies are outside of it. */
export const RECEIVER_HEAP_MIB = 48;

/** The receiver thread as the main thread sees it. */
export interface ReceiverHandle {
  readonly grpcPort: number;
  readonly httpPort: number;
  /** Gives the receiver a port to a (new) analysis worker; before that every request is refused. */
  attach(port: MessagePort): void;
  /** Asks for the counters. @throws when the thread has ended */
  counters(): Promise<ReceiverCounters>;
  /** Drains and ends the thread. */
  stop(): Promise<void>;
  /** Resolves when the thread has ended, with its error if it died of one. */
  readonly ended: Promise<Error | undefined>;
}

/**
 * Starts the receiver on a thread of its own.
 * @param entry the file of the thread; the bundle of the image has it elsewhere
 * @throws when a port cannot be opened; the message names the port and the setting
 */
export const startReceiverThread = async (
  data: ReceiverThreadData,
  entry: URL = new URL('./receiver-thread.ts', import.meta.url),
): Promise<ReceiverHandle> => {
  const worker = new Worker(entry, {
    workerData: data,
    name: 'otlp-receiver',
    resourceLimits: { maxOldGenerationSizeMb: RECEIVER_HEAP_MIB },
  });
  const waiting = new Map<number, PromiseWithResolvers<ReceiverCounters>>();
  const started = Promise.withResolvers<{ grpcPort: number; httpPort: number }>();
  const ended = Promise.withResolvers<Error | undefined>();
  let death: Error | undefined;
  let nextId = 1;
  let hasEnded = false;
  worker.on('error', (error) => {
    death = error as Error;
  });
  worker.on('exit', () => {
    hasEnded = true;
    const error = death ?? new Error('the receiver thread has ended');
    started.reject(error);
    for (const each of waiting.values()) each.reject(error);
    waiting.clear();
    ended.resolve(death);
  });
  worker.on('message', (report: ReceiverReport) => {
    switch (report.kind) {
      case 'started':
        started.resolve(report);
        break;
      case 'failed':
        started.reject(new Error(report.message));
        break;
      case 'snapshot':
        waiting.get(report.id)?.resolve(report.counters);
        waiting.delete(report.id);
        break;
      case 'stopped':
        break;
    }
  });
  const send = (command: ReceiverCommand, transfer: MessagePort[] = []) =>
    worker.postMessage(command, transfer);
  const ports = await started.promise;
  return {
    ...ports,
    attach: (port) => send({ kind: 'attach', port }, [port]),
    counters: () => {
      if (hasEnded) return Promise.reject(new Error('the receiver thread has ended'));
      const answer = Promise.withResolvers<ReceiverCounters>();
      waiting.set(nextId, answer);
      send({ kind: 'snapshot', id: nextId });
      nextId += 1;
      return answer.promise;
    },
    stop: async () => {
      send({ kind: 'stop' });
      await ended.promise;
    },
    ended: ended.promise,
  };
};

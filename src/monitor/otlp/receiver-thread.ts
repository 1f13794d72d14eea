// SPDX-License-Identifier: Apache-2.0
/**
 * Entry of the receiver's worker thread. Its data is {@link ReceiverThreadData}; it speaks
 * {@link ReceiverCommand} and {@link ReceiverReport} with the main thread.
 */
import { type MessagePort, parentPort, workerData } from 'node:worker_threads';
import { AnalysisLink } from './analysis-link.ts';
import type { ReceiverCommand, ReceiverReport } from './port-messages.ts';
import { type Endpoint, type Receiver, startReceiver } from './receiver.ts';
import type { ReceiverLimits } from './receiver-context.ts';

/** What the thread is started with. */
export interface ReceiverThreadData {
  readonly grpc: Endpoint;
  readonly http: Endpoint;
  readonly limits: Partial<ReceiverLimits>;
}

const run = async (main: MessagePort, data: ReceiverThreadData): Promise<void> => {
  const report = (message: ReceiverReport) => main.postMessage(message);
  const link = new AnalysisLink();
  let receiver: Receiver;
  // A port to the analysis may come before the servers listen.
  const attach = (command: ReceiverCommand) => {
    if (command.kind === 'attach') link.attach(command.port);
  };
  main.on('message', attach);
  try {
    receiver = await startReceiver({ ...data, forward: (job) => link.forward(job) });
  } catch (error) {
    report({ kind: 'failed', message: (error as Error).message });
    main.close();
    return;
  }
  main.on('message', (command: ReceiverCommand) => {
    if (command.kind === 'snapshot') {
      report({ kind: 'snapshot', id: command.id, counters: receiver.counters() });
    } else if (command.kind === 'stop') {
      void receiver.stop().then(() => {
        report({ kind: 'stopped' });
        link.detach();
        main.close();
      });
    }
  });
  report({ kind: 'started', grpcPort: receiver.grpcPort, httpPort: receiver.httpPort });
};

if (parentPort !== null) void run(parentPort, workerData as ReceiverThreadData);

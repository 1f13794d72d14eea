// SPDX-License-Identifier: Apache-2.0
import type { MessagePort } from 'node:worker_threads';
import type { AnswerMessage, ExportJob, ExportMessage, ReceiverAnswer } from './port-messages.ts';

const NOBODY: ReceiverAnswer = { kind: 'unavailable', message: 'the analysis is not running' };
const LOST: ReceiverAnswer = { kind: 'unavailable', message: 'the analysis was lost' };

/**
 * The receiver's end of the port to the analysis worker: matches answers to requests by id. When the
 * worker dies, every open request gets `unavailable`: what became of it is not known.
 */
export class AnalysisLink {
  readonly #open = new Map<number, (answer: ReceiverAnswer) => void>();
  #port: MessagePort | null = null;
  #nextId = 1;

  /** Takes the port to a (new) worker; the requests of the former one are given up. */
  attach(port: MessagePort): void {
    this.detach();
    this.#port = port;
    port.on('message', (message: AnswerMessage) => {
      const resolve = this.#open.get(message.id);
      if (port !== this.#port || resolve === undefined) return;
      this.#open.delete(message.id);
      resolve(message.answer);
    });
    port.on('close', () => {
      if (port === this.#port) this.detach();
    });
  }

  /** Closes the port; open requests get `unavailable`. */
  detach(): void {
    this.#port?.close();
    this.#port = null;
    const open = [...this.#open.values()];
    this.#open.clear();
    for (const resolve of open) resolve(LOST);
  }

  /** Sends a request; its body is moved and must not be used afterwards. Never rejects. */
  forward(job: ExportJob): Promise<ReceiverAnswer> {
    const port = this.#port;
    if (port === null) return Promise.resolve(NOBODY);
    const id = this.#nextId;
    this.#nextId += 1;
    return new Promise((resolve) => {
      this.#open.set(id, resolve);
      const message: ExportMessage = { kind: 'export', id, ...job };
      port.postMessage(message, [job.body]);
    });
  }
}

/**
 * The analysis worker's end: hands each request to `accept` and sends its answer. `accept` must not
 * reject; the receiver bounds how many requests are open.
 */
export const serveExports = (
  port: MessagePort,
  accept: (job: ExportJob) => Promise<ReceiverAnswer>,
): void => {
  port.on('message', (message: ExportMessage) => {
    void accept(message).then((answer) => {
      const reply: AnswerMessage = { kind: 'answer', id: message.id, answer };
      port.postMessage(reply);
    });
  });
};

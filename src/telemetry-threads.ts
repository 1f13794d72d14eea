// SPDX-License-Identifier: Apache-2.0
/**
 * The two threads beside the main one: the OTLP receiver and the analysis worker, joined by a
 * channel of their own, so that telemetry never passes through the main thread. Either one that dies
 * is started again and joined anew; meanwhile senders are told to come back.
 */
import { extname } from 'node:path';
import { MessageChannel, Worker } from 'node:worker_threads';
import { AnalysisHost } from './analysis-host.ts';
import type { AnalysisWorkerData } from './analysis-messages.ts';
import { type Config, flagOf } from './config.ts';
import type { Clock } from './domain/clock.ts';
import type { Log } from './instrumentation/log.ts';
import { DEFAULT_STORE_LIMITS, type StoreLimits } from './knowledge/store.ts';
import type { IngestQueueLimits } from './monitor/ingest-queue.ts';
import type { Endpoint } from './monitor/otlp/receiver.ts';
import type { ReceiverLimits } from './monitor/otlp/receiver-context.ts';
import { type ReceiverHandle, startReceiverThread } from './monitor/otlp/receiver-handle.ts';
import { flatCounters } from './telemetry-counters.ts';
import { ANALYSIS_HEAP_MIB, processMemoryBytes } from './telemetry-memory.ts';

const FIRST_BACKOFF_MS = 100;
const MAX_BACKOFF_MS = 10_000;
const MIB = 2 ** 20;
const STOP_GRACE_MS = 5_000;

/** What went wrong on a telemetry thread, and was mended by starting it again. */
export type TelemetryIncident =
  /** `lostAcknowledged`: rows whose senders had been told that they were accepted. */
  | { readonly kind: 'analysis-reset'; readonly reason: string; readonly lostAcknowledged: number }
  | { readonly kind: 'receiver-died'; readonly reason: string };

/** How to start the telemetry threads. */
export interface TelemetryThreadsOptions {
  readonly clock: Clock;
  readonly grpc: Endpoint;
  readonly http: Endpoint;
  /** `bodyBytes` and `budgetBytes` matter most; the rest has defaults. */
  readonly receiver: Pick<ReceiverLimits, 'bodyBytes' | 'budgetBytes'> & Partial<ReceiverLimits>;
  readonly store?: StoreLimits;
  /** Bounds of what waits in the analysis worker; by default 256 requests and half of the budget. */
  readonly queue?: IngestQueueLimits;
  readonly onIncident: (incident: TelemetryIncident) => void;
  /** Starts an analysis worker; for tests. */
  readonly spawnAnalysis?: (data: AnalysisWorkerData) => Worker;
  /** Starts a receiver thread; for tests. */
  readonly startReceiver?: typeof startReceiverThread;
}

/** The telemetry threads as the main thread holds them. */
export interface TelemetryThreads {
  readonly analysis: AnalysisHost;
  /** The ports that are really open. */
  readonly ports: { readonly grpc: number; readonly http: number };
  /** Counters of both threads as plain numbers by dotted name; what a dead thread counted is missing. */
  counters(): Promise<Readonly<Record<string, number>>>;
  /** Stops receiving, finishes what was received, and ends both threads. */
  stop(): Promise<void>;
}

/** The file of a thread, beside this one: the source in development, the bundle in the image. */
const entry = (path: string): URL =>
  new URL(`${path}${extname(new URL(import.meta.url).pathname)}`, import.meta.url);

const spawnAnalysisWorker = (workerData: AnalysisWorkerData): Worker =>
  new Worker(entry('./analysis-worker'), {
    workerData,
    name: 'analysis',
    resourceLimits: { maxOldGenerationSizeMb: ANALYSIS_HEAP_MIB },
  });

/** Keeps a receiver running on the ports it has got, and joined to the analysis. */
class Telemetry implements TelemetryThreads {
  readonly analysis: AnalysisHost;
  readonly #options: TelemetryThreadsOptions;
  readonly #stopping = new AbortController();
  #receiver: ReceiverHandle | null = null;
  #replacing: Promise<void> = Promise.resolve();
  #receiverDeaths = 0;
  #ports: { readonly grpc: number; readonly http: number };

  constructor(options: TelemetryThreadsOptions) {
    const { clock, receiver, store, queue, spawnAnalysis, onIncident } = options;
    this.#options = options;
    this.#ports = { grpc: options.grpc.port, http: options.http.port };
    this.analysis = new AnalysisHost({
      clock,
      data: {
        limitBytes: receiver.bodyBytes,
        queue: queue ?? { maxJobs: 256, maxBytes: receiver.budgetBytes / 2 },
        store: store ?? DEFAULT_STORE_LIMITS,
      },
      spawn: spawnAnalysis ?? spawnAnalysisWorker,
      onReady: () => this.#join(),
      onReset: (reason, lostAcknowledged) =>
        onIncident({ kind: 'analysis-reset', reason, lostAcknowledged }),
    });
  }

  get ports(): { readonly grpc: number; readonly http: number } {
    return this.#ports;
  }

  async start(): Promise<void> {
    this.analysis.start();
    try {
      await this.#startReceiver();
    } catch (error) {
      await this.analysis.stop(STOP_GRACE_MS);
      throw error;
    }
  }

  async counters(): Promise<Readonly<Record<string, number>>> {
    const { counters, stateResets, lostAcknowledged, failures } = this.analysis.status();
    const receiver = await this.#receiver?.counters().catch(() => null);
    return flatCounters({
      state_resets: stateResets,
      lost_acknowledged: lostAcknowledged,
      receiver_deaths: this.#receiverDeaths,
      detector_failures: failures.reduce((sum, { count }) => sum + count, 0),
      receiver,
      analysis: counters,
    });
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    // A receiver that is just being replaced must not outlive this.
    await this.#replacing;
    await this.#receiver?.stop();
    await this.analysis.stop(STOP_GRACE_MS);
  }

  async #startReceiver(): Promise<void> {
    const { grpc, http, receiver: limits } = this.#options;
    const data = {
      grpc: { ...grpc, port: this.#ports.grpc },
      http: { ...http, port: this.#ports.http },
      limits,
    };
    const startThread = this.#options.startReceiver ?? startReceiverThread;
    const receiver = await startThread(data, entry('./monitor/otlp/receiver-thread'));
    this.#receiver = receiver;
    // A replacement listens where the first one did, also when the configuration said any port.
    this.#ports = { grpc: receiver.grpcPort, http: receiver.httpPort };
    this.#join();
    void receiver.ended.then((error) => {
      this.#receiver = null;
      this.#replacing = this.#replace(error?.message ?? 'it ended by itself');
    });
  }

  /** Starts another receiver until one runs. */
  async #replace(reason: string): Promise<void> {
    let why = reason;
    for (let backoffMs = FIRST_BACKOFF_MS; !this.#stopping.signal.aborted; ) {
      this.#receiverDeaths += 1;
      this.#options.onIncident({ kind: 'receiver-died', reason: why });
      await this.#options.clock.sleep(backoffMs, this.#stopping.signal);
      backoffMs = Math.min(MAX_BACKOFF_MS, 2 * backoffMs);
      if (this.#stopping.signal.aborted) return;
      try {
        await this.#startReceiver();
        return;
      } catch (error) {
        why = error instanceof Error ? error.message : String(error);
      }
    }
  }

  /** Joins the threads by a new channel as soon as both are there. */
  #join(): void {
    if (this.#receiver === null || this.analysis.status().phase !== 'ready') return;
    const { port1, port2 } = new MessageChannel();
    this.analysis.attachReceiver(port1);
    this.#receiver.attach(port2);
  }
}

/**
 * Starts the receiver and the analysis worker. Senders are served as soon as the analysis is ready.
 * @throws when a port cannot be opened; the message names the port and the setting
 */
export const startTelemetryThreads = async (
  options: TelemetryThreadsOptions,
): Promise<TelemetryThreads> => {
  const threads = new Telemetry(options);
  await threads.start();
  return threads;
};

/**
 * Starts the telemetry threads as the configuration says, and writes their incidents to the log.
 * @throws when a port cannot be opened; the message names the port and the setting
 */
export const startTelemetry = ({
  config,
  clock,
  log,
}: {
  readonly config: Config;
  readonly clock: Clock;
  readonly log: Log;
}): Promise<TelemetryThreads> => {
  const receiver = { bodyBytes: config.otlpMaxBody, budgetBytes: config.otlpInFlight };
  const needed = processMemoryBytes({ ...receiver, store: DEFAULT_STORE_LIMITS });
  const given = process.constrainedMemory();
  if (given > 0 && given < needed) {
    log.warn(
      `the memory limit is ${Math.floor(given / MIB)} MiB, but these settings may need ` +
        `${Math.ceil(needed / MIB)} MiB; raise it, or lower ${flagOf('otlpInFlight')} and ${flagOf('otlpMaxBody')}`,
    );
  }
  return startTelemetryThreads({
    clock,
    grpc: { ...config.otlpGrpcAddress, setting: flagOf('otlpGrpcAddress') },
    http: { ...config.otlpHttpAddress, setting: flagOf('otlpHttpAddress') },
    receiver,
    onIncident: (incident) => {
      if (incident.kind === 'analysis-reset') {
        log.error('the analysis worker died; its telemetry is lost and it starts again', {
          component: 'analysis',
          error: incident.reason,
          count: incident.lostAcknowledged,
        });
      } else {
        log.error('the OTLP receiver died and starts again', {
          component: 'receiver',
          error: incident.reason,
        });
      }
    },
  });
};

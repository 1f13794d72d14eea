// SPDX-License-Identifier: Apache-2.0
import type { ReceiverCounters } from './counters.ts';
import { GrpcServer } from './grpc-server.ts';
import { HttpServer } from './http-server.ts';
import {
  DEFAULT_LIMITS,
  type Forward,
  type ReceiverClock,
  ReceiverContext,
  type ReceiverLimits,
} from './receiver-context.ts';

/** Where a server listens. */
export interface Endpoint {
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
  /** The row of the configuration that sets the port, for the message when it cannot be had. */
  readonly setting: string;
}

/** How to start a receiver. */
export interface ReceiverOptions {
  readonly grpc: Endpoint;
  readonly http: Endpoint;
  /** What is not given is as in {@link DEFAULT_LIMITS}. */
  readonly limits?: Partial<ReceiverLimits>;
  /** A sender is acknowledged only for what this says was accepted. */
  readonly forward: Forward;
  readonly clock?: ReceiverClock;
}

/** A receiver that runs. */
export interface Receiver {
  readonly grpcPort: number;
  readonly httpPort: number;
  /** Gives a copy of the counters. */
  counters(): ReceiverCounters;
  /** Refuses new requests, finishes the open ones within the drain timeout, and closes the ports. */
  stop(): Promise<void>;
}

/** A port could not be opened; the message names it and the setting. */
class ListenError extends Error {
  override readonly name = 'ListenError';
  readonly setting: string;

  constructor(endpoint: Endpoint, cause: NodeJS.ErrnoException) {
    const where = `port ${endpoint.port} on ${endpoint.host}`;
    const what =
      cause.code === 'EADDRINUSE'
        ? `${where} is in use`
        : `${where} cannot be opened (${cause.code ?? cause.message})`;
    super(`${what}; set another one with \`${endpoint.setting}\``, { cause });
    this.setting = endpoint.setting;
  }
}

const SYSTEM_CLOCK: ReceiverClock = {
  wallMs: () => Date.now(),
  monoMs: () => performance.now(),
};

const listen = async (server: GrpcServer | HttpServer, endpoint: Endpoint): Promise<number> => {
  try {
    return await server.listen(endpoint.host, endpoint.port);
  } catch (error) {
    throw new ListenError(endpoint, error as NodeJS.ErrnoException);
  }
};

/** Starts both servers. @throws when a port cannot be opened; the message names it and its setting, and nothing listens then */
export const startReceiver = async (options: ReceiverOptions): Promise<Receiver> => {
  const limits = { ...DEFAULT_LIMITS, ...options.limits };
  const context = new ReceiverContext(limits, options.forward, options.clock ?? SYSTEM_CLOCK);
  const grpc = new GrpcServer(context);
  const http = new HttpServer(context);
  const grpcPort = await listen(grpc, options.grpc);
  let httpPort: number;
  try {
    httpPort = await listen(http, options.http);
  } catch (error) {
    await grpc.close();
    throw error;
  }
  return {
    grpcPort,
    httpPort,
    counters: () => structuredClone(context.counters),
    stop: async () => {
      context.isDraining = true;
      await Promise.all([grpc.close(), http.close()]);
    },
  };
};

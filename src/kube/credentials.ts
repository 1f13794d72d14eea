// SPDX-License-Identifier: Apache-2.0
import { createHash } from 'node:crypto';
import { Agent, type Dispatcher, ProxyAgent, Socks5ProxyAgent } from 'undici';
import type { Clock, MonoMs } from '../domain/clock.ts';

/** TLS material as Node's `tls.connect` takes it. */
export interface TlsMaterial {
  readonly ca?: string | Buffer;
  readonly cert?: string | Buffer;
  readonly key?: string | Buffer;
  readonly servername?: string;
  /** False only where a kubeconfig says `insecure-skip-tls-verify`. */
  readonly rejectUnauthorized?: boolean;
}

/** How to prove who we are, at this moment. */
export interface Credentials {
  readonly tls: TlsMaterial;
  /** `authorization` and impersonation headers, lower case. */
  readonly headers: Readonly<Record<string, string>>;
}

/** One API server: where it is and how to get credentials for it. */
export interface Endpoint {
  /** URL with scheme and port; a path is put before every request path. */
  readonly server: string;
  /** `http:`, `https:` or `socks5:` URL of a proxy in between. */
  readonly proxyUrl?: string;
  /** Default namespace of the context or of the pod. */
  readonly namespace: string;
  /** Reads files, or runs the exec plugin, anew. Called about once a minute. */
  loadCredentials(): Promise<Credentials>;
}

/** client-go re-reads a token file each minute, 10 s before the minute ends (transport/token_source.go). */
const RELOAD_AFTER_MS = 50_000;
const RETRY_RELOAD_MS = 10_000;
/** Bound of sockets; each watch holds one. */
const MAX_CONNECTIONS = 128;

function fingerprint(tls: TlsMaterial): string {
  const hash = createHash('sha256');
  for (const part of [tls.ca, tls.cert, tls.key, tls.servername]) {
    hash.update(part === undefined ? '-' : `${part.length}:`).update(part ?? '');
  }
  return hash.update(String(tls.rejectUnauthorized)).digest('hex');
}

function buildDispatcher(endpoint: Endpoint, tls: TlsMaterial): Dispatcher {
  const pool = {
    allowH2: false,
    connections: MAX_CONNECTIONS,
    keepAliveTimeout: 60_000,
    pipelining: 1,
  };
  const socket = { keepAlive: true, keepAliveInitialDelay: 30_000, timeout: 10_000 };
  const { proxyUrl } = endpoint;
  if (proxyUrl === undefined) return new Agent({ ...pool, connect: { ...tls, ...socket } });
  if (proxyUrl.startsWith('socks')) {
    return new Socks5ProxyAgent(proxyUrl.replace(/^socks5?h?:/, 'socks5:'), {
      ...pool,
      requestTls: { ...tls, ...socket },
    });
  }
  return new ProxyAgent({
    ...pool,
    uri: proxyUrl,
    requestTls: { ...tls, ...socket },
    connect: socket,
  });
}

/** What a request needs to leave. */
export interface Connection {
  readonly dispatcher: Dispatcher;
  readonly headers: Readonly<Record<string, string>>;
}

/**
 * Keeps one dispatcher and the current credentials of an endpoint. The dispatcher is built anew only when
 * the bytes of the certificates change; requests that run on the old one end there.
 */
export class ConnectionSource {
  readonly #endpoint: Endpoint;
  readonly #clock: Clock;
  readonly #retired = new Set<Dispatcher>();
  #current: (Connection & { readonly fingerprint: string }) | null = null;
  #reloadAt: MonoMs = Number.NEGATIVE_INFINITY;
  #loading: Promise<Connection> | null = null;

  constructor(endpoint: Endpoint, clock: Clock) {
    this.#endpoint = endpoint;
    this.#clock = clock;
  }

  /** Gives the connection, reading credentials anew when they are old. */
  async get(): Promise<Connection> {
    const current = this.#current;
    if (current !== null && this.#clock.monoMs() < this.#reloadAt) return current;
    try {
      return await this.reload();
    } catch (error) {
      if (current === null) throw error;
      // A token volume is swapped now and then; the old token is good for a while yet.
      this.#reloadAt = this.#clock.monoMs() + RETRY_RELOAD_MS;
      return current;
    }
  }

  /** Reads credentials anew; callers at the same time share one read. */
  reload(): Promise<Connection> {
    this.#loading ??= this.#load().finally(() => {
      this.#loading = null;
    });
    return this.#loading;
  }

  /** Cuts all connections. */
  async close(): Promise<void> {
    const all = [...this.#retired];
    if (this.#current !== null) all.push(this.#current.dispatcher);
    this.#retired.clear();
    await Promise.all(all.map((each) => each.destroy()));
  }

  async #load(): Promise<Connection> {
    const { tls, headers } = await this.#endpoint.loadCredentials();
    this.#reloadAt = this.#clock.monoMs() + RELOAD_AFTER_MS;
    const print = fingerprint(tls);
    const before = this.#current;
    if (before !== null && before.fingerprint === print) {
      this.#current = { ...before, headers };
      return this.#current;
    }
    if (before !== null) this.#retire(before.dispatcher);
    const dispatcher = buildDispatcher(this.#endpoint, tls);
    this.#current = { dispatcher, headers, fingerprint: print };
    return this.#current;
  }

  #retire(dispatcher: Dispatcher): void {
    this.#retired.add(dispatcher);
    // Resolves when the last request on it ended; a watch may take minutes.
    const forget = (): void => {
      this.#retired.delete(dispatcher);
    };
    dispatcher.close().then(forget, forget);
  }
}

// SPDX-License-Identifier: Apache-2.0
// A proxy before an API server that loses, delays, repeats and breaks what passes, by rules and a seed, and
// keeps the history that oracles read. Worked example:
//
//   const proxy = await startFaultProxy({ upstream, seed: 7 });
//   proxy.rules.add({ on: 'after', verb: 'patch', resource: 'leases', nth: 2, fault: { kind: 'reset' } });
//   const transport = createTransport({ endpoint: proxy.endpoint(), ... });
//   ...
//   await proxy.stop();
import http, { type IncomingMessage, type ServerResponse } from 'node:http';
import https from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import type { Endpoint } from '../../../src/kube/credentials.ts';
import { seededRandom } from '../seeded-random.ts';
import { FaultRules, type RequestFault } from './fault-rules.ts';
import { type RequestInfo, readRequest } from './request-info.ts';
import { WatchLines } from './watch-lines.ts';

/** One thing that passed, or did not. */
export interface HistoryEntry {
  readonly seq: number;
  readonly atMs: number;
  /** `reply` is what the server said, whether or not it got back. */
  readonly kind: 'request' | 'reply' | 'line';
  /** Number of the request that it belongs to. */
  readonly request: number;
  readonly info: RequestInfo;
  readonly userAgent: string;
  /** Of a request: its body. Of a line: the line. Of a reply: its body, cut to 64 KiB. */
  readonly text: string;
  /** Of a reply; 0 otherwise. */
  readonly status: number;
  /** Name of the fault that it suffered; empty: none. */
  readonly fault: string;
}

/** What a proxy is made of. */
export interface FaultProxyOptions {
  /** The server behind, with the credentials used for clients that send no token. */
  readonly upstream: Endpoint;
  readonly seed: number;
  /** PEM of the serving certificate and of its authority; absent: the proxy speaks plain HTTP. */
  readonly tls?: { readonly cert: string; readonly key: string; readonly ca: string };
}

/** A running proxy. */
export interface FaultProxy {
  readonly url: string;
  readonly rules: FaultRules;
  readonly history: readonly HistoryEntry[];
  /** Connections opened by clients so far. */
  readonly connections: () => number;
  /** Endpoint for a transport; without a token it acts as the upstream's own user. */
  endpoint(token?: string): Endpoint;
  /** Cuts every connection that is open now. */
  cutAll(): void;
  stop(): Promise<void>;
}

const MAX_REPLY_TEXT = 65_536;

const readAll = async (stream: IncomingMessage): Promise<Buffer> => {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
};

/** Breaks a connection: by a TCP reset, or, under TLS where Node offers none, by closing without goodbye. */
const breakOff = (socket: Socket): void => {
  if (socket instanceof TLSSocket) socket.destroy();
  else socket.resetAndDestroy();
};

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

interface Passing {
  readonly number: number;
  readonly info: RequestInfo;
  readonly userAgent: string;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly body: Buffer;
}

class RunningProxy implements FaultProxy {
  readonly rules: FaultRules;
  readonly history: HistoryEntry[] = [];
  readonly #options: FaultProxyOptions;
  readonly #server: http.Server | https.Server;
  readonly #sockets = new Set<Socket>();
  readonly #upstreamRequests = new Set<http.ClientRequest>();
  #connections = 0;
  #requests = 0;

  constructor(options: FaultProxyOptions) {
    this.#options = options;
    this.rules = new FaultRules(seededRandom(options.seed));
    const handle = (request: IncomingMessage, response: ServerResponse): void => {
      this.#pass(request, response).catch(() => request.socket.destroy());
    };
    const { tls } = options;
    this.#server =
      tls === undefined ? http.createServer(handle) : https.createServer({ ...tls }, handle);
    this.#server.on(tls === undefined ? 'connection' : 'secureConnection', (socket: Socket) => {
      this.#connections += 1;
      this.#sockets.add(socket);
      socket.on('close', () => this.#sockets.delete(socket));
      socket.on('error', () => undefined);
    });
  }

  get url(): string {
    const { port } = this.#server.address() as AddressInfo;
    return `${this.#options.tls === undefined ? 'http' : 'https'}://127.0.0.1:${port}`;
  }

  async listen(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
  }

  connections(): number {
    return this.#connections;
  }

  endpoint(token?: string): Endpoint {
    const headers: Record<string, string> =
      token === undefined ? {} : { authorization: `Bearer ${token}` };
    const { tls, upstream } = this.#options;
    return {
      server: this.url,
      namespace: upstream.namespace,
      loadCredentials: () =>
        Promise.resolve({ tls: tls === undefined ? {} : { ca: tls.ca }, headers }),
    };
  }

  cutAll(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  async stop(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    for (const request of this.#upstreamRequests) request.destroy();
    this.cutAll();
    await closed;
  }

  async #pass(request: IncomingMessage, response: ServerResponse): Promise<void> {
    this.#requests += 1;
    const passing: Passing = {
      number: this.#requests,
      info: readRequest(request.method ?? '', request.url ?? ''),
      userAgent: request.headers['user-agent'] ?? '',
      request,
      response,
      body: await readAll(request),
    };
    const before = this.rules.forRequest('before', passing.info, passing.body.toString('utf8'));
    this.#note(passing, 'request', { text: passing.body.toString('utf8'), fault: before });
    if (before !== null && !(await this.#mayGoOn(passing, before))) return;
    if (before?.kind === 'duplicate') await this.#sendTwice(passing);
    else await this.#answer(passing, await this.#send(passing));
  }

  /** Carries a fault out. @returns false when nothing is left to do */
  async #mayGoOn({ request, response }: Passing, fault: RequestFault): Promise<boolean> {
    switch (fault.kind) {
      case 'drop':
        return false;
      case 'reset':
        breakOff(request.socket);
        return false;
      case 'status':
        this.#refuse(response, fault);
        return false;
      case 'delay':
        await pause(fault.ms);
        return true;
      case 'hold':
        await fault.until;
        return true;
      case 'duplicate':
        return true;
    }
  }

  #refuse(response: ServerResponse, fault: Extract<RequestFault, { kind: 'status' }>): void {
    const { code, reason = `Injected${code}`, retryAfterSeconds } = fault;
    response.writeHead(code, {
      'content-type': 'application/json',
      ...(retryAfterSeconds === undefined ? {} : { 'retry-after': String(retryAfterSeconds) }),
    });
    const message = 'injected by the fault proxy';
    const apiVersion = 'v1';
    response.end(
      JSON.stringify({ kind: 'Status', apiVersion, status: 'Failure', code, reason, message }),
    );
  }

  async #sendTwice(passing: Passing): Promise<void> {
    const first = await this.#send(passing);
    const text = await readAll(first);
    const second = await this.#send(passing);
    const repeated = await readAll(second);
    this.#note(passing, 'reply', {
      text: repeated.toString('utf8'),
      status: second.statusCode ?? 0,
      fault: { kind: 'duplicate' },
    });
    await this.#finish(passing, first, text);
  }

  async #send({ request, response, body }: Passing): Promise<IncomingMessage> {
    const { upstream } = this.#options;
    const credentials = await upstream.loadCredentials();
    const target = new URL(request.url ?? '/', upstream.server);
    const hasToken = request.headers.authorization !== undefined;
    const { cert: _cert, key: _key, ...anonymous } = credentials.tls;
    const { host: _host, connection: _connection, ...headers } = request.headers;
    const own = hasToken ? {} : credentials.headers;
    const send = target.protocol === 'https:' ? https.request : http.request;
    return new Promise((resolve, reject) => {
      const outgoing = send(target, {
        method: request.method,
        headers: { ...headers, ...own },
        agent: false,
        ...(hasToken ? anonymous : credentials.tls),
      });
      this.#upstreamRequests.add(outgoing);
      outgoing.on('close', () => this.#upstreamRequests.delete(outgoing));
      outgoing.on('error', reject);
      outgoing.on('response', resolve);
      response.on('close', () => outgoing.destroy());
      outgoing.end(body);
    });
  }

  async #answer(passing: Passing, answer: IncomingMessage): Promise<void> {
    if (passing.info.verb === 'watch' && answer.statusCode === 200) {
      await this.#stream(passing, answer);
      return;
    }
    await this.#finish(passing, answer, await readAll(answer));
  }

  async #finish(passing: Passing, answer: IncomingMessage, body: Buffer): Promise<void> {
    const after = this.rules.forRequest('after', passing.info, passing.body.toString('utf8'));
    const status = answer.statusCode ?? 0;
    this.#note(passing, 'reply', { text: body.toString('utf8'), status, fault: after });
    if (after !== null && !(await this.#mayGoOn(passing, after))) return;
    const { 'transfer-encoding': _chunked, connection: _connection, ...headers } = answer.headers;
    passing.response.writeHead(status, headers);
    passing.response.end(body);
  }

  async #stream(passing: Passing, answer: IncomingMessage): Promise<void> {
    const { response, request, info } = passing;
    response.writeHead(200, { 'content-type': 'application/json' });
    response.flushHeaders();
    const lines = new WatchLines({
      faultOf: (eventType) => this.rules.forLine(info, eventType),
      note: (text, fault) => this.#note(passing, 'line', { text, fault }),
      write: (text) => response.write(text),
      end: () => response.end(),
      reset: () => breakOff(request.socket),
    });
    try {
      for await (const chunk of answer) await lines.take(chunk as Buffer);
    } catch {
      request.socket.destroy();
      return;
    }
    lines.close();
  }

  #note(
    passing: Passing,
    kind: HistoryEntry['kind'],
    what: { text: string; status?: number; fault: { readonly kind: string } | null },
  ): void {
    this.history.push({
      seq: this.history.length + 1,
      atMs: performance.now(),
      kind,
      request: passing.number,
      info: passing.info,
      userAgent: passing.userAgent,
      text: what.text.slice(0, MAX_REPLY_TEXT),
      status: what.status ?? 0,
      fault: what.fault?.kind ?? '',
    });
  }
}

/** Starts a proxy on a free port of the loopback interface. */
export async function startFaultProxy(options: FaultProxyOptions): Promise<FaultProxy> {
  const proxy = new RunningProxy(options);
  await proxy.listen();
  return proxy;
}

// SPDX-License-Identifier: Apache-2.0
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { Endpoint } from '../../../src/kube/credentials.ts';

/** A real HTTP server that a test scripts. */
export interface ScriptedServer {
  readonly endpoint: Endpoint;
  /** Requests in the order of their arrival, with their bodies. */
  readonly requests: {
    method: string;
    url: string;
    headers: IncomingMessage['headers'];
    body: string;
  }[];
  /** Connections opened so far. */
  readonly connections: () => number;
  answer: (request: IncomingMessage, response: ServerResponse, index: number) => void;
  stop(): Promise<void>;
}

export const json = (response: ServerResponse, body: unknown, status = 200, headers = {}): void => {
  response.writeHead(status, { 'content-type': 'application/json', ...headers });
  response.end(JSON.stringify(body));
};

/** Starts a server on a free port of the loopback interface. */
export async function startScriptedServer(): Promise<ScriptedServer> {
  const sockets = new Set<Socket>();
  let connections = 0;
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const { method = '', url = '', headers } = request;
      const body = Buffer.concat(chunks).toString('utf8');
      scripted.requests.push({ method, url, headers, body });
      scripted.answer(request, response, scripted.requests.length - 1);
    });
  });
  server.on('connection', (socket) => {
    connections += 1;
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => undefined);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const scripted: ScriptedServer = {
    endpoint: {
      server: `http://127.0.0.1:${port}`,
      namespace: 'default',
      loadCredentials: () => Promise.resolve({ tls: {}, headers: { authorization: 'Bearer one' } }),
    },
    requests: [],
    connections: () => connections,
    answer: (_request, response) => json(response, {}),
    stop: () => {
      for (const socket of sockets) socket.destroy();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
  return scripted;
}

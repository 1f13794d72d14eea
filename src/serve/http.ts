// SPDX-License-Identifier: Apache-2.0
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';

/** What the operator says about itself; each answer is computed at the time of the request. */
export interface Probes {
  /** False: the process should be restarted. The text says why. */
  healthy(): { readonly ok: boolean; readonly message: string };
  /** False: telemetry should not be sent here now. */
  ready(): { readonly ok: boolean; readonly message: string };
  /** Metrics in Prometheus text format. */
  metrics(): Promise<{ readonly contentType: string; readonly body: string }>;
}

const answer = (
  response: ServerResponse,
  status: number,
  body: string,
  contentType = 'text/plain; charset=utf-8',
): void => {
  response.writeHead(status, {
    'content-type': contentType,
    'content-length': Buffer.byteLength(body),
  });
  response.end(body);
};

const handle = async (probes: Probes, request: IncomingMessage, response: ServerResponse) => {
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    answer(response, 405, 'only GET is served here\n');
    return;
  }
  const path = (request.url ?? '/').split('?', 1)[0];
  if (path === '/metrics') {
    const { contentType, body } = await probes.metrics();
    answer(response, 200, body, contentType);
    return;
  }
  if (path === '/healthz' || path === '/readyz') {
    const { ok, message } = path === '/healthz' ? probes.healthy() : probes.ready();
    answer(response, ok ? 200 : 503, `${message}\n`);
    return;
  }
  answer(response, 404, 'served here: /healthz /readyz /metrics\n');
};

/**
 * Serves /healthz, /readyz and /metrics.
 * @returns the listening server and its port, which differs from the asked one when that was 0
 * @throws the listen error, for example EADDRINUSE
 */
export const startHttp = async (
  address: { readonly host: string; readonly port: number },
  probes: Probes,
): Promise<{ readonly server: Server; readonly port: number; close(): Promise<void> }> => {
  const server = createServer(
    { requestTimeout: 10_000, headersTimeout: 5_000 },
    (request, response) => {
      handle(probes, request, response).catch(() => {
        if (!response.headersSent) answer(response, 500, 'internal error, see the log\n');
      });
    },
  );
  server.maxConnections = 128;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(address.port, address.host, resolve);
  });
  const bound = server.address();
  return {
    server,
    port: typeof bound === 'object' && bound !== null ? bound.port : address.port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
};

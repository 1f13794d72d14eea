// SPDX-License-Identifier: Apache-2.0
// The program of the rig's own tests, run in pods: serves /healthz, takes memory on demand, and
// tells what it sees from inside.
//   /grow?mib=N     takes N MiB of anonymous memory and touches all of it
//   /fetch?url=U    answers with status and text of U as seen from the pod
//   /api?path=P     answers with status and text of the API server, asked as the pod's account
//   /started        tells when this process started
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';

const MIB = 1024 * 1024;
const held: Buffer[] = [];

const fetchText = async (url: string, headers: Record<string, string>): Promise<string> => {
  const response = await fetch(url, { headers, signal: AbortSignal.timeout(5000) });
  return `${response.status} ${await response.text()}`;
};

const answer = async (url: URL): Promise<string> => {
  switch (url.pathname) {
    case '/healthz':
      return 'ok';
    case '/started':
      return String(performance.timeOrigin);
    case '/grow':
      held.push(Buffer.alloc(Number(url.searchParams.get('mib')) * MIB, 1));
      return `${held.length}`;
    case '/fetch':
      return fetchText(url.searchParams.get('url') ?? '', {});
    case '/api': {
      const token = await readFile('/var/run/secrets/kubernetes.io/serviceaccount/token', 'utf8');
      const target = `https://kubernetes.default.svc${url.searchParams.get('path') ?? '/'}`;
      return fetchText(target, { authorization: `Bearer ${token}` });
    }
    default:
      return `hello from ${process.env['HOSTNAME']}`;
  }
};

const server = createServer((request, response) => {
  answer(new URL(request.url ?? '/', 'http://pod')).then(
    (text) => response.end(text),
    (error: unknown) => {
      response.statusCode = 500;
      const cause = error instanceof Error ? error.cause : undefined;
      response.end(`${error} ${cause instanceof Error ? cause.message : ''}`);
    },
  );
});
server.listen(8080);
process.on('SIGTERM', () => {
  process.exit(0);
});

// SPDX-License-Identifier: Apache-2.0
// Reaches ports inside another network namespace. A process in that namespace takes over sockets
// that listen in ours: it accepts here and connects there. So no interface, route or firewall of
// the machine is touched.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import type { Watchdog } from './watchdog.ts';

/** Makes ports of a network namespace reachable on loopback of the machine. */
export interface NamespaceForward {
  /** Returns the local port that reaches the given port; always the same one for the same port. */
  reach(port: number, host?: string): Promise<number>;
  close(): void;
}

/** Tells the forwarder where the connections of a handed over socket go. */
export interface ForwardTarget {
  readonly host: string;
  readonly port: number;
}

const listen = async (): Promise<{ server: Server; port: number }> => {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  return { server, port: typeof address === 'object' && address !== null ? address.port : 0 };
};

const handOver = (child: ChildProcess, target: ForwardTarget, server: Server): Promise<void> =>
  new Promise((resolve, reject) => {
    child.send(target, server, (error) => {
      server.close();
      if (error === null) resolve();
      else reject(error);
    });
  });

/**
 * Starts a forwarder behind the command prefix that enters the namespace, for example
 * `['nsenter', '--net=/run/netns/x']`. It ends with this process.
 */
export const startNamespaceForward = (
  enter: readonly string[],
  watchdog: Watchdog,
): NamespaceForward => {
  const script = join(import.meta.dirname, 'namespace-forwarder.ts');
  const [file = '', ...args] = [...enter, process.execPath, script];
  const child = spawn(file, args, {
    env: { ...process.env, ...watchdog.environment },
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    detached: true,
  });
  if (child.pid !== undefined) watchdog.add(child.pid);
  child.on('error', () => undefined);
  child.unref();
  child.channel?.unref();
  const ports = new Map<string, Promise<number>>();
  const open = async (target: ForwardTarget): Promise<number> => {
    const { server, port } = await listen();
    await handOver(child, target, server);
    return port;
  };
  return {
    reach: (port, host = '127.0.0.1') => {
      const key = `${host} ${port}`;
      const known = ports.get(key) ?? open({ host, port });
      ports.set(key, known);
      return known;
    },
    close: () => {
      child.kill('SIGKILL');
    },
  };
};

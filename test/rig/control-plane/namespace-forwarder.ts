// SPDX-License-Identifier: Apache-2.0
// Runs inside a network namespace (see namespace-forward.ts): accepts on sockets that it is handed,
// connects to a target in the namespace, and ends when the process that started it has gone.
import { connect, type Server, type Socket } from 'node:net';
import type { ForwardTarget } from './namespace-forward.ts';

const join = (from: Socket, to: Socket): void => {
  from.pipe(to);
  to.pipe(from);
  from.on('error', () => to.destroy());
  to.on('error', () => from.destroy());
};

process.on('message', (target: ForwardTarget, server: Server | undefined) => {
  server?.on('connection', (socket: Socket) => join(socket, connect(target.port, target.host)));
});
process.on('disconnect', () => process.exit(0));

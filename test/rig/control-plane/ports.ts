// SPDX-License-Identifier: Apache-2.0
import { createServer } from 'node:net';

/**
 * Returns a TCP port that is free at this moment. Another process may take it before it is used:
 * who starts a server on it must try again with another one when the bind fails.
 */
export const freePort = (host = '127.0.0.1'): Promise<number> =>
  new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, host, () => {
      const address = server.address();
      const port = typeof address === 'object' && address !== null ? address.port : 0;
      server.close(() => resolve(port));
    });
  });

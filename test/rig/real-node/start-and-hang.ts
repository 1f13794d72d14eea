// SPDX-License-Identifier: Apache-2.0
// Started by a test in a process of its own, to be killed there: starts a node with the name given,
// says so, and then holds it for ever.
import { startRealNode } from './start-real-node.ts';

const cluster = await startRealNode({
  name: process.argv[2] ?? 'hang',
  dns: false,
  kubeProxy: false,
  metricsServer: false,
});
console.log(JSON.stringify({ nodeName: cluster.nodeName, nodeIp: cluster.nodeIp }));
setInterval(() => undefined, 60_000);

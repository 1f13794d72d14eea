// SPDX-License-Identifier: Apache-2.0
// Is killed by crash.test.ts: starts a control plane, says what it started, and waits.
import { startControlPlane } from './start-control-plane.ts';

const components = ['etcd', 'kube-apiserver'] as const;
const cluster = await startControlPlane({ name: 'crash', components });
const pids = components.map((name) => cluster.component(name).pid);
process.send?.({ dir: cluster.dir, pids });
// The channel to the parent keeps this process alive.
process.on('message', () => undefined);

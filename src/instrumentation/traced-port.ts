// SPDX-License-Identifier: Apache-2.0
import type { ClusterPort } from '../domain/cluster.ts';
import type { DecisionTracer } from './trace.ts';

/** Makes each request a span of the decision that it belongs to. */
export const tracedPort = (cluster: ClusterPort, tracer: DecisionTracer): ClusterPort => ({
  send: async (request, signal) => {
    const { verb, resource, subresource, name = '', dryRun = false } = request;
    const path = subresource === undefined ? resource : `${resource}/${subresource}`;
    const span = tracer
      .current()
      .child(`${verb} ${path}`, { 'k8s.object.name': name, 'k8s.dry_run': dryRun });
    const reply = await cluster.send(request, signal);
    span.end({ ok: reply.kind === 'ok', message: reply.kind });
    return reply;
  },
});

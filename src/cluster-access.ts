// SPDX-License-Identifier: Apache-2.0
/** Everything of one process that speaks to the API server, put together once. */
import type { Config } from './config.ts';
import type { Clock } from './domain/clock.ts';
import type { ClusterPort, Leadership } from './domain/cluster.ts';
import { highestRecordEpoch } from './execute/adopt.ts';
import type { Log } from './instrumentation/log.ts';
import type { Metrics } from './instrumentation/metrics.ts';
import type { DecisionTracer } from './instrumentation/trace.ts';
import { tracedPort } from './instrumentation/traced-port.ts';
import type { Guard } from './kube/apply.ts';
import { createClusterPort } from './kube/cluster-port.ts';
import type { Endpoint } from './kube/credentials.ts';
import { EventRecorder } from './kube/events.ts';
import { LeaseElection, type LeaseOptions } from './kube/lease.ts';
import { requestTarget } from './kube/request-target.ts';
import { createTransport, type Transport } from './kube/transport.ts';
import { Watches } from './loop/controllers/watches.ts';
import { Denials } from './loop/denials.ts';
import { scopedLists } from './loop/scoped-lists.ts';
import { observeRequest } from './observers.ts';
import { VERSION } from './version.ts';

/** What the access is made of. */
export interface ClusterAccessOptions {
  readonly config: Config;
  readonly endpoint: Endpoint;
  readonly identity: string;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly tracer: DecisionTracer;
  /** What a term does, and what is told when it ends. */
  readonly term: Pick<LeaseOptions, 'onStartedLeading' | 'onStoppedLeading'>;
}

/** The parts, as the operator uses them. */
export interface ClusterAccess {
  readonly transport: Transport;
  readonly cluster: ClusterPort;
  readonly election: LeaseElection;
  readonly leadership: Leadership;
  readonly events: EventRecorder;
  readonly watches: Watches;
  readonly denials: Denials;
  readonly writeDeadlineMs: number;
}

const createElection = (
  options: ClusterAccessOptions,
  transport: Transport,
  highestEpoch: () => Promise<number | null>,
): LeaseElection => {
  const { config, identity, clock, log, term } = options;
  return new LeaseElection({
    ...term,
    transport,
    clock,
    random: Math.random,
    namespace: config.namespace,
    name: config.leaseName,
    identity,
    times: {
      leaseMs: config.leaseDuration,
      renewDeadlineMs: config.renewDeadline,
      retryMs: config.retryPeriod,
    },
    highestRecordedEpoch: async () => {
      const epoch = await highestEpoch();
      if (epoch === null) throw new Error('the records cannot be read: no term may begin');
      return epoch;
    },
    onNewLeader: (holder) => log.info('leader seen', { detail: holder }),
    onError: (error) => log.warn('election attempt failed', { error: String(error) }),
  });
};

/** Puts the access together; nothing is sent before the election and the watches are started. */
export const createClusterAccess = (options: ClusterAccessOptions): ClusterAccess => {
  const { config, endpoint, identity, clock, log, metrics, tracer } = options;
  const leadership: Leadership = {
    identity,
    leaseName: config.leaseName,
    epoch: () => election.epoch(),
    mayWrite: () => election.mayWrite(),
  };
  // Heard of every answer, so that no missing right goes unreported, whoever made the call.
  const denials = new Denials(clock, (sentence) =>
    log.error('the API server forbids a call', { detail: sentence }),
  );
  const transport = createTransport({
    endpoint,
    clock,
    userAgent: () => `homeostat/${VERSION} (${identity}; epoch=${leadership.epoch() ?? 0})`,
    requestLog: (entry) => {
      observeRequest(metrics, entry);
      const target = requestTarget(entry.method, entry.path);
      if (target !== null) denials.answered(target, entry.status);
    },
  });
  const writeDeadlineMs = config.leaseDuration / 5;
  const guard: Guard = {
    writeDeadlineMs,
    signal: new AbortController().signal,
    check: () => election.fence().check(),
  };
  const port = createClusterPort(transport, guard);
  const cluster = scopedLists(tracedPort(port, tracer), config.watchNamespaces);
  const election = createElection(options, transport, () => highestRecordEpoch({ cluster, clock }));
  return {
    transport,
    cluster,
    election,
    leadership,
    events: new EventRecorder({
      transport,
      clock,
      random: Math.random,
      controller: 'homeostat.dev/operator',
      instance: identity,
      guard: () => (election.epoch() === null ? null : election.fence()),
    }),
    watches: new Watches({ transport, clock, log, namespaces: config.watchNamespaces }),
    denials,
    writeDeadlineMs,
  };
};

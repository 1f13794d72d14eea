// SPDX-License-Identifier: Apache-2.0
/** One process: telemetry threads, access to the API server, executor, loop, health endpoints. */
import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { type ClusterAccess, createClusterAccess } from './cluster-access.ts';
import type { Config } from './config.ts';
import { Executor } from './execute/executor.ts';
import type { Log } from './instrumentation/log.ts';
import { createMetrics, type Metrics } from './instrumentation/metrics.ts';
import { systemClock } from './instrumentation/system-clock.ts';
import { createTracer, type DecisionTracer, noTracer } from './instrumentation/trace.ts';
import { ResourceMetricsStore } from './knowledge/resource-metrics.ts';
import type { Endpoint } from './kube/credentials.ts';
import type { StopReason } from './kube/lease.ts';
import { createClusterState } from './loop/cluster-state.ts';
import { takeLeaderLabel } from './loop/controllers/leader-label.ts';
import { runTerm } from './loop/controllers/term.ts';
import type { Watches } from './loop/controllers/watches.ts';
import { holdBackForbidden } from './loop/hold-back.ts';
import { Loop } from './loop/loop.ts';
import { observeEvidence, observeExecution, observeLoop, tracePhases } from './observers.ts';
import { judge } from './plan/judge.ts';
import { strategies } from './plan/strategies/index.ts';
import { type Probes, startHttp } from './serve/http.ts';
import { startTelemetry, type TelemetryThreads } from './telemetry-threads.ts';

const ROUND_MS = 1_000;
/** Changes that come in a burst are looked at together. */
const DEBOUNCE_MS = 100;
const LABEL_RETRY_MS = 1_000;
const MAX_LABEL_RETRY_MS = 30_000;
const clock = systemClock;

/** A running operator. */
export interface Operator {
  /** Ports that were bound, also when 0 was asked for. */
  readonly ports: { readonly grpc: number; readonly http: number; readonly health: number };
  /** Resolves when the process should exit, with the reason. */
  readonly ended: Promise<StopReason>;
  /** Ends the term, releases the Lease, drains the receivers. */
  stop(): Promise<void>;
}

/** Waits for a change or the next round, whichever comes first. */
const nextRound = async (watches: Watches, signal: AbortSignal): Promise<void> => {
  const woken = new AbortController();
  const stop = watches.onChange(() => woken.abort());
  await clock.sleep(ROUND_MS, AbortSignal.any([signal, woken.signal]));
  stop();
  if (woken.signal.aborted) await clock.sleep(DEBOUNCE_MS, signal);
};

interface Parts {
  readonly config: Config;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly tracer: DecisionTracer;
  readonly telemetry: TelemetryThreads;
  /** Aborted when a record is met that belongs to a newer leader. */
  readonly fenced: AbortController;
}

const createLoop = (
  { config, log, metrics, tracer, telemetry, fenced }: Parts,
  access: ClusterAccess,
): Loop => {
  const { cluster, leadership, events, watches, denials, writeDeadlineMs } = access;
  const { analysis } = telemetry;
  const resourceMetrics = new ResourceMetricsStore();
  const execution = new Executor(
    {
      cluster,
      analysis,
      clock,
      leadership,
      metrics: resourceMetrics,
      judge,
      observer: observeExecution({
        ...{ metrics, log, events, traces: tracePhases(tracer) },
        onFenced: () => fenced.abort(),
      }),
      podsChanged: (namespace, signal) => watches.podsChanged(namespace, signal),
    },
    { operatorNamespace: config.namespace, operatorMaxMode: config.maxMode, writeDeadlineMs },
  );
  return new Loop(
    {
      clock,
      state: createClusterState(watches.raw),
      cluster: holdBackForbidden(cluster, clock),
      analysis,
      leadership,
      execution,
      events,
      metrics: resourceMetrics,
      strategies,
      log,
      tracer,
      denials: () => denials.list(),
      detectorFailures: () => analysis.status().failures,
      observer: observeLoop(metrics, () => fenced.abort()),
    },
    {
      operatorMaxMode: config.maxMode,
      resourceMetricsIntervalMs: config.resourceMetricsInterval,
    },
  );
};

const probes = (
  { metrics, telemetry }: Parts,
  { election, watches, denials }: ClusterAccess,
): Probes => ({
  healthy: () =>
    election.isOverdue
      ? { ok: false, message: 'the lease is overdue and this process still runs' }
      : { ok: true, message: 'ok' },
  ready: () => {
    const missing = watches.missing();
    const forbidden = denials.list();
    const rights = forbidden.length > 0 ? `; it ${forbidden.join('; ')}` : '';
    return missing.length > 0
      ? { ok: false, message: `waiting for the first list of: ${missing.join(', ')}${rights}` }
      : { ok: true, message: `ok${rights}` };
  },
  metrics: async () => {
    for (const [name, value] of Object.entries(await telemetry.counters())) {
      metrics.telemetry.set({ counter: name }, value);
    }
    return { contentType: metrics.registry.contentType, body: await metrics.registry.metrics() };
  },
});

/** Labels the own pod as the leader's, again and again until it is done. */
const labelUntilDone = async (parts: Parts, access: ClusterAccess, signal: AbortSignal) => {
  const { namespace, podName } = parts.config;
  for (let pauseMs = LABEL_RETRY_MS; podName !== '' && !signal.aborted; ) {
    if (await takeLeaderLabel(access.cluster, parts.log, { namespace, podName })) return;
    await clock.sleep(pauseMs, signal);
    pauseMs = Math.min(MAX_LABEL_RETRY_MS, pauseMs * 2);
  }
};

/**
 * Starts an operator.
 * @throws when it cannot start: a port in use, or settings that do not fit together
 */
export const startOperator = async (
  config: Config,
  endpoint: Endpoint,
  log: Log,
): Promise<Operator> => {
  const identity = config.identity || `${hostname()}_${randomUUID()}`;
  const metrics = createMetrics();
  const tracer =
    config.traceEndpoint === '' ? noTracer : await createTracer(config.traceEndpoint, identity);
  const telemetry = await startTelemetry({ config, clock, log });
  telemetry.analysis.onEvidence(observeEvidence(metrics));
  const fenced = new AbortController();
  const parts: Parts = { config, log, metrics, tracer, telemetry, fenced };
  const term = {
    onStartedLeading: async (epoch: number, signal: AbortSignal) => {
      log.info('leading', { epoch });
      metrics.leader.set(1);
      metrics.epoch.set(epoch);
      const label = (ending: AbortSignal) => labelUntilDone(parts, access, ending);
      await runTerm({ loop, label, signal, fenced: fenced.signal });
    },
    onStoppedLeading: (reason: StopReason) => {
      log.info('no longer leading', { reason });
      metrics.leader.set(0);
      metrics.epoch.set(0);
    },
  };
  const access = createClusterAccess({
    config,
    endpoint,
    identity,
    clock,
    log,
    metrics,
    tracer,
    term,
  });
  const loop = createLoop(parts, access);
  const { election, watches, events, transport } = access;
  const health = await startHttp(config.httpAddress, probes(parts, access));
  events.start();
  const stopping = new AbortController();
  const rounds = async (): Promise<void> => {
    await watches.start();
    log.info('every collection is watched');
    while (!stopping.signal.aborted) {
      await loop.round();
      await nextRound(watches, stopping.signal);
    }
  };
  const running = rounds().catch((error: unknown) => {
    if (!stopping.signal.aborted) log.error('watches ended', { error: String(error) });
  });
  return {
    ports: { ...telemetry.ports, health: health.port },
    ended: election.run(),
    stop: async () => {
      await election.stop();
      stopping.abort();
      await Promise.all([watches.stop(), running, telemetry.stop(), health.close()]);
      await events.stop();
      await tracer.stop();
      await transport.close();
    },
  };
};

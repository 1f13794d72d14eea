// SPDX-License-Identifier: Apache-2.0
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';

/**
 * The operator's own metrics. Names are `homeostat_<noun>_<unit>`; every label value comes from a
 * closed list, so cardinality is bounded by construction.
 */
export const createMetrics = () => {
  const registers = [new Registry()];
  const registry = registers[0] as Registry;
  collectDefaultMetrics({ register: registry });
  const counter = <L extends string>(name: string, help: string, labelNames: readonly L[]) =>
    new Counter<L>({ name, help, labelNames: [...labelNames], registers });
  const gauge = <L extends string>(name: string, help: string, labelNames: readonly L[]) =>
    new Gauge<L>({ name, help, labelNames: [...labelNames], registers });
  return {
    registry,
    /** 1 while this process leads. */
    leader: gauge('homeostat_leader', '1 while this process holds the Lease.', []),
    epoch: gauge('homeostat_epoch', 'Fencing epoch of the present term, 0 when not leading.', []),
    policies: gauge('homeostat_policies', 'HealingPolicies by effective mode.', ['mode']),
    evidence: counter('homeostat_evidence_total', 'Evidence by detector and class.', [
      'detector',
      'classification',
    ]),
    decisions: counter('homeostat_decisions_total', 'Decisions by result and reason.', [
      'result',
      'reason',
    ]),
    actions: counter('homeostat_actions_total', 'HealingActions that ended, by phase.', [
      'action',
      'phase',
    ]),
    apiRequests: counter('homeostat_api_requests_total', 'Requests to the API server.', [
      'verb',
      'resource',
      'code',
    ]),
    apiSeconds: new Histogram({
      name: 'homeostat_api_request_seconds',
      help: 'Duration of requests to the API server.',
      labelNames: ['verb'],
      buckets: [0.005, 0.02, 0.1, 0.5, 2, 10],
      registers,
    }),
    /** Counters of the telemetry side, copied from plain numbers at scrape time. */
    telemetry: gauge('homeostat_telemetry_count', 'Counters of ingestion and knowledge.', [
      'counter',
    ]),
    detectSeconds: new Histogram({
      name: 'homeostat_evidence_to_api_call_seconds',
      help: 'Time from firing evidence to the effect on the API server.',
      buckets: [0.1, 0.5, 1, 5, 15, 60, 300],
      registers,
    }),
  };
};

/** The metrics of one process. */
export type Metrics = ReturnType<typeof createMetrics>;

// SPDX-License-Identifier: Apache-2.0
/** What the parts tell about themselves, turned into metrics, logs and Events. */
import type { HealingAction } from './api/healing-action.ts';
import type { EventSink } from './domain/cluster.ts';
import type { Evidence } from './domain/evidence.ts';
import type { ExecutionObserver } from './execute/ports.ts';
import { isOpen, phaseOf } from './execute/record.ts';
import type { Log } from './instrumentation/log.ts';
import type { Metrics } from './instrumentation/metrics.ts';
import type { DecisionSpan, DecisionTracer } from './instrumentation/trace.ts';
import { requestTarget } from './kube/request-target.ts';
import type { RequestLogEntry } from './kube/transport.ts';
import type { LoopObserver } from './loop/ports.ts';

/** Counts one attempt of a request to the API server. */
export const observeRequest = (metrics: Metrics, entry: RequestLogEntry): void => {
  metrics.apiRequests.inc({
    verb: entry.method,
    resource: requestTarget(entry.method, entry.path)?.resource.split('/')[0] ?? '',
    code: entry.status === 0 ? entry.reason : String(entry.status),
  });
  if (entry.method !== 'WATCH')
    metrics.apiSeconds.observe({ verb: entry.method }, entry.durationMs / 1000);
};

/** Counts the evidence of each analysis round. */
export const observeEvidence =
  (metrics: Metrics) =>
  (found: readonly Evidence[]): void => {
    for (const { detector, classification } of found) {
      metrics.evidence.inc({ detector, classification });
    }
  };

/**
 * Counts decisions and outcomes.
 * @param onFenced called when this process turns out not to be the newest leader
 */
export const observeLoop = (metrics: Metrics, onFenced: () => void): LoopObserver => ({
  fenced: onFenced,
  decided: (result, reason) => metrics.decisions.inc({ result, reason }),
  ended: (record) =>
    metrics.actions.inc({
      action: Object.keys(record.spec.action)[0] ?? '',
      phase: phaseOf(record),
    }),
  policies: (byMode) => {
    for (const [mode, count] of Object.entries(byMode)) metrics.policies.set({ mode }, count);
  },
});

const eventOf = (record: HealingAction): { reason: string; note: string; isWarning: boolean } => {
  const phase = phaseOf(record);
  const { reason = '', message = '' } = record.status ?? {};
  const notes: Readonly<Record<string, string>> = {
    Planned: `${record.spec.mode === 'DryRun' ? 'would restart' : 'restart planned'}: ${record.spec.cause.summary}`,
    Executing: 'evicting the pod',
    Settling: 'evicted, waiting for the replacement',
    Verifying: 'the replacement is Ready, verifying the effect',
  };
  return {
    reason: `Healing${phase}`,
    note: notes[phase] ?? `${reason}: ${message}`,
    isWarning: phase === 'Failed' || phase === 'Inconclusive' || phase === 'Blocked',
  };
};

/**
 * Writes each change of phase into the trace of its decision, and the verification as a span of it,
 * from the replacement being Ready to the verdict.
 */
export const tracePhases = (
  tracer: DecisionTracer,
): Required<Pick<ExecutionObserver, 'phaseChanged'>> => {
  const verifications = new Map<string, DecisionSpan>();
  return {
    phaseChanged: (record, previous) => {
      const { uid, name } = record.metadata;
      const phase = phaseOf(record);
      const { reason = '', message = '', verification } = record.status ?? {};
      tracer.current().event('phase', {
        'homeostat.action': name,
        'homeostat.phase': phase,
        'homeostat.phase.previous': previous ?? '',
        'homeostat.reason': reason,
      });
      if (phase === 'Verifying') {
        verifications.set(uid, tracer.current().child('verify', { 'homeostat.action': name }));
      }
      if (isOpen(record)) return;
      const span = verifications.get(uid);
      verifications.delete(uid);
      span?.event('verdict', {
        'homeostat.verdict': verification?.verdict ?? '',
        'homeostat.samples': verification?.samples ?? 0,
        'homeostat.time_to_oom.before': verification?.beforeTimeToOom ?? '',
        'homeostat.time_to_oom.after': verification?.afterTimeToOom ?? '',
      });
      span?.end({ ok: phase === 'Succeeded', message });
    },
  };
};

/** Logs each change of phase, traces it, and tells it as an Event on the target. */
export const observeExecution = ({
  metrics,
  log,
  events,
  traces,
  onFenced,
}: {
  readonly metrics: Metrics;
  readonly log: Log;
  readonly events: EventSink;
  readonly traces: ReturnType<typeof tracePhases>;
  /** Called when this process turns out not to be the newest leader. */
  readonly onFenced: () => void;
}): ExecutionObserver => ({
  phaseChanged: (record, previous) => {
    traces.phaseChanged(record, previous);
    const { target, cause } = record.spec;
    const phase = phaseOf(record);
    const { reason, note, isWarning } = eventOf(record);
    log.info('action phase', {
      action: record.metadata.name,
      entity: `${target.namespace}/${target.name}`,
      reason: previous === null ? phase : `${previous} to ${phase}`,
      detail: record.status?.message ?? '',
    });
    if (phase === 'Settling' && record.status?.actedAt !== undefined) {
      const seconds = (Date.parse(record.status.actedAt) - Date.parse(cause.observedAt)) / 1000;
      metrics.detectSeconds.observe(Math.max(0, seconds));
    }
    events.emit({
      type: isWarning ? 'Warning' : 'Normal',
      reason,
      action: Object.keys(record.spec.action)[0] ?? 'heal',
      note: note.slice(0, 1024),
      regarding: {
        apiVersion: 'v1',
        kind: 'Pod',
        namespace: target.namespace,
        name: target.name,
        uid: target.uid,
      },
    });
  },
  writeRefused: (record, status, message) =>
    log.error('a record cannot be written', {
      action: record.metadata.name,
      reason: String(status),
      error: message,
    }),
  fenced: (record) => {
    log.error('a newer leader owns this record', { action: record.metadata.name });
    onFenced();
  },
});

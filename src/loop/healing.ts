// SPDX-License-Identifier: Apache-2.0
/**
 * From firing evidence to a record: diagnose, make sure the incident stands, let the strategies
 * propose, submit each plan. What was refused is told once, and proposed again later.
 */
import { diagnose } from '../analyze/diagnose.ts';
import type { HealingPolicy, Mode } from '../api/healing-policy.ts';
import { API_VERSION } from '../api/scalars.ts';
import type { Evidence } from '../domain/evidence.ts';
import type { Diagnosis, Plan } from '../domain/healing.ts';
import type { Submission } from '../execute/ports.ts';
import { isOpen } from '../execute/record.ts';
import { effectiveMode } from '../plan/effective-mode.ts';
import type { WatchedPolicy } from './bindings.ts';
import type { Drives } from './drives.ts';
import type { EvidenceBook } from './evidence-book.ts';
import { isFinal } from './incident-status.ts';
import type { LoopOptions, LoopPorts } from './ports.ts';
import type { Refusals } from './refusals.ts';

/** Reasons that a person should see even when nothing else is wrong. */
const WARNINGS: ReadonlySet<string> = new Set([
  'Recurrence',
  'StormActive',
  'BreakerOpen',
  'BudgetExhausted',
  'RBACDenied',
  'DryRunRefused',
  'NotCorroborated',
]);

/** Refusals that say nothing about the other pods of the workload. */
const ABOUT_ONE_TARGET: ReadonlySet<string> = new Set([
  'NotCorroborated',
  'StaleData',
  'TargetChanged',
]);

/** What the healing round shares with the other parts of the loop. */
export interface HealingParts {
  readonly book: EvidenceBook;
  readonly refusals: Refusals;
  readonly drives: Drives;
}

/** The mode of a policy now; a namespace that was not seen counts as the strictest. */
export const modeOf = (ports: LoopPorts, options: LoopOptions, policy: HealingPolicy): Mode => {
  const annotations = ports.state.namespaceAnnotations(policy.metadata.namespace);
  if (annotations === null) return 'Observe';
  return effectiveMode({
    specMode: policy.spec.mode,
    operatorMaxMode: options.operatorMaxMode,
    namespaceAnnotations: annotations,
  });
};

/** A diagnosis of one life of a container, as the API server counts its lives. */
interface Life {
  readonly diagnosis: Diagnosis;
  readonly restartCount: number;
}

/** The policy may have been edited since: only what it asks for now counts. */
const isAsked = ({ spec }: HealingPolicy, { trigger, detector }: Evidence): boolean =>
  spec.triggers.some((each) => each.name === trigger.trigger && each.detector.type === detector);

/** Turns evidence into incidents and records, on the leader only. */
export class Healing {
  readonly #ports: LoopPorts;
  readonly #options: LoopOptions;
  readonly #parts: HealingParts;

  constructor(ports: LoopPorts, options: LoopOptions, parts: HealingParts) {
    this.#ports = ports;
    this.#options = options;
    this.#parts = parts;
  }

  /** Runs one round over all policies. */
  async round(watched: readonly WatchedPolicy[], signal: AbortSignal): Promise<void> {
    for (const each of watched) {
      if (signal.aborted) return;
      await this.#healPolicy(each, signal);
    }
  }

  #lives({ policy, targets }: WatchedPolicy): readonly Life[] {
    const pods = new Map(targets.pods.map(({ pod }) => [pod.facts.uid, pod.facts]));
    return this.#parts.book
      .of(policy.metadata.uid)
      .filter((evidence) => evidence.firing && isAsked(policy, evidence))
      .flatMap((evidence) => {
        const { pod, container, workload } = evidence.subject;
        const facts = pods.get(pod.uid)?.containers.find(({ name }) => name === container);
        const restartCount = facts?.restartCount;
        // Without the API server's word on this life of the container there is no diagnosis.
        const isThisLife = (evidence.measures['restartCount'] ?? restartCount) === restartCount;
        return facts === undefined || workload === null || !isThisLife
          ? []
          : [
              {
                diagnosis: diagnose(evidence, facts.restartCount),
                restartCount: facts.restartCount,
              },
            ];
      });
  }

  async #healPolicy(watched: WatchedPolicy, signal: AbortSignal): Promise<void> {
    const { clock, strategies } = this.#ports;
    const { policy } = watched;
    const lives = this.#lives(watched);
    if (lives.length === 0) return;
    const standing: Diagnosis[] = [];
    for (const life of lives) {
      if (await this.#ensureIncident(policy, life)) standing.push(life.diagnosis);
    }
    const mode = modeOf(this.#ports, this.#options, policy);
    const input = { nowMs: clock.wallMs(), policy, mode, diagnoses: standing };
    const takenUp = new Set<string>();
    for (const plan of strategies.flatMap((strategy) => strategy.plan(input))) {
      if (signal.aborted) return;
      const { uid } = plan.target.workload;
      if (takenUp.has(uid)) continue;
      if (this.#isDue(policy, plan)) await this.#submit(policy, plan, signal);
      // One at a time; but what is wrong about one pod alone, such as a forged history, must not keep
      // the next from being healed.
      const refusal = this.#parts.refusals.of(plan.incident);
      if (refusal === null || !ABOUT_ONE_TARGET.has(refusal.reason)) takenUp.add(uid);
    }
  }

  /** Returns false when the incident is closed or could not be made: then nothing is planned. */
  async #ensureIncident(policy: HealingPolicy, life: Life): Promise<boolean> {
    const { diagnosis } = life;
    const { cluster, state, log } = this.#ports;
    const { namespace } = policy.metadata;
    const found = state
      .incidents(namespace)
      .find(({ metadata }) => metadata.name === diagnosis.incident);
    if (found !== undefined) return !isFinal(found.status);
    const reply = await cluster.send({
      verb: 'create',
      group: 'homeostat.dev',
      version: 'v1alpha1',
      resource: 'incidents',
      namespace,
      body: incidentObject(policy, life),
    });
    if (reply.kind === 'ok') return true;
    if (reply.kind !== 'refused' || reply.status !== 409) {
      log.warn('incident could not be made', {
        incident: diagnosis.incident,
        error: reply.message,
      });
    }
    // AlreadyExists: it may be closed. The watch will tell before the next round.
    return false;
  }

  #isDue(policy: HealingPolicy, plan: Plan): boolean {
    const { clock, state } = this.#ports;
    if (this.#parts.refusals.holdsBack(plan.incident, policy.metadata.generation, clock.monoMs()))
      return false;
    const records = state.actions(plan.target.pod.namespace);
    return !records.some(
      (record) => record.spec.incidentRef.name === plan.incident && isOpen(record),
    );
  }

  async #submit(policy: HealingPolicy, plan: Plan, signal: AbortSignal): Promise<void> {
    const { execution, tracer, clock, log } = this.#ports;
    const { namespace, name } = plan.target.pod;
    const { evidence } = plan.diagnosis;
    const span = tracer.start(`heal ${plan.diagnosis.cause}`, {
      'homeostat.incident': plan.incident,
      'homeostat.policy': `${policy.metadata.namespace}/${policy.metadata.name}`,
      'homeostat.step': plan.step.name,
      'k8s.namespace.name': namespace,
      'k8s.pod.name': name,
    });
    span.event('trigger', {
      'homeostat.detector': evidence.detector,
      'homeostat.summary': evidence.summary,
      'homeostat.samples': evidence.samples,
    });
    span.event('diagnosis', {
      'homeostat.cause': plan.diagnosis.cause,
      'homeostat.container': plan.diagnosis.subject.container,
    });
    const startedAtMs = clock.monoMs();
    const submission = await span.run(() => execution.submit(plan));
    const keys = { incident: plan.incident, entity: `${namespace}/${name}`, traceId: span.traceId };
    log.info('plan judged', {
      ...keys,
      reason: submission.kind,
      durationMs: Math.round(clock.monoMs() - startedAtMs),
    });
    if (submission.kind === 'recorded') {
      this.#ports.observer?.decided?.('recorded', '');
      this.#parts.refusals.clear(plan.incident);
      this.#parts.drives.start(submission.record, signal, span);
      return;
    }
    const reason = this.#notActed(policy, plan, submission);
    span.end({ ok: submission.kind === 'observed', message: `${submission.kind} ${reason}` });
  }

  /** Returns the reason. */
  #notActed(
    policy: HealingPolicy,
    plan: Plan,
    submission: Exclude<Submission, { kind: 'recorded' }>,
  ): string {
    const { clock, observer, log } = this.#ports;
    const [refusal, retryAfterMs] = refusalOf(submission);
    observer?.decided?.(submission.kind, refusal.reason);
    const isNew = this.#parts.refusals.note(
      plan.incident,
      { ...refusal, policyGeneration: policy.metadata.generation },
      retryAfterMs,
      clock.monoMs(),
    );
    if (!isNew) return refusal.reason;
    const { pod } = plan.target;
    log.info('plan not carried out', {
      incident: plan.incident,
      entity: `${pod.namespace}/${pod.name}`,
      reason: refusal.reason,
      detail: refusal.message,
    });
    this.#ports.events.emit({
      type: WARNINGS.has(refusal.reason) ? 'Warning' : 'Normal',
      reason: refusal.reason,
      action: plan.step.action,
      note: refusal.message.slice(0, 1024),
      regarding: { apiVersion: 'v1', kind: 'Pod', ...pod },
    });
    return refusal.reason;
  }
}

const refusalOf = (
  submission: Exclude<Submission, { kind: 'recorded' }>,
): readonly [{ reason: string; message: string }, number | null] => {
  switch (submission.kind) {
    case 'observed':
      return [{ reason: 'Observed', message: 'mode Observe: nothing is done' }, null];
    case 'inDoubt':
      return [{ reason: 'FactMissing', message: submission.message }, null];
    case 'refused': {
      const { verdict, retryAfterMs } = submission;
      return verdict.kind === 'Refuse'
        ? [{ reason: verdict.reason, message: verdict.message }, retryAfterMs]
        : [{ reason: 'FactMissing', message: verdict.missing }, retryAfterMs];
    }
  }
};

const incidentObject = (policy: HealingPolicy, { diagnosis, restartCount }: Life) => {
  const { subject, evidence, incident } = diagnosis;
  const { apiVersion = '', kind = '', name = '', uid = '' } = subject.workload ?? {};
  return {
    apiVersion: API_VERSION,
    kind: 'Incident',
    metadata: {
      name: incident,
      namespace: policy.metadata.namespace,
      labels: {
        'homeostat.dev/policy-uid': policy.metadata.uid,
        'homeostat.dev/detector': evidence.detector,
      },
    },
    spec: {
      policyRef: {
        name: policy.metadata.name,
        uid: policy.metadata.uid,
        generation: policy.metadata.generation,
      },
      detector: evidence.detector,
      trigger: evidence.trigger.trigger,
      subject: {
        workload: { apiVersion, kind, name, uid },
        pod: { name: subject.pod.name, uid: subject.pod.uid },
        container: subject.container,
        restartCount,
      },
    },
  };
};

// SPDX-License-Identifier: Apache-2.0
import type { HealingPolicy, HealingPolicyStatus } from '../api/healing-policy.ts';
import { selectingTarget } from '../api/policy-target.ts';
import type { MonoMs } from '../domain/clock.ts';
import type { Evidence } from '../domain/evidence.ts';
import { FREEZE, isMarked, protectingMark } from '../domain/marks.ts';
import { population } from '../execute/population.ts';
import { at, listAt, textAt } from '../execute/raw-json.ts';
import { summarise } from '../execute/record.ts';
import type { WatchedPolicy } from './bindings.ts';
import type { InvalidPolicy } from './cluster-state.ts';
import type { EvidenceBook } from './evidence-book.ts';
import { modeOf } from './healing.ts';
import { timeText } from './incident-status.ts';
import { policyStatus } from './policy-status.ts';
import type { LoopOptions, LoopPorts } from './ports.ts';
import { isSameStatus, writeStatus } from './write-status.ts';

/** A status that differs only in counters is written at most this often, for the sake of etcd. */
const COUNTER_INTERVAL_MS = 30_000;

/** What a person waits for: written at once. */
const urgentPart = (status: HealingPolicyStatus | undefined) => ({
  observedGeneration: status?.observedGeneration,
  effectiveMode: status?.effectiveMode,
  storm: status?.storm,
  breaker: status?.breaker?.state,
  lastAction: status?.lastAction,
  conditions: status?.conditions?.map(({ type, status: value, reason }) => [type, value, reason]),
  triggers: status?.triggers?.map(({ name, state }) => [name, state]),
});

/** Keeps the status of every policy true. */
export class PolicyStatuses {
  readonly #ports: LoopPorts;
  readonly #options: LoopOptions;
  readonly #book: EvidenceBook;
  readonly #writtenAt = new Map<string, MonoMs>();

  constructor(ports: LoopPorts, options: LoopOptions, book: EvidenceBook) {
    this.#ports = ports;
    this.#options = options;
    this.#book = book;
  }

  /** Runs one round over all policies. */
  async round(watched: readonly WatchedPolicy[], signal: AbortSignal): Promise<void> {
    const modes = { Observe: 0, DryRun: 0, Auto: 0 };
    for (const each of watched) {
      if (signal.aborted) return;
      modes[modeOf(this.#ports, this.#options, each.policy)] += 1;
      await this.#reconcile(each);
    }
    for (const each of this.#ports.state.invalidPolicies()) {
      if (signal.aborted) return;
      await this.#reportInvalid(each);
    }
    this.#ports.observer?.policies?.(modes);
    const uids = new Set(watched.map(({ policy }) => policy.metadata.uid));
    for (const uid of this.#writtenAt.keys()) if (!uids.has(uid)) this.#writtenAt.delete(uid);
  }

  async #reconcile(watched: WatchedPolicy): Promise<void> {
    const { policy } = watched;
    const status = this.#statusOf(watched);
    if (isSameStatus(policy.status ?? {}, status)) return;
    const nowMs = this.#ports.clock.monoMs();
    const isUrgent = !isSameStatus(urgentPart(policy.status), urgentPart(status));
    const writtenAt = this.#writtenAt.get(policy.metadata.uid) ?? Number.NEGATIVE_INFINITY;
    if (!isUrgent && nowMs - writtenAt < COUNTER_INTERVAL_MS) return;
    const reply = await writeStatus(this.#ports.cluster, 'healingpolicies', policy, status);
    if (reply.kind === 'ok') this.#writtenAt.set(policy.metadata.uid, nowMs);
  }

  /** Says so in the status; what the status remembers of a storm stays. */
  async #reportInvalid({ metadata, rawStatus, message }: InvalidPolicy): Promise<void> {
    const before = at(rawStatus, 'conditions');
    const isTold = listAt(before).some(
      (each) =>
        textAt(each, 'reason') === 'Invalid' &&
        at(each, 'observedGeneration') === metadata.generation,
    );
    if (isTold) return;
    const ready = {
      type: 'Ready',
      status: 'False',
      reason: 'Invalid',
      message: `never acted on: ${message}`.slice(0, 1024),
      observedGeneration: metadata.generation,
      lastTransitionTime: timeText(this.#ports.clock.wallMs()),
    };
    const storm = at(rawStatus, 'storm');
    const status = { ...(storm === undefined ? {} : { storm }), conditions: [ready] };
    await writeStatus(this.#ports.cluster, 'healingpolicies', { metadata }, status);
  }

  #statusOf({ policy, targets }: WatchedPolicy): HealingPolicyStatus {
    const { state, clock, denials } = this.#ports;
    const records = state.actions(policy.metadata.namespace);
    const { total, healthy } = population(
      targets.workloads,
      targets.pods.map(({ pod, workload }) => ({
        facts: pod.facts,
        workloadUid: workload.ref.uid,
      })),
      records,
    );
    const evidence = new Map<string, Evidence[]>();
    for (const each of this.#book.of(policy.metadata.uid)) {
      const rows = evidence.get(each.trigger.trigger) ?? [];
      rows.push(each);
      evidence.set(each.trigger.trigger, rows);
    }
    return policyStatus({
      policy,
      effectiveMode: modeOf(this.#ports, this.#options, policy),
      frozen: isMarked(state.namespaceAnnotations(policy.metadata.namespace) ?? {}, FREEZE),
      targets: {
        workloads: targets.workloads.length,
        pods: total,
        healthy,
        protected: targets.workloads.filter((each) => protectingMark(each) !== null).length,
      },
      evidence,
      failures: this.#failures(policy),
      records: records.map(summarise),
      rivals: this.#rivals(policy, targets.workloads),
      denials: denials(),
      nowMs: clock.wallMs(),
    });
  }

  #failures(policy: HealingPolicy): ReadonlyMap<string, string> {
    const failures = this.#ports.detectorFailures?.() ?? [];
    return new Map(
      failures
        .filter(({ trigger }) => trigger.policyUid === policy.metadata.uid)
        .map(({ trigger, message }) => [trigger.trigger, message]),
    );
  }

  #rivals(
    policy: HealingPolicy,
    workloads: WatchedPolicy['targets']['workloads'],
  ): readonly string[] {
    return this.#ports.state
      .policies()
      .filter(
        (other) =>
          other.metadata.uid !== policy.metadata.uid &&
          other.spec.mode === 'Auto' &&
          !other.spec.suspend &&
          other.spec.pauseRequests.length === 0 &&
          other.spec.priority >= policy.spec.priority &&
          workloads.some((workload) => selectingTarget(other, workload) !== undefined),
      )
      .map(({ metadata }) => metadata.name);
  }
}

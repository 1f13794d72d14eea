// SPDX-License-Identifier: Apache-2.0
import type { Binding } from '../domain/analysis.ts';
import type { UnixMs } from '../domain/clock.ts';
import { containerKey } from '../domain/entity.ts';
import type { Evidence, TriggerRef } from '../domain/evidence.ts';
import type { WindowSpec } from '../knowledge/bucket-frame.ts';
import type { KnowledgeStore } from '../knowledge/store.ts';
import type { BoundDetector, Detector } from './detector.ts';

const MESSAGE_CHARS = 256;

/** A detector that could not be bound or has thrown; it has given no evidence where it failed. */
export interface DetectorFailure {
  readonly trigger: TriggerRef;
  readonly detector: string;
  /** What was thrown, cut to 256 characters. */
  readonly message: string;
  /** Failures of this trigger so far. */
  readonly count: number;
}

interface Target {
  readonly podUid: string;
  readonly container: string;
}

interface Shard {
  readonly detector: BoundDetector;
  targets: readonly Target[];
}

const messageOf = (error: unknown): string =>
  (error instanceof Error ? error.message : String(error)).slice(0, MESSAGE_CHARS);

const targetOf = (key: string): Target => {
  const slash = key.indexOf('/');
  return { podUid: key.slice(0, slash), container: key.slice(slash + 1) };
};

/**
 * One trigger of a policy at work: its detector, one instance for each workload, so that a round can
 * pause between workloads while replicas of one workload are still seen together.
 */
export class BoundTrigger {
  readonly #detector: Detector | undefined;
  readonly #shards = new Map<string, Shard>();
  readonly #newest = new Map<string, Evidence>();
  /** What the detector asks for; `null`: it could not be bound and never runs. */
  readonly spec: WindowSpec | null;
  readonly #intervalMs: number;
  #binding: Binding;
  #keys: ReadonlySet<string>;
  #lastRunMs: UnixMs | null = null;
  #failures = 0;
  #lastFailure = '';

  constructor(binding: Binding, detector: Detector | undefined) {
    this.#binding = binding;
    this.#keys = new Set(binding.containers);
    this.#detector = detector;
    const probe = this.#bindDetector();
    this.spec =
      probe === null
        ? null
        : { resolutionMs: probe.resolutionMs, windowBuckets: probe.windowBuckets };
    this.#intervalMs = probe?.analysisIntervalMs ?? Number.POSITIVE_INFINITY;
  }

  /** Keys of the containers that the policy selects. */
  get containers(): ReadonlySet<string> {
    return this.#keys;
  }

  /** True when a binding differs from this one in nothing but its containers. */
  isSameAs(binding: Binding): boolean {
    return (
      binding.detector === this.#binding.detector &&
      JSON.stringify(binding.params) === JSON.stringify(this.#binding.params)
    );
  }

  /** Takes other containers over and keeps the state of those that stay. */
  reselect(binding: Binding): void {
    this.#binding = binding;
    this.#keys = new Set(binding.containers);
    for (const key of this.#newest.keys()) if (!this.#keys.has(key)) this.#newest.delete(key);
  }

  /** Forgets the evidence about a container whose life ended. */
  forget(key: string): void {
    this.#newest.delete(key);
  }

  /** Returns the newest evidence about a container, or `null`. */
  newest(key: string): Evidence | null {
    return this.#newest.get(key) ?? null;
  }

  /** Returns the failure to report, or `null` when there was none. */
  failure(): DetectorFailure | null {
    if (this.#failures === 0) return null;
    return {
      trigger: this.#binding.trigger,
      detector: this.#binding.detector,
      message: this.#lastFailure,
      count: this.#failures,
    };
  }

  /** True when the analysis interval has passed since the last round, or the clock was set back. */
  isDue(nowMs: UnixMs): boolean {
    if (this.spec === null) return false;
    if (this.#lastRunMs === null || nowMs < this.#lastRunMs) return true;
    return nowMs - this.#lastRunMs >= this.#intervalMs;
  }

  /**
   * Runs one round, and pauses after every workload; the store may change in a pause. A detector that
   * throws loses its state for that workload and starts again in the next round.
   */
  *round(store: KnowledgeStore, nowMs: UnixMs): Generator<void, readonly Evidence[]> {
    const { spec } = this;
    if (spec === null) return [];
    this.#lastRunMs = nowMs;
    this.#assign(store);
    const found: Evidence[] = [];
    for (const [workload, shard] of this.#shards) {
      try {
        const evidence = shard.detector.detect(store.view(shard.targets, spec), nowMs);
        for (const each of evidence) if (this.#keep(each)) found.push(each);
      } catch (error) {
        this.#fail(error);
        this.#shards.delete(workload);
      }
      yield;
    }
    return found;
  }

  #keep(evidence: Evidence): boolean {
    const { subject } = evidence;
    const key = containerKey(subject.pod.uid, subject.container);
    if (!this.#keys.has(key)) {
      this.#fail('evidence about a container that the policy does not select');
      return false;
    }
    this.#newest.set(key, evidence);
    return true;
  }

  /** Gives every workload that is there a detector of its own, and lets those of the others go. */
  #assign(store: KnowledgeStore): void {
    const groups = this.#byWorkload(store);
    for (const workload of this.#shards.keys()) {
      if (!groups.has(workload)) this.#shards.delete(workload);
    }
    for (const [workload, targets] of groups) {
      const shard = this.#shards.get(workload);
      const detector = shard === undefined ? this.#bindDetector() : null;
      if (shard !== undefined) shard.targets = targets;
      else if (detector !== null) this.#shards.set(workload, { detector, targets });
    }
  }

  #byWorkload(store: KnowledgeStore): ReadonlyMap<string, readonly Target[]> {
    const groups = new Map<string, Target[]>();
    for (const key of this.#keys) {
      const target = targetOf(key);
      const facts = store.facts(target.podUid, target.container);
      if (facts === null) continue;
      const workload = facts.ref.workload?.uid ?? target.podUid;
      const group = groups.get(workload);
      if (group === undefined) groups.set(workload, [target]);
      else group.push(target);
    }
    return groups;
  }

  #bindDetector(): BoundDetector | null {
    if (this.#detector === undefined) {
      this.#fail(`there is no detector ${JSON.stringify(this.#binding.detector)}`);
      return null;
    }
    try {
      return this.#detector.bind(this.#binding.params, this.#binding.trigger);
    } catch (error) {
      this.#fail(error);
      return null;
    }
  }

  #fail(error: unknown): void {
    this.#failures += 1;
    this.#lastFailure = messageOf(error);
  }
}

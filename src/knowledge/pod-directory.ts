// SPDX-License-Identifier: Apache-2.0
/**
 * Identity: which container a resource really is. Telemetry claims, the API server knows; a claim
 * that does not fit is refused and never guessed right.
 */
import { type ContainerFacts, containerKey, type ObjectDelta } from '../domain/entity.ts';
import type { IdentityClaim } from '../domain/telemetry.ts';
import type { DropReason } from './drop-reason.ts';

/** A claim that stands, with the key of the container; or why it does not. */
export type Identity =
  | { readonly kind: 'container'; readonly key: string; readonly facts: ContainerFacts }
  | { readonly kind: 'refused'; readonly reason: DropReason };

interface Pod {
  readonly uid: string;
  readonly namespace: string;
  readonly name: string;
  readonly createdAtMs: number;
  readonly containers: ReadonlyMap<string, ContainerFacts>;
}

const refused = (reason: DropReason): Identity => ({ kind: 'refused', reason });

const isSaid = (text: string | undefined): text is string => text !== undefined && text !== '';

const nameKey = (namespace: string, name: string): string => `${namespace}/${name}`;

/** Holds what the API server says of pods, and checks claims against it. */
export class PodDirectory {
  readonly #byUid = new Map<string, Pod>();
  readonly #byName = new Map<string, Pod>();

  /** Number of pods known. */
  get size(): number {
    return this.#byUid.size;
  }

  /**
   * Applies a change and returns the containers that it touched, as they were before and are now;
   * `null` where there is none.
   */
  apply(delta: ObjectDelta): readonly {
    readonly key: string;
    readonly before: ContainerFacts | null;
    readonly now: ContainerFacts | null;
  }[] {
    const before = this.#byUid.get(delta.podUid);
    const now = delta.kind === 'upsert' ? this.#put(delta.podUid, delta.containers) : undefined;
    if (now === undefined && before !== undefined) this.#remove(before);
    const names = new Set([
      ...(before?.containers.keys() ?? []),
      ...(now?.containers.keys() ?? []),
    ]);
    return [...names].map((name) => ({
      key: containerKey(delta.podUid, name),
      before: before?.containers.get(name) ?? null,
      now: now?.containers.get(name) ?? null,
    }));
  }

  /** Returns the facts of a container, or `null` when the API server has no such one. */
  facts(podUid: string, container: string): ContainerFacts | null {
    return this.#byUid.get(podUid)?.containers.get(container) ?? null;
  }

  /** Checks a claim: the uid wins, else namespace and pod name; every other field must agree. */
  identify(claim: IdentityClaim): Identity {
    const pod = this.#podOf(claim);
    if (typeof pod === 'string') return refused(pod);
    if (isSaid(claim.container)) {
      const facts = pod.containers.get(claim.container);
      if (facts === undefined) return refused('unknown_container');
      return { kind: 'container', key: containerKey(pod.uid, claim.container), facts };
    }
    const [only] = pod.containers;
    if (only === undefined) return refused('unknown_container');
    if (pod.containers.size > 1) return refused('ambiguous_container');
    return { kind: 'container', key: containerKey(pod.uid, only[0]), facts: only[1] };
  }

  #podOf(claim: IdentityClaim): Pod | DropReason {
    if (isSaid(claim.podUid)) {
      const pod = this.#byUid.get(claim.podUid);
      if (pod === undefined) return 'unknown_pod';
      const agrees =
        (!isSaid(claim.podName) || claim.podName === pod.name) &&
        (!isSaid(claim.namespace) || claim.namespace === pod.namespace);
      return agrees ? pod : 'identity_conflict';
    }
    if (!isSaid(claim.podName) || !isSaid(claim.namespace)) return 'no_identity';
    return this.#byName.get(nameKey(claim.namespace, claim.podName)) ?? 'unknown_pod';
  }

  #put(uid: string, containers: readonly ContainerFacts[]): Pod | undefined {
    const [first] = containers;
    if (first === undefined) return undefined;
    const { namespace, name } = first.ref.pod;
    const pod: Pod = {
      uid,
      namespace,
      name,
      createdAtMs: first.podCreatedAtMs,
      containers: new Map(containers.map((facts) => [facts.ref.container, facts])),
    };
    this.#byUid.set(uid, pod);
    // A replacement under the same name may be seen before its predecessor's deletion.
    const holder = this.#byName.get(nameKey(namespace, name));
    if (holder === undefined || holder.uid === uid || holder.createdAtMs <= pod.createdAtMs) {
      this.#byName.set(nameKey(namespace, name), pod);
    }
    return pod;
  }

  #remove(pod: Pod): void {
    this.#byUid.delete(pod.uid);
    const key = nameKey(pod.namespace, pod.name);
    if (this.#byName.get(key)?.uid === pod.uid) this.#byName.delete(key);
  }
}

// SPDX-License-Identifier: Apache-2.0
import type { MonoMs } from '../domain/clock.ts';

/** Why a plan led to no record. */
export interface Refusal {
  readonly reason: string;
  readonly message: string;
}

interface Entry extends Refusal {
  readonly policyGeneration: number;
  readonly delayMs: number;
  readonly untilMs: MonoMs;
}

const FIRST_DELAY_MS = 1_000;
const MAX_DELAY_MS = 15_000;

/**
 * Remembers the last refusal of each incident, so that a plan that was refused is not proposed again
 * at once, and a refusal is told once and not in every round. Memory only: forgetting costs one more
 * question to the guards and nothing else.
 */
export class Refusals {
  readonly #byIncident = new Map<string, Entry>();

  /** The last refusal; `null`: none, or a record was made since. */
  of(incident: string): Refusal | null {
    const refusal = this.#byIncident.get(incident);
    return refusal === undefined ? null : { reason: refusal.reason, message: refusal.message };
  }

  /** True while the incident's plan should not be proposed again; a changed policy is asked at once. */
  holdsBack(incident: string, policyGeneration: number, nowMs: MonoMs): boolean {
    const refusal = this.#byIncident.get(incident);
    return refusal?.policyGeneration === policyGeneration && nowMs < refusal.untilMs;
  }

  /**
   * Notes a refusal and doubles the wait while the reason stays the same.
   * @param retryAfterMs the server's wish; `null`: none
   * @returns true when the reason is new for this incident
   */
  note(
    incident: string,
    refusal: Refusal & { readonly policyGeneration: number },
    retryAfterMs: number | null,
    nowMs: MonoMs,
  ): boolean {
    const before = this.#byIncident.get(incident);
    const isNew = before?.reason !== refusal.reason;
    const delayMs = isNew ? FIRST_DELAY_MS : Math.min(MAX_DELAY_MS, before.delayMs * 2);
    const untilMs = nowMs + Math.max(delayMs, retryAfterMs ?? 0);
    this.#byIncident.set(incident, { ...refusal, delayMs, untilMs });
    return isNew;
  }

  /** Forgets an incident, or all that are not in the set. */
  clear(incident: string): void {
    this.#byIncident.delete(incident);
  }

  /** Forgets every incident that is not among `incidents`. */
  retain(incidents: ReadonlySet<string>): void {
    for (const name of this.#byIncident.keys())
      if (!incidents.has(name)) this.#byIncident.delete(name);
  }
}

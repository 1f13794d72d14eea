// SPDX-License-Identifier: Apache-2.0
import type { RequestInfo, Verb } from './request-info.ts';

/** What happens to a request. `before`: the server never sees it; `after`: it was applied, the reply suffers. */
export type RequestFault =
  /** Nothing comes back, the connection stays open. */
  | { readonly kind: 'drop' }
  | { readonly kind: 'reset' }
  | { readonly kind: 'delay'; readonly ms: number }
  /** Goes on when the promise resolves. */
  | { readonly kind: 'hold'; readonly until: Promise<unknown> }
  /** The server gets it twice; the first reply goes back. */
  | { readonly kind: 'duplicate' }
  | {
      readonly kind: 'status';
      readonly code: number;
      readonly reason?: string;
      readonly retryAfterSeconds?: number;
    };

/** What happens to one line of a watch. */
export type LineFault =
  | { readonly kind: 'drop' }
  | { readonly kind: 'reset' }
  | { readonly kind: 'delay'; readonly ms: number }
  | { readonly kind: 'duplicate' }
  /** Comes after the line that follows it. */
  | { readonly kind: 'reorder' }
  /** Half of it comes, then the stream ends. */
  | { readonly kind: 'cut' }
  /** From here on nothing comes, the connection stays open. */
  | { readonly kind: 'silence' }
  /** Another line comes in its place. */
  | { readonly kind: 'replace'; readonly line: string };

interface Match {
  /** Absent: any. */
  readonly verb?: Verb;
  /** With subresource: `pods/eviction`. Absent: any. */
  readonly resource?: string;
  readonly name?: string;
  /** Absent: any. Of a line, the body is empty. */
  readonly when?: (info: RequestInfo, body: string) => boolean;
  /** Hears that the rule strikes, before the fault happens. */
  readonly onStrike?: () => void;
  /** Which matching request, or line, from 1 on; absent: every one. */
  readonly nth?: number;
  /** How many from `nth` on; default 1. */
  readonly times?: number;
  /** Share of the matching ones, by the seed; default 1. */
  readonly share?: number;
}

/** One rule; the first that matches counts. */
export type FaultRule =
  | (Match & { readonly on: 'before' | 'after'; readonly fault: RequestFault })
  | (Match & { readonly on: 'line'; readonly eventType?: string; readonly fault: LineFault });

/** Keeps rules and how often each matched. */
export class FaultRules {
  readonly #random: () => number;
  #rules: { readonly rule: FaultRule; seen: number }[] = [];

  constructor(random: () => number) {
    this.#random = random;
  }

  /** Adds a rule. @returns takes it out again */
  add(rule: FaultRule): () => void {
    const entry = { rule, seen: 0 };
    this.#rules.push(entry);
    return () => {
      this.#rules = this.#rules.filter((each) => each !== entry);
    };
  }

  clear(): void {
    this.#rules = [];
  }

  /** The fault that a request suffers before or after the server; null: none. */
  forRequest(on: 'before' | 'after', info: RequestInfo, body = ''): RequestFault | null {
    const rule = this.#find((each) => each.on === on && matches(each, info, body));
    return rule === null || rule.on === 'line' ? null : rule.fault;
  }

  /** The fault that a line suffers; null: none. */
  forLine(info: RequestInfo, eventType: string): LineFault | null {
    const rule = this.#find(
      (each) =>
        each.on === 'line' &&
        (each.eventType === undefined || each.eventType === eventType) &&
        matches(each, info, ''),
    );
    return rule === null || rule.on !== 'line' ? null : rule.fault;
  }

  #find(applies: (rule: FaultRule) => boolean): FaultRule | null {
    let found: FaultRule | null = null;
    for (const entry of this.#rules) {
      if (!applies(entry.rule)) continue;
      entry.seen += 1;
      if (found === null && this.#isDue(entry.rule, entry.seen)) found = entry.rule;
    }
    found?.onStrike?.();
    return found;
  }

  #isDue({ nth, times = 1, share = 1 }: FaultRule, seen: number): boolean {
    if (nth !== undefined && (seen < nth || seen >= nth + times)) return false;
    return share >= 1 || this.#random() < share;
  }
}

const matches = (rule: Match, info: RequestInfo, body: string): boolean =>
  (rule.verb === undefined || rule.verb === info.verb) &&
  (rule.resource === undefined || rule.resource === info.resource) &&
  (rule.name === undefined || rule.name === info.name) &&
  (rule.when === undefined || rule.when(info, body));

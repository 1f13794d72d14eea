// SPDX-License-Identifier: Apache-2.0
import type { Fact, Known } from '../domain/fact.ts';
import type { Verdict } from '../domain/verdict.ts';

type Facts = Readonly<Record<string, Fact<unknown>>>;
type Values<F extends Facts> = { readonly [K in keyof F]: Extract<F[K], Known<unknown>>['value'] };

/**
 * Judges when all facts are known; says `Unknown` with everything that is missing otherwise. The one
 * way from a fact to its value in a guard, so that no guard can mistake "not read" for "nothing".
 */
export const withFacts = <F extends Facts>(
  facts: F,
  judge: (values: Values<F>) => Verdict,
): Verdict => {
  const missing: string[] = [];
  const values: Record<string, unknown> = {};
  for (const [name, fact] of Object.entries(facts)) {
    if (fact.kind === 'unknown') missing.push(fact.missing);
    else values[name] = fact.value;
  }
  if (missing.length > 0) return { kind: 'Unknown', missing: missing.join('; ') };
  return judge(values as Values<F>);
};

// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { runTerm } from '../../../src/loop/controllers/term.ts';

const setUp = () => {
  const [term, fenced] = [new AbortController(), new AbortController()];
  const idle = Promise.withResolvers<void>();
  const led: AbortSignal[] = [];
  const loop = { lead: (signal: AbortSignal) => void led.push(signal), idle: () => idle.promise };
  const label = () => Promise.resolve();
  const run = runTerm({ loop, label, signal: term.signal, fenced: fenced.signal });
  let hasEnded = false;
  const settled = run.then(
    () => 'resolved',
    () => 'rejected',
  );
  void settled.then(() => {
    hasEnded = true;
  });
  return { term, fenced, idle, led, settled, hasEnded: () => hasEnded };
};

describe('runTerm', () => {
  it('leads until the term ends, and then waits for what is under way', async () => {
    const { term, idle, led, settled, hasEnded } = setUp();
    expect(led[0]?.aborted).toBe(false);
    term.abort();
    await new Promise(setImmediate);
    expect([led[0]?.aborted, hasEnded()]).toEqual([true, false]);
    idle.resolve();
    expect(await settled).toBe('resolved');
  });

  it('gives the Lease up when a record belongs to a newer leader, after what is under way', async () => {
    const { fenced, idle, led, settled, hasEnded } = setUp();
    fenced.abort();
    await new Promise(setImmediate);
    expect([led[0]?.aborted, hasEnded()]).toEqual([true, false]);
    idle.resolve();
    expect(await settled).toBe('rejected');
  });
});

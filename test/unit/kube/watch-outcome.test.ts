// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { type NextStep, nextStep, type WatchOutcome } from '../../../src/kube/watch-outcome.ts';
import { broken, lost, status } from './fake-transport.ts';

const tooLarge = status(504, 'Timeout', {
  details: { causes: [{ reason: 'ResourceVersionTooLarge', message: '' }] },
});

const closed = (events: number, lastedMs: number): WatchOutcome => ({
  kind: 'closed',
  events,
  lastedMs,
});

describe('nextStep', () => {
  it.each<[string, WatchOutcome, number, Partial<NextStep>]>([
    ['a clean close', closed(0, 1_000), 0, { action: 'rewatch', pause: false }],
    ['a short watch with an event', closed(1, 5), 0, { action: 'rewatch', pause: false }],
    ['a very short watch', closed(0, 999), 0, { action: 'relist', from: 'known', pause: true }],
    ['silence', { kind: 'idle' }, 0, { action: 'rewatch', pause: false }],
    ['a first break', { kind: 'broken', error: lost() }, 1, { action: 'rewatch', pause: true }],
    ['a second break', { kind: 'broken', error: lost() }, 2, { action: 'relist', pause: true }],
    ['refused connections', { kind: 'refused', error: lost('no') }, 9, { action: 'rewatch' }],
    ['a lost opening, twice', { kind: 'refused', error: lost() }, 2, { action: 'relist' }],
    [
      '429',
      { kind: 'refused', error: status(429, 'x', { details: { retryAfterSeconds: 4 } }) },
      9,
      { action: 'rewatch', minimumMs: 4_000 },
    ],
    [
      'HTTP 410',
      { kind: 'refused', error: status(410, 'Expired') },
      1,
      { action: 'relist', from: 'known' },
    ],
    [
      'in-stream 410',
      { kind: 'error', error: status(410, 'Gone') },
      1,
      { action: 'relist', from: 'known' },
    ],
    [
      'a version ahead of the server',
      { kind: 'refused', error: tooLarge },
      1,
      { action: 'relist', from: 'latest' },
    ],
    [
      'in-stream 500',
      { kind: 'error', error: status(500, 'x') },
      2,
      { action: 'rewatch', pause: true },
    ],
    [
      'in-stream 500 again and again',
      { kind: 'error', error: status(500, 'x') },
      3,
      { action: 'relist' },
    ],
    [
      'another in-stream error',
      { kind: 'error', error: status(400, 'x') },
      1,
      { action: 'relist', pause: true },
    ],
    ['401', { kind: 'refused', error: status(401, 'x') }, 9, { action: 'rewatch', degraded: true }],
    ['403', { kind: 'refused', error: status(403, 'x') }, 9, { action: 'rewatch', degraded: true }],
    [
      '404',
      { kind: 'refused', error: status(404, 'x') },
      1,
      { action: 'relist', from: 'latest', degraded: true },
    ],
    [
      'a proxy that answers nonsense',
      { kind: 'refused', error: broken('BadResponse') },
      2,
      { action: 'relist' },
    ],
  ])('after %s', (_name, outcome, failures, expected) => {
    expect(nextStep(outcome, failures)).toMatchObject(expected);
  });
});

// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { TerminalError } from '../../../src/errors.ts';
import {
  Controller,
  type ControllerOptions,
  type ReconcileResult,
} from '../../../src/kube/controller.ts';
import { VirtualClock } from '../../rig/virtual-clock.ts';

function setUp(
  reconcile: ControllerOptions['reconcile'],
  options: Partial<ControllerOptions> = {},
) {
  const clock = new VirtualClock();
  const numbers = new Map<string, number>();
  const errors: unknown[] = [];
  const controller = new Controller({
    name: 'test',
    clock,
    reconcile,
    metrics: {
      add: (counter, _name, amount, result) => {
        const key = result === undefined ? counter : `${counter} ${result}`;
        numbers.set(key, (numbers.get(key) ?? 0) + amount);
      },
      set: (gauge, _name, value) => numbers.set(gauge, value),
      observeSeconds: (_name, seconds) => numbers.set('seconds', seconds),
    },
    onError: (error) => errors.push(error),
    ...options,
  });
  return { clock, controller, numbers, errors };
}

/** Answers with the given outcomes in turn, then with success. */
function script(...outcomes: readonly (ReconcileResult | Error)[]) {
  const runs: number[] = [];
  let clock: VirtualClock | null = null;
  const left = [...outcomes];
  const reconcile = (): Promise<ReconcileResult | undefined> => {
    runs.push(clock?.monoMs() ?? -1);
    const next = left.shift();
    return next instanceof Error ? Promise.reject(next) : Promise.resolve(next);
  };
  return {
    runs,
    reconcile,
    on: (theClock: VirtualClock) => {
      clock = theClock;
    },
  };
}

async function runScript(...outcomes: readonly (ReconcileResult | Error)[]) {
  const scripted = script(...outcomes);
  const all = setUp(scripted.reconcile);
  scripted.on(all.clock);
  await all.controller.start();
  all.controller.queue.add('k');
  await all.clock.advance(120_000);
  return { ...all, runs: scripted.runs };
}

describe('Controller', () => {
  it('creates every label value with 0 before anything happened', () => {
    const { numbers } = setUp(() => Promise.resolve(undefined), { workers: 3 });
    expect(Object.fromEntries(numbers)).toEqual({
      'reconcile_total error': 0,
      'reconcile_total requeue_after': 0,
      'reconcile_total requeue': 0,
      'reconcile_total success': 0,
      reconcile_errors_total: 0,
      terminal_reconcile_errors_total: 0,
      reconcile_panics_total: 0,
      reconcile_timeouts_total: 0,
      max_concurrent_reconciles: 3,
      active_workers: 0,
    });
  });

  it('tries again with growing backoff after errors, and starts small again after a success', async () => {
    const { runs, numbers, controller, clock } = await runScript(
      new Error('1'),
      new Error('2'),
      new Error('3'),
    );
    expect(runs).toEqual([0, 5, 15, 35]);
    expect(numbers.get('reconcile_total error')).toBe(3);
    expect(numbers.get('reconcile_errors_total')).toBe(3);
    expect(numbers.get('reconcile_panics_total')).toBe(0);
    expect(numbers.get('reconcile_total success')).toBe(1);
    expect(controller.queue.failures('k')).toBe(0);
    expect(clock.sleeping).toBe(0);
  });

  it('should not reset backoff until there is a non-error result: a plain requeue keeps it', async () => {
    const { runs, numbers } = await runScript({ requeue: true }, new Error('x'), { requeue: true });
    expect(runs).toEqual([0, 5, 15, 35]);
    expect(numbers.get('reconcile_total requeue')).toBe(2);
  });

  it('comes back after the time asked for, and forgets earlier failures', async () => {
    const { runs, controller, numbers } = await runScript(
      new Error('x'),
      { requeueAfterMs: 1_000 },
      new Error('y'),
    );
    expect(runs).toEqual([0, 5, 1_005, 1_010]);
    expect(controller.queue.failures('k')).toBe(0);
    expect(numbers.get('reconcile_total requeue_after')).toBe(1);
  });

  it('should not requeue a Request if there is a terminal error', async () => {
    const { runs, numbers, errors } = await runScript(new TerminalError('no use'));
    expect(runs).toEqual([0]);
    expect(numbers.get('terminal_reconcile_errors_total')).toBe(1);
    expect(numbers.get('reconcile_total error')).toBe(1);
    expect(errors).toHaveLength(1);
  });

  it('counts errors of the program as panics and survives them', async () => {
    const { runs, numbers } = await runScript(new TypeError('undefined is not a function'));
    expect(runs).toHaveLength(2);
    expect(numbers.get('reconcile_panics_total')).toBe(1);
  });

  it('should wait for informers to be synced before processing items', async () => {
    const seen: string[] = [];
    const { clock, controller } = setUp((key) => {
      seen.push(key);
      return Promise.resolve(undefined);
    });
    const synced = Promise.withResolvers<void>();
    const starting = controller.start(synced.promise);
    controller.enqueue()({ key: 'old', initial: true });
    controller.enqueue()({ key: 'new' });
    await clock.advance(60_000);
    expect(seen).toEqual([]);
    synced.resolve();
    await starting;
    await clock.advance(0);
    expect(seen).toEqual(['new', 'old']);
    await expect(controller.start()).rejects.toMatchObject({ code: 'HOMEO_KUBE_ALREADY_STARTED' });
  });

  it('aborts a reconcile at its deadline and tries the key again', async () => {
    let runs = 0;
    const { clock, controller, numbers, errors } = setUp(
      (_key, signal) => {
        runs += 1;
        if (runs > 1) return Promise.resolve(undefined);
        return new Promise((_resolve, reject) => {
          signal.addEventListener('abort', () => reject(new Error('aborted')), { once: true });
        });
      },
      { deadlineMs: 30_000 },
    );
    await controller.start();
    controller.queue.add('k');
    await clock.advance(29_999);
    expect(runs).toBe(1);
    await clock.advance(100);
    expect(runs).toBe(2);
    expect(numbers.get('reconcile_timeouts_total')).toBe(1);
    expect(errors).toMatchObject([{ code: 'HOMEO_KUBE_DEADLINE' }]);
  });

  it('frees the worker, but not the key, of a reconcile that ignores its deadline', async () => {
    const hanging = Promise.withResolvers<undefined>();
    const runs: string[] = [];
    const { clock, controller, numbers } = setUp((key) => {
      runs.push(key);
      return key === 'stuck' && runs.length === 1 ? hanging.promise : Promise.resolve(undefined);
    });
    await controller.start();
    controller.queue.add('stuck');
    controller.queue.add('other');
    await clock.advance(31_000);
    expect(runs).toEqual(['stuck', 'other']);
    controller.queue.add('stuck');
    await clock.advance(60_000);
    expect(runs).toEqual(['stuck', 'other']);
    hanging.resolve(undefined);
    await clock.advance(60_000);
    expect(runs).toEqual(['stuck', 'other', 'stuck']);
    expect(numbers.get('active_workers')).toBe(0);
  });

  it('waits for reconciles under way when it stops, and aborts them when they take too long', async () => {
    let aborted = false;
    const { clock, controller } = setUp(
      (_key, signal) =>
        new Promise((resolve) => {
          signal.addEventListener(
            'abort',
            () => {
              aborted = true;
              resolve(undefined);
            },
            { once: true },
          );
        }),
      { deadlineMs: 3_600_000, gracefulStopMs: 30_000 },
    );
    await controller.start();
    controller.queue.add('k');
    await clock.advance(0);
    const stopping = controller.stop();
    await clock.advance(29_000);
    expect(aborted).toBe(false);
    await clock.advance(1_001);
    await stopping;
    expect(aborted).toBe(true);
  });

  it('should disable gracefulShutdown when stopping to lead: cutOff aborts at once', async () => {
    const aborted: string[] = [];
    const { clock, controller } = setUp(
      (key, signal) =>
        new Promise((resolve) => {
          const stop = (): void => {
            aborted.push(key);
            resolve(undefined);
          };
          signal.addEventListener('abort', stop, { once: true });
        }),
    );
    await controller.start();
    controller.queue.add('k');
    controller.queue.add('never');
    await clock.advance(0);
    controller.cutOff();
    await clock.advance(60_000);
    expect(aborted).toEqual(['k']);
  });
});

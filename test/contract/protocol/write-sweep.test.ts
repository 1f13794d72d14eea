// SPDX-License-Identifier: Apache-2.0
import { beforeAll, describe, expect, it } from 'vitest';
import type { Fault } from '../../model/fault-port.ts';
import { atWrite, runWithRestarts, writesOfFaultFreeRun } from '../../model/history.ts';
import { endState, livenessViolations, safetyViolations } from '../../model/oracles.ts';
import type { ShopOptions } from '../../model/shop.ts';

const FAULTS: readonly (readonly [string, Fault])[] = [
  ['a crash before', { kind: 'crash', when: 'before' }],
  ['a crash after', { kind: 'crash', when: 'after' }],
  ['a lost reply to', { kind: 'lost' }],
  ['a lost request of', { kind: 'dropped' }],
  ['a conflict at', { kind: 'refuse', status: 409 }],
  ['a 429 at', { kind: 'refuse', status: 429 }],
  ['a 500 at', { kind: 'refuse', status: 500 }],
  ['a 503 at', { kind: 'refuse', status: 503 }],
];

const WORLDS: readonly {
  readonly name: string;
  readonly options: ShopOptions;
  readonly evictions: number;
  readonly writes: readonly string[];
}[] = [
  {
    name: 'a live plan for a Deployment',
    options: {},
    evictions: 1,
    writes: [
      'create pods eviction dryRun',
      'create healingactions',
      'patch healingactions status Admitted',
      'patch healingactions status Executing',
      'create pods eviction',
      'patch healingactions status Settling',
      'patch healingactions status Verifying',
      'patch healingactions status Succeeded',
    ],
  },
  {
    name: 'a live plan for a StatefulSet',
    options: { workload: { kind: 'StatefulSet' } },
    evictions: 1,
    writes: [
      'create pods eviction dryRun',
      'create healingactions',
      'patch healingactions status Admitted',
      'patch healingactions status Executing',
      'create pods eviction',
      'patch healingactions status Settling',
      'patch healingactions status Verifying',
      'patch healingactions status Succeeded',
    ],
  },
  {
    name: 'a plan in mode DryRun',
    options: { mode: 'DryRun' },
    evictions: 0,
    writes: [
      'create pods eviction dryRun',
      'create healingactions',
      'patch healingactions status Simulated',
    ],
  },
];

describe.each(WORLDS)('$name', ({ options, evictions, writes }) => {
  let faultFree: unknown;

  beforeAll(async () => {
    faultFree = endState(await runWithRestarts(options, {}));
  });

  it('writes what the sweep enumerates', async () => {
    expect(await writesOfFaultFreeRun(options)).toEqual(writes);
  });

  const cases = FAULTS.flatMap(([what, fault]) =>
    writes.map((write, index) => ({ what, fault, write, index })),
  );

  it.each(cases)('survives $what write $index: $write', async ({ fault, index }) => {
    const shop = await runWithRestarts(options, { plan: atWrite(index, fault) });
    expect(safetyViolations(shop)).toEqual([]);
    expect(livenessViolations(shop)).toEqual([]);
    expect(shop.evictions()).toHaveLength(evictions);
    expect(endState(shop)).toEqual(faultFree);
  });
});

// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { Denials } from '../../../src/loop/denials.ts';
import { VirtualClock } from '../../model/virtual-clock.ts';

const evict = { verb: 'create', group: '', resource: 'pods/eviction', namespace: 'a' };
const write = {
  verb: 'patch',
  group: 'homeostat.dev',
  resource: 'incidents/status',
  namespace: '',
};

const open = () => {
  const clock = new VirtualClock();
  const told: string[] = [];
  return { clock, told, denials: new Denials(clock, (sentence) => told.push(sentence)) };
};

describe('Denials', () => {
  it('tells a missing right once and lists it until the call succeeds', () => {
    const { told, denials } = open();
    denials.answered(evict, 403);
    denials.answered(evict, 403);
    denials.answered(write, 403);
    const sentences = [
      'may not create pods/eviction',
      'may not patch incidents/status.homeostat.dev',
    ];
    expect(told).toEqual(sentences);
    expect(denials.list()).toEqual(sentences);
    denials.answered(evict, 201);
    expect(denials.list()).toEqual(sentences.slice(1));
    denials.answered(evict, 403);
    expect(told).toHaveLength(3);
  });

  it('is not misled by the same call in another namespace', () => {
    const { told, denials } = open();
    for (let round = 0; round < 3; round += 1) {
      denials.answered(evict, 403);
      denials.answered({ ...evict, namespace: 'b' }, 201);
    }
    expect(told).toHaveLength(1);
    expect(denials.list()).toHaveLength(1);
  });

  it.each([0, 404, 409, 422, 429, 500])(
    'takes %d neither for a denial nor for a success',
    (status) => {
      const { told, denials } = open();
      denials.answered(evict, status);
      expect(told).toEqual([]);
      denials.answered(evict, 403);
      denials.answered(evict, status);
      expect(denials.list()).toHaveLength(1);
    },
  );

  it('forgets what was not refused again for two minutes', async () => {
    const { clock, denials } = open();
    denials.answered(evict, 403);
    await clock.advance(120_000);
    expect(denials.list()).toHaveLength(1);
    await clock.advance(1);
    expect(denials.list()).toEqual([]);
  });
});

// SPDX-License-Identifier: Apache-2.0
import { afterEach, describe, expect, it } from 'vitest';
import { LoopWorld } from '../../model/loop-world.ts';

describe('a forged leak beside a real one', () => {
  let world: LoopWorld;
  afterEach(() => world.stop());

  it('does not keep the real one from being healed, though it claims to be worse', async () => {
    let lie = 0;
    let victim = '';
    world = new LoopWorld({
      tell: (pod, bytes) => (pod.metadata.uid === victim ? bytes + lie : bytes),
    });
    await world.clock.advance(10_000);
    const [forged, real] = world.web.pods();
    if (forged === undefined || real === undefined) throw new Error('the world has no pods');
    victim = forged.metadata.uid;
    for (let second = 0; second < 150; second += 1) {
      if (second === 8) world.leak(real);
      lie += 1.2 * 2 ** 20;
      await world.clock.advance(1_000);
    }
    expect(world.evicted()).toEqual([real.metadata.name]);
    expect(real.status?.containerStatuses?.[0]?.restartCount ?? 0).toBe(0);
  });
});

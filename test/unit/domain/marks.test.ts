// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { isHealingDisabled, isMarked, PROTECTED } from '../../../src/domain/marks.ts';

describe('isMarked', () => {
  it.each(['true', 'True', '', 'yes', 'FALSE'])('is true of %j', (value) => {
    expect(isMarked({ [PROTECTED]: value }, PROTECTED)).toBe(true);
  });

  it('is false of `false` and of nothing', () => {
    expect(isMarked({ [PROTECTED]: 'false' }, PROTECTED)).toBe(false);
    expect(isMarked({}, PROTECTED)).toBe(false);
    expect(isMarked({}, 'toString')).toBe(false);
  });
});

describe('isHealingDisabled', () => {
  it.each([
    [{}, false],
    [{ 'homeostat.dev/heal': 'enabled' }, false],
    [{ 'homeostat.dev/heal': 'disabled' }, true],
    [{ 'homeostat.dev/heal': 'Disabled' }, true],
    [{ 'homeostat.dev/heal': '' }, true],
  ])('of %j is %s', (annotations, disabled) => {
    expect(isHealingDisabled(annotations)).toBe(disabled);
  });
});

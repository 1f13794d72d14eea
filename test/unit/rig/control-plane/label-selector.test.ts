// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { parseLabelSelector } from '../../../rig/control-plane/label-selector.ts';

const labels = { app: 'web', tier: 'front' };

describe('parseLabelSelector', () => {
  it.each([
    ['', true],
    ['app=web', true],
    ['app==web', true],
    ['app=web,tier=front', true],
    ['app=web,tier=back', false],
    ['app!=web', false],
    ['stage!=prod', true],
    ['app in (web,api),tier=front', true],
    ['app in (api, batch)', false],
    ['app notin (api,batch)', true],
    ['stage in (prod)', false],
    ['stage notin (prod)', true],
    ['tier', true],
    ['stage', false],
    ['!stage', true],
    ['!tier', false],
  ])('evaluates %j', (selector, expected) => {
    expect(parseLabelSelector(selector)(labels)).toBe(expected);
  });
});

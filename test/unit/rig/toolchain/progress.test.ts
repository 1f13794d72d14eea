// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { binaries } from '../../../rig/toolchain/binaries.ts';
import {
  BuildEstimate,
  type BuildEvent,
  inMinutes,
  printProgress,
} from '../../../rig/toolchain/progress.ts';

const events: readonly BuildEvent[] = [
  { kind: 'waiting', pid: 42 },
  { kind: 'building', names: ['kwok'], elapsedSeconds: 0, leftSeconds: 80 },
  { kind: 'building', names: ['kwok'], elapsedSeconds: 1, leftSeconds: 79 },
  { kind: 'built', name: 'kwok', seconds: 65, leftSeconds: 0 },
];

const printed = (isTTY: boolean): string => {
  let text = '';
  const write = (part: string) => {
    text += part;
  };
  events.forEach(printProgress({ isTTY, columns: 80, write }));
  return text;
};

describe('printProgress', () => {
  it('writes whole lines and no tick when the stream is no terminal', () => {
    expect(printed(false)).toBe(
      [
        'process 42 builds binaries at the moment; waiting for it',
        'building kwok: 0 s, about 1 min 20 s left',
        'built kwok in 1 min 05 s, about 0 s left',
        '',
      ].join('\n'),
    );
  });

  it('renews one line on a terminal', () => {
    expect(printed(true)).toContain('\r\u001b[Kbuilding kwok: 1 s, about 1 min 19 s left');
  });
});

describe('inMinutes', () => {
  it.each([
    [0, '0 s'],
    [59.4, '59 s'],
    [60, '1 min 00 s'],
    [605, '10 min 05 s'],
  ])('writes %d seconds', (seconds, text) => {
    expect(inMinutes(seconds)).toBe(text);
  });
});

describe('BuildEstimate', () => {
  it('starts from the rough times and follows the pace of the machine', () => {
    const first = binaries.kwok.roughSeconds;
    const second = binaries.coredns.roughSeconds;
    let nowMs = 0;
    const estimate = new BuildEstimate(['kwok', 'coredns'], () => nowMs);
    expect(estimate.leftSeconds).toBe(first + second);
    nowMs = (first / 2) * 1000;
    expect(estimate.leftSeconds).toBe(first / 2 + second);
    expect(estimate.finish('kwok')).toBe(first / 2);
    expect(estimate.leftSeconds).toBe(second / 2);
  });
});

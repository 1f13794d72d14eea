// SPDX-License-Identifier: Apache-2.0
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { CorroborationSeries } from '../../../../src/domain/healing.ts';
import { corroborated } from '../../../../src/plan/guards/corroborated.ts';
import { HOUR, having, MINUTE, NOW, points, SECOND } from '../valid-input.ts';
import { itJudges } from './expect-verdict.ts';

type Point = CorroborationSeries['points'][number];
const QUANTITY = 'container.memory.working_set';
const MIB = 2 ** 20;

const series = (patch: Partial<CorroborationSeries>) =>
  having({ corroboration: { quantity: QUANTITY, points, oomKilledAtMs: null, ...patch } });
const each = (change: (point: Point, index: number) => Partial<Point>) =>
  series({ points: points.map((point, i) => ({ ...point, ...change(point, i) })) });
/** Both sources agree at the given ages, and grow by 60 MiB an hour. */
const at = (...agesMs: number[]) =>
  series({
    points: agesMs.map((ageMs) => {
      const bytes = (220 - (ageMs / HOUR) * 60) * MIB;
      return { timeMs: NOW - ageMs, independentBytes: bytes, telemetryBytes: bytes };
    }),
  });

describe('corroborated', () => {
  itJudges(
    corroborated,
    ['corroboration'],
    [
      {
        when: 'there is no point',
        input: series({ points: [] }),
        says: ['NotCorroborated', '0 of 0'],
      },
      { when: 'three points span half of the window', input: at(HOUR, HOUR / 2, 0), says: 'Pass' },
      {
        when: 'two points span half of the window',
        input: at(HOUR, 0),
        says: ['NotCorroborated', '2 of 2', 'at least 3'],
      },
      {
        when: 'the same time is counted three times',
        input: at(HOUR, HOUR, 0, 0, 0),
        says: ['NotCorroborated', '2 of 2'],
      },
      {
        when: 'three points span less than half of the window',
        input: at(55 * MINUTE, 30 * MINUTE, 0),
        says: ['NotCorroborated', 'span 55m'],
      },
      {
        when: 'the newest point is 60 s old',
        input: at(70 * MINUTE, 40 * MINUTE, MINUTE),
        says: 'Pass',
      },
      {
        when: 'the newest point is older than 60 s',
        input: at(70 * MINUTE, 40 * MINUTE, MINUTE + 1),
        says: ['NotCorroborated', 'newest independent figure is 60s old'],
      },
      {
        when: 'points lie in the future, and the newest of the others is old',
        input: at(70 * MINUTE, 40 * MINUTE, 2 * MINUTE, -SECOND),
        says: ['NotCorroborated', 'newest independent figure is 2m old'],
      },
      {
        when: 'points before the fitted window would be needed',
        input: at(3 * HOUR, 2.5 * HOUR, 0),
        says: ['NotCorroborated', '1 of 1'],
      },
      {
        when: 'one figure is 20 % above telemetry',
        input: each(({ telemetryBytes }, i) =>
          i === 300 ? { independentBytes: telemetryBytes! * 1.2 } : {},
        ),
        says: 'Pass',
      },
      {
        when: 'one figure is more than 20 % above telemetry',
        input: each(({ telemetryBytes }, i) =>
          i === 300 ? { independentBytes: telemetryBytes! * 1.2001 } : {},
        ),
        says: ['NotCorroborated', 'apart'],
      },
      {
        when: 'one figure is more than 20 % below telemetry',
        input: each(({ telemetryBytes }, i) =>
          i === 300 ? { independentBytes: telemetryBytes! * 0.7999 } : {},
        ),
        says: ['NotCorroborated', 'apart'],
      },
      {
        when: 'a figure is no number',
        input: each((_, i) => (i === 300 ? { independentBytes: Number.NaN } : {})),
        says: ['NotCorroborated'],
      },
      {
        when: 'telemetry is no number',
        input: each((_, i) => (i === 300 ? { telemetryBytes: Number.NaN } : {})),
        says: ['NotCorroborated'],
      },
      {
        when: 'the newest points are newer than the newest sample',
        input: each((_, i) => (i >= points.length - 4 ? { telemetryBytes: null } : {})),
        says: 'Pass',
      },
      {
        when: 'nothing of the last minutes can be compared',
        input: each((_, i) => (i >= points.length - 12 ? { telemetryBytes: null } : {})),
        says: ['NotCorroborated', 'can be compared is 2m old'],
      },
      {
        when: 'telemetry has a gap of a tenth',
        input: each((_, i) => (i % 10 === 5 ? { telemetryBytes: null } : {})),
        says: 'Pass',
      },
      {
        when: 'telemetry covers exactly half of the points',
        input: each((_, i) => (i % 2 === 0 ? { telemetryBytes: null } : {})),
        says: 'Pass',
      },
      {
        when: 'telemetry shows itself only where it fits',
        input: each((_, i) => (i % 10 > 3 ? { telemetryBytes: null } : {})),
        says: ['NotCorroborated', 'half of them'],
      },
      {
        when: 'the figures compared are of another quantity',
        input: series({ quantity: 'container.memory.rss' }),
        says: ['NotCorroborated', 'container.memory.rss'],
      },
      {
        when: 'the pod is flat while telemetry grows by 18 %',
        input: each((_, i) => ({
          independentBytes: 200 * MIB,
          telemetryBytes: (180 + i / 15) * MIB,
        })),
        says: ['NotCorroborated', 'grows'],
      },
      {
        when: 'the pod grows less than half as fast as telemetry',
        input: each((_, i) => ({
          independentBytes: (200 + i * 0.049) * MIB,
          telemetryBytes: (200 + i * 0.1) * MIB,
        })),
        says: ['NotCorroborated', 'grows'],
      },
      {
        when: 'the pod grows half as fast as telemetry',
        input: each((_, i) => ({
          independentBytes: (200 + i * 0.051) * MIB,
          telemetryBytes: (200 + i * 0.1) * MIB,
        })),
        says: 'Pass',
      },
      {
        when: 'the pod grows more than twice as fast as telemetry',
        input: each((_, i) => ({
          independentBytes: (200 + i * 0.021) * MIB,
          telemetryBytes: (200 + i * 0.01) * MIB,
        })),
        says: ['NotCorroborated', 'grows'],
      },
      {
        when: 'both shrink',
        input: each((_, i) => ({
          independentBytes: (200 - i * 0.01) * MIB,
          telemetryBytes: (200 - i * 0.01) * MIB,
        })),
        says: ['NotCorroborated', 'grows'],
      },
      {
        when: 'the template was OOMKilled, whatever the points say',
        input: series({ points: [], oomKilledAtMs: NOW - HOUR }),
        says: 'Pass',
      },
      {
        when: 'the OOM kill lies in the future',
        input: series({ points: [], oomKilledAtMs: NOW + 1 }),
        says: ['NotCorroborated'],
      },
    ],
  );

  it('refuses every forged rise that ends at the value of a pod that does not grow', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 50, max: 400 }),
        fc.double({ min: 0.01, max: 0.9, noNaN: true }),
        fc.constantFrom(0.5, 1, 2, 4),
        (trueMib, rise, shape) => {
          // From (1 - rise) of the true value up to it, straight or bent; the pod itself is flat
          // but for a ripple of 0.1 %.
          const forged = each((_, i) => {
            const progress = ((i + 1) / points.length) ** shape;
            return {
              independentBytes: trueMib * MIB * (1 + 0.001 * Math.sin(i)),
              telemetryBytes: trueMib * MIB * (1 - rise * (1 - progress)),
            };
          });
          expect(corroborated.check(forged).kind).toBe('Refuse');
        },
      ),
    );
  });

  it('passes every true growth that the kubelet measures within 5 %', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 50, max: 400 }),
        fc.double({ min: 0.3, max: 3, noNaN: true }),
        fc.infiniteStream(fc.double({ min: -0.05, max: 0.05, noNaN: true })),
        (baseMib, growth, noise) => {
          const leak = each((_, i) => {
            const bytes = baseMib * MIB * (1 + (growth * i) / points.length);
            return {
              independentBytes: bytes * (1 + noise.next().value),
              telemetryBytes: bytes,
            };
          });
          expect(corroborated.check(leak)).toEqual({ kind: 'Pass' });
        },
      ),
      { numRuns: 50 },
    );
  });
});

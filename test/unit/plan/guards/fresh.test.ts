// SPDX-License-Identifier: Apache-2.0
import { describe } from 'vitest';
import type { Evidence } from '../../../../src/domain/evidence.ts';
import { fresh } from '../../../../src/plan/guards/fresh.ts';
import { MINUTE, NOW, plan, SECOND, valid } from '../valid-input.ts';
import { itJudges } from './expect-verdict.ts';

const seen = (patch: Partial<Evidence>) => ({
  ...valid,
  plan: {
    ...plan,
    diagnosis: { ...plan.diagnosis, evidence: { ...plan.diagnosis.evidence, ...patch } },
  },
});

describe('fresh', () => {
  itJudges(
    fresh,
    [],
    [
      {
        when: 'the newest sample is 60 s old',
        input: seen({ newestSampleMs: NOW - MINUTE }),
        says: 'Pass',
      },
      {
        when: 'the newest sample is older than 60 s',
        input: seen({ newestSampleMs: NOW - MINUTE - 1 }),
        says: ['StaleData', 'pod shop/web-1', '60s'],
      },
      {
        when: 'three slow intervals have not passed yet',
        input: seen({ newestSampleMs: NOW - 3 * MINUTE, sampleIntervalMs: MINUTE }),
        says: 'Pass',
      },
      {
        when: 'three slow intervals have passed',
        input: seen({ newestSampleMs: NOW - 3 * MINUTE - 1, sampleIntervalMs: MINUTE }),
        says: ['StaleData'],
      },
      {
        when: 'the interval is not known and 60 s have passed',
        input: seen({ newestSampleMs: NOW - MINUTE - 1, sampleIntervalMs: Number.NaN }),
        says: ['StaleData'],
      },
      {
        when: 'the interval is endless and 60 s have passed',
        input: seen({
          newestSampleMs: NOW - MINUTE - 1,
          sampleIntervalMs: Number.POSITIVE_INFINITY,
        }),
        says: ['StaleData'],
      },
      {
        when: 'the sender is 60 s ahead of us',
        input: seen({ newestSampleMs: NOW + MINUTE }),
        says: 'Pass',
      },
      {
        when: 'the sender is further ahead',
        input: seen({ newestSampleMs: NOW + MINUTE + SECOND }),
        says: ['StaleData', 'future'],
      },
      {
        when: 'the time is no number',
        input: seen({ newestSampleMs: Number.NaN }),
        says: ['StaleData'],
      },
    ],
  );
});

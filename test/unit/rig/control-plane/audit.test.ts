// SPDX-License-Identifier: Apache-2.0
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseAudit, readAudit } from '../../../rig/control-plane/audit.ts';

describe('parseAudit', () => {
  it('reads whole lines and leaves a last one that is still being written', () => {
    const events = parseAudit('{"verb":"create"}\n{"verb":"patch"}\n{"verb":"del');
    expect(events.map(({ verb }) => verb)).toEqual(['create', 'patch']);
  });

  it('finds nothing in an empty log', () => {
    expect(parseAudit('')).toEqual([]);
  });
});

describe('readAudit', () => {
  it('finds nothing when the log does not exist yet', async () => {
    expect(await readAudit(join(import.meta.dirname, 'absent.log'))).toEqual([]);
  });
});

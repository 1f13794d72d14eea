// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { linkedLibraries, parseLdd } from '../../../../tools/image/node-runtime.ts';

describe('parseLdd', () => {
  it('keeps each library once, at the path where the loader looks for it', () => {
    const output = [
      '\tlinux-vdso.so.1 (0x00007ffd7b9f5000)',
      '\tlibdl.so.2 => /lib/x86_64-linux-gnu/libdl.so.2 (0x00007f6d4f5d5000)',
      '\tlibstdc++.so.6 => /lib/x86_64-linux-gnu/libstdc++.so.6 (0x00007f6d4f200000)',
      '\t/lib64/ld-linux-x86-64.so.2 (0x00007f6d4f5e6000)',
      '\tlibdl.so.2 => /lib/x86_64-linux-gnu/libdl.so.2 (0x00007f6d4f5d5000)',
    ].join('\n');
    expect(parseLdd(output)).toEqual([
      '/lib/x86_64-linux-gnu/libdl.so.2',
      '/lib/x86_64-linux-gnu/libstdc++.so.6',
      '/lib64/ld-linux-x86-64.so.2',
    ]);
  });

  it('finds none in a static program', () => {
    expect(parseLdd('\tnot a dynamic executable\n')).toEqual([]);
  });
});

describe.skipIf(process.platform !== 'linux')('linkedLibraries', () => {
  it('names those of Node, as files that are there', async () => {
    const paths = (await linkedLibraries(process.execPath)).map(({ path }) => path);
    expect(paths.some((path) => path.includes('/libc.so.'))).toBe(true);
    expect(paths.some((path) => path.includes('/ld-linux'))).toBe(true);
  });

  it('says which program it could not read', async () => {
    await expect(linkedLibraries('/absent')).rejects.toThrow(/libraries of \/absent are missing/);
  });
});

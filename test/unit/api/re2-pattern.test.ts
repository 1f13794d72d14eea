// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { patternObjection } from '../../../src/api/re2-pattern.ts';

/** No literal: a linter refuses it too. */
const EMPTY_CLASS = '[^]';

describe('patternObjection', () => {
  it.each([
    /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/,
    /^([0-9]+(\.[0-9]+)?(ms|s|m|h))+$/,
    /^(?:a|b){1,1000}$/,
    /a\\1/,
    /^\d\w\/[(?=]$/,
  ])('accepts %s', (pattern) => {
    expect(patternObjection(pattern)).toBeNull();
  });

  it.each([
    [/a/i, 'flags `i`'],
    [/a/u, 'flags `u`'],
    [/a(?=b)/, 'lookahead'],
    [/a(?!b)/, 'lookahead'],
    [/(?<=a)b/, 'lookbehind'],
    [/(?<!a)b/, 'lookbehind'],
    [/(a)\1/, 'back reference'],
    [/(?<n>a)\k<n>/, 'back reference'],
    [/\u0041/, 'escape that RE2'],
    [/\cA/, 'escape that RE2'],
    [/a\s/, 'class \\s'],
    [new RegExp(EMPTY_CLASS), 'empty class'],
    [/a{1001}/, 'repeats more than 1000'],
    [/a{1,1001}/, 'repeats more than 1000'],
  ])('objects to %s', (pattern, problem) => {
    expect(patternObjection(pattern)).toContain(problem);
  });
});

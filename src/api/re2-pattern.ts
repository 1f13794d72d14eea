// SPDX-License-Identifier: Apache-2.0
/**
 * The API server compiles patterns with Go's RE2, zod runs them in JavaScript. A pattern may stand in
 * a schema only when both read it alike; this finds out why it may not.
 *
 * Source: the RE2 syntax page (github.com/google/re2/wiki/Syntax), Go's regexp/syntax.
 */

const REPEAT_LIMIT = 1000;

type Pieces = readonly (readonly [RegExp, string])[];

/** Escapes that one of the two does not know, or reads differently. */
const ESCAPES: Pieces = [
  [/^\\[1-9]/, 'a back reference'],
  [/^\\k</, 'a back reference'],
  [/^\\[pP]\{/, 'a property class, which needs a flag in JavaScript'],
  [/^\\[uc]/, 'an escape that RE2 does not know'],
  [/^\\[sS]/, 'the class \\s, which holds more in JavaScript than in RE2'],
  [/^\\[AzCQE]/, 'an escape that JavaScript reads as a letter'],
];

/** The same for groups and the beginnings of classes; inside of a class they mean nothing. */
const GROUPS: Pieces = [
  [/^\(\?[=!]/, 'lookahead'],
  [/^\(\?<[=!]/, 'lookbehind'],
  [/^\[\^?\]/, 'an empty class'],
  [/^\[\[:/, 'a POSIX class, which JavaScript does not know'],
];

const foundAt = (pieces: Pieces, rest: string): string | undefined =>
  pieces.find(([piece]) => piece.test(rest))?.[1];

const foreignPiece = (source: string): string | undefined => {
  let isInClass = false;
  for (let i = 0; i < source.length; i++) {
    const rest = source.slice(i);
    const found = foundAt(ESCAPES, rest) ?? (isInClass ? undefined : foundAt(GROUPS, rest));
    if (found !== undefined) return found;
    if (source[i] === '\\') i++;
    else if (source[i] === '[') isInClass = true;
    else if (source[i] === ']') isInClass = false;
  }
  return undefined;
};

const repeatsTooOften = (source: string): boolean =>
  [...source.matchAll(/\{([0-9]+)(?:,([0-9]*))?\}/g)].some(
    ([, low, high]) => Number(low) > REPEAT_LIMIT || Number(high ?? 0) > REPEAT_LIMIT,
  );

/**
 * Says why a pattern may not stand in a schema that both JavaScript and RE2 read; `null` when it may.
 * Flags are refused, because JSON schema loses them.
 */
export const patternObjection = (pattern: RegExp): string | null => {
  if (pattern.flags !== '') return `has the flags \`${pattern.flags}\`, which a schema loses`;
  const { source } = pattern;
  const foreign = foreignPiece(source);
  if (foreign !== undefined) return `uses ${foreign}`;
  if (repeatsTooOften(source)) return `repeats more than ${REPEAT_LIMIT} times, which RE2 refuses`;
  return null;
};

// SPDX-License-Identifier: Apache-2.0

/** Bytes of a note that the API server takes (kubernetes pkg/apis/core/validation, NoteLengthLimit). */
export const MAX_NOTE_BYTES = 1024;
/** Bytes of a reason, an action or an instance. */
export const MAX_WORD_BYTES = 128;

const ELLIPSIS = '…';
/** Control, format and separator characters, and halves of surrogate pairs: what can forge or hide text. */
const UNSAFE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu;

const escapeCharacter = (character: string): string =>
  `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`;

/** Writes invisible and control characters as `\u{...}`, so that a note is one line that shows all it holds. */
export const escapeText = (text: string): string => text.replace(UNSAFE, escapeCharacter);

/** Cuts a text to so many bytes of UTF-8, between characters, with an ellipsis when it was longer. */
export function cutToBytes(text: string, maxBytes: number): string {
  if (Buffer.byteLength(text) <= maxBytes) return text;
  const room = maxBytes - Buffer.byteLength(ELLIPSIS);
  let bytes = 0;
  let end = 0;
  for (const character of text) {
    bytes += Buffer.byteLength(character);
    if (bytes > room) break;
    end += character.length;
  }
  return text.slice(0, end) + ELLIPSIS;
}

/** Makes the note of an Event from any text. */
export const eventNote = (text: string): string => cutToBytes(escapeText(text), MAX_NOTE_BYTES);

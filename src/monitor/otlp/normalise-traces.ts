// SPDX-License-Identifier: Apache-2.0
import { type BatchDraft, nanoToMs } from './batch-draft.ts';
import type { Columns } from './columns.ts';
import type { NormaliserCounters } from './normaliser-counters.ts';
import { NEW_REPORTER, type NormaliserState } from './normaliser-state.ts';
import type { Rejection } from './rejections.ts';
import { SPAN_KIND } from './span-columns.ts';

/**
 * Normalises spans: each is checked by the rules of OTLP, and server spans count as requests where
 * their process reports no metric of requests.
 */
export const normaliseSpans = (context: {
  readonly draft: BatchDraft;
  readonly state: NormaliserState;
  readonly counters: NormaliserCounters;
}): void => {
  const { draft, state, counters } = context;
  const { spans } = draft.columns;
  for (let row = 0; row < spans.rows; row += 1) {
    const refused = refusedSpan(draft, row);
    if (refused !== undefined) {
      draft.tally.add(refused);
      continue;
    }
    if (spans.kind[row] !== SPAN_KIND.server) {
      counters.unused += 1;
      continue;
    }
    const source = draft.source(spans.scope[row]!);
    if (!source.isIdentified) {
      counters.unidentified += 1;
      continue;
    }
    const reporter = state.reporters.get(source.key) ?? NEW_REPORTER;
    if (reporter.http > 0 || reporter.rpc > 0) {
      counters.superseded += 1;
      continue;
    }
    const id = spanKey(draft.columns, row);
    if (state.spanIds.get(id) === true) {
      counters.duplicates += 1;
      continue;
    }
    state.spanIds.set(id, true);
    if (!reporter.hasSpans) state.amendReporter(source.key, { hasSpans: true });
    draft.addSpanRequest(source, nanoToMs(spans.endLo[row]!, spans.endHi[row]!));
  }
};

const refusedSpan = (draft: BatchDraft, row: number): Rejection | undefined => {
  const { spans } = draft.columns;
  if (spans.traceIdLength[row] !== 16 || isZero(spans.traceId, row, 4)) return 'badTraceId';
  if (spans.spanIdLength[row] !== 8 || isZero(spans.spanId, row, 2)) return 'badSpanId';
  if (spans.parentIdLength[row] !== 8 && spans.parentIdLength[row] !== 0) return 'badParentId';
  return draft.refusedTime(spans.endLo[row]!, spans.endHi[row]!);
};

const isZero = (words: Uint32Array, row: number, size: number): boolean => {
  for (let word = row * size; word < (row + 1) * size; word += 1) {
    if (words[word] !== 0) return false;
  }
  return true;
};

/** The ids as a text of twelve 16-bit characters. */
const spanKey = (columns: Columns, row: number): string => {
  const { traceId, spanId } = columns.spans;
  for (let word = 0; word < 4; word += 1) {
    const value = traceId[row * 4 + word]!;
    KEY_UNITS[word * 2] = value >>> 16;
    KEY_UNITS[word * 2 + 1] = value & 0xffff;
  }
  for (let word = 0; word < 2; word += 1) {
    const value = spanId[row * 2 + word]!;
    KEY_UNITS[8 + word * 2] = value >>> 16;
    KEY_UNITS[9 + word * 2] = value & 0xffff;
  }
  return String.fromCharCode.apply(null, KEY_UNITS);
};

const KEY_UNITS: number[] = new Array(12).fill(0);

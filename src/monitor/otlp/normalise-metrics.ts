// SPDX-License-Identifier: Apache-2.0
import { type BatchDraft, nanoToMs, toBigInt } from './batch-draft.ts';
import { type Columns, VALUE } from './columns.ts';
import { bidForGauge } from './gauge-owner.ts';
import { attributesDigest, compactKey, type Source } from './identity-claim.ts';
import { METRIC, NUMBER, TEMPORALITY } from './metric-columns.ts';
import type { NormaliserCounters } from './normaliser-counters.ts';
import { NEW_REPORTER, type NormaliserState } from './normaliser-state.ts';
import type { Rejection } from './rejections.ts';
import { stepCumulative, stepDelta } from './request-counter.ts';
import {
  bytesPerUnit,
  type GaugeName,
  gaugeName,
  type RequestName,
  requestName,
} from './semantic-names.ts';

/** `DataPointFlags.NO_RECORDED_VALUE`. */
const NO_RECORDED_VALUE = 1;
/** A first cumulative point counts in full when its counter is no older than this. */
const NEW_COUNTER_NANO = 300_000_000_000n;
/** A longer name or unit is not one that is known; it is not even read. */
const MAX_TEXT_BYTES = 255;
/** Stands for a text that is too long; no name and no unit is called so. */
const TOO_LONG = '?';
/** So long after a container's own series was seen, the sum over its pod is not needed. */
const CONTAINER_SCOPE_MS = 600_000;

interface Context {
  readonly draft: BatchDraft;
  readonly state: NormaliserState;
  readonly counters: NormaliserCounters;
}

interface MetricRow {
  readonly row: number;
  readonly name: string;
  readonly unit: string;
  readonly source: Source;
  readonly gauge: GaugeName | undefined;
  readonly request: RequestName | undefined;
}

/**
 * Normalises the points of a metrics request. Every point is checked by the rules of OTLP, whatever
 * its name; those of known names become gauges or requests.
 */
export const normaliseMetrics = (context: Context): void => {
  const { draft, state } = context;
  const rows = readMetricRows(draft);
  for (const metric of rows) {
    if (metric.request === undefined || draft.columns.metrics.pointCount[metric.row] === 0)
      continue;
    state.noteRequestMetric(metric.source.key, metric.request, draft.receivedAtMs);
  }
  // Containers before pods: the sum over a pod counts only where no container speaks for itself.
  for (const metric of rows) if (metric.gauge?.scope !== 'pod') normaliseMetric(context, metric);
  for (const metric of rows) if (metric.gauge?.scope === 'pod') normaliseMetric(context, metric);
};

const readMetricRows = (draft: BatchDraft): MetricRow[] => {
  const { columns } = draft;
  const { metrics } = columns;
  return Array.from({ length: metrics.rows }, (_, row) => {
    const name = boundedText(columns, metrics.nameOffset[row]!, metrics.nameLength[row]!);
    return {
      row,
      name,
      unit: boundedText(columns, metrics.unitOffset[row]!, metrics.unitLength[row]!),
      source: draft.source(metrics.scope[row]!),
      gauge: gaugeName(name),
      request: requestName(name),
    };
  });
};

const boundedText = (columns: Columns, offset: number, length: number): string =>
  length > MAX_TEXT_BYTES ? TOO_LONG : columns.text(offset, length);

const normaliseMetric = (context: Context, metric: MetricRow): void => {
  const { metrics } = context.draft.columns;
  const first = metrics.firstPoint[metric.row]!;
  for (let point = first; point < first + metrics.pointCount[metric.row]!; point += 1) {
    const refused = refusedPoint(context.draft, metric.row, point);
    if (refused !== undefined) context.draft.tally.add(refused);
    else if (metric.gauge !== undefined) useGauge(context, metric, metric.gauge, point);
    else if (metric.request !== undefined) useRequest(context, metric, metric.request, point);
    else context.counters.unused += 1;
  }
};

const hasNoRecordedValue = (columns: Columns, point: number): boolean =>
  (columns.points.flags[point]! & NO_RECORDED_VALUE) !== 0;

/** The rules that hold for a point of any name. */
const refusedPoint = (draft: BatchDraft, metric: number, point: number): Rejection | undefined => {
  const { columns } = draft;
  const { points, metrics } = columns;
  const time = draft.refusedTime(points.timeLo[point]!, points.timeHi[point]!);
  if (time !== undefined) return time;
  const kind = metrics.kind[metric]!;
  const temporality = metrics.temporality[metric]!;
  if (
    kind !== METRIC.gauge &&
    kind !== METRIC.summary &&
    temporality !== TEMPORALITY.delta &&
    temporality !== TEMPORALITY.cumulative
  ) {
    return 'temporality';
  }
  if (hasNoRecordedValue(columns, point)) return undefined;
  if (kind === METRIC.gauge || kind === METRIC.sum) {
    return points.valueKind[point] === NUMBER.none ? 'noValue' : undefined;
  }
  if (kind !== METRIC.histogram) return undefined;
  const buckets = points.bucketCount[point]!;
  const bounds = points.boundCount[point]!;
  // One bucket without a bound is legal, and so is neither.
  return buckets === bounds + 1 || (buckets === 0 && bounds === 0) ? undefined : 'bucketShape';
};

const useGauge = (context: Context, metric: MetricRow, name: GaugeName, point: number): void => {
  const { draft, counters } = context;
  const { columns } = draft;
  const { metrics, points } = columns;
  const isLevel =
    metrics.kind[metric.row] === METRIC.gauge ||
    (metrics.kind[metric.row] === METRIC.sum &&
      metrics.isMonotonic[metric.row] === 0 &&
      metrics.temporality[metric.row] === TEMPORALITY.cumulative);
  if (!isLevel || !isWanted(columns, point, name)) {
    counters.unused += 1;
    return;
  }
  if (hasNoRecordedValue(columns, point)) {
    counters.noRecordedValue += 1;
    return;
  }
  const factor = bytesPerUnit(metric.unit);
  if (factor === undefined) {
    draft.tally.add('badUnit');
    return;
  }
  const value = factor * numberOf(columns, point);
  if (!Number.isFinite(value) || value < 0) {
    draft.tally.add('badValue');
    return;
  }
  if (!metric.source.isIdentified) {
    counters.unidentified += 1;
    return;
  }
  const timeMs = nanoToMs(points.timeLo[point]!, points.timeHi[point]!);
  emitGauge(context, { metric, name, point, value, timeMs });
};

const isWanted = (columns: Columns, point: number, name: GaugeName): boolean => {
  if (name.where === undefined) return true;
  const { points, attributes } = columns;
  const first = points.firstAttribute[point]!;
  let found = '';
  for (let row = first; row < first + points.attributeCount[point]!; row += 1) {
    if (columns.text(attributes.keyOffset[row]!, attributes.keyLength[row]!) !== name.where[0]) {
      continue;
    }
    found =
      attributes.kind[row] === VALUE.string
        ? columns.text(attributes.offset[row]!, attributes.length[row]!)
        : '';
  }
  return found === name.where[1];
};

const numberOf = (columns: Columns, point: number): number => {
  const { points } = columns;
  return points.valueKind[point] === NUMBER.double
    ? points.value[point]!
    : (points.intHi[point]! | 0) * 4_294_967_296 + points.intLo[point]!;
};

const emitGauge = (
  context: Context,
  sample: { metric: MetricRow; name: GaugeName; point: number; value: number; timeMs: number },
): void => {
  const { draft, state, counters } = context;
  const { metric, name } = sample;
  const { source } = metric;
  const scopeKeys = source.podKeys.map((pod) => `${name.quantity} ${pod}`);
  if (name.scope === 'pod') {
    const isCovered = scopeKeys.some((key) => {
      const seenMs = state.containerScope.get(key);
      return seenMs !== undefined && draft.receivedAtMs - seenMs < CONTAINER_SCOPE_MS;
    });
    if (isCovered) {
      counters.superseded += 1;
      return;
    }
  }
  const container = name.scope === 'pod' ? undefined : source.claim.container;
  const ownerKey = compactKey(JSON.stringify([name.quantity, source.podKeys[0], container ?? '']));
  const bid = bidForGauge(state.gaugeOwners.get(ownerKey), {
    series: seriesKey(draft, metric, sample.point),
    rank: name.rank,
    timeMs: sample.timeMs,
  });
  const { container: _, ...podClaim } = source.claim;
  const gauge = {
    claim: name.scope === 'pod' ? podClaim : source.claim,
    quantity: name.quantity,
    timeMs: sample.timeMs,
    value: sample.value,
    sender: source.digest(),
  };
  if (bid.outcome !== 'kept') {
    counters[COUNTER_OF_BID[bid.outcome]] += 1;
    // Who is right is not for the first to decide.
    if (bid.outcome === 'overlap') draft.rivals.push(gauge);
    return;
  }
  state.gaugeOwners.set(ownerKey, bid.owner);
  if (name.scope === 'container' && container !== undefined) {
    for (const key of scopeKeys) state.containerScope.set(key, draft.receivedAtMs);
  }
  if (name.renamedTo !== undefined) draft.oldNames.set(metric.name, name.renamedTo);
  draft.gauges.push(gauge);
};

const COUNTER_OF_BID = {
  duplicate: 'duplicates',
  superseded: 'superseded',
  overlap: 'overlapping',
} as const;

/** Identity of a series: resource, scope, name, unit and attributes. */
const seriesKey = (draft: BatchDraft, metric: MetricRow, point: number): string => {
  const { columns } = draft;
  const { points } = columns;
  const scopeName = draft.scopeName(columns.metrics.scope[metric.row]!);
  return attributesDigest(columns, columns.attributes, {
    first: points.firstAttribute[point]!,
    count: points.attributeCount[point]!,
    prefix: JSON.stringify([metric.source.digest(), scopeName, metric.name, metric.unit]),
  });
};

const isCount = (kind: number): boolean =>
  kind === METRIC.histogram || kind === METRIC.exponential || kind === METRIC.summary;

const useRequest = (
  context: Context,
  metric: MetricRow,
  name: RequestName,
  point: number,
): void => {
  const { draft, state, counters } = context;
  const { columns } = draft;
  if (!isCount(columns.metrics.kind[metric.row]!)) {
    counters.unused += 1;
    return;
  }
  const count = columns.points.countHi[point]! * 4_294_967_296 + columns.points.countLo[point]!;
  if (!Number.isSafeInteger(count)) {
    draft.tally.add('badValue');
    return;
  }
  if (!metric.source.isIdentified) {
    counters.unidentified += 1;
    return;
  }
  const reporter = state.reporters.get(metric.source.key) ?? NEW_REPORTER;
  if (name.rank < reporter[name.family]) {
    counters.superseded += 1;
    return;
  }
  if (name.renamedTo !== undefined) draft.oldNames.set(metric.name, name.renamedTo);
  countRequests(context, metric, { point, count });
};

const countRequests = (
  context: Context,
  metric: MetricRow,
  sample: { point: number; count: number },
): void => {
  const { draft, state, counters } = context;
  const { points, metrics } = draft.columns;
  const { point, count } = sample;
  const key = seriesKey(draft, metric, point);
  const previous = state.series.get(key);
  const timeNano = toBigInt(points.timeLo[point]!, points.timeHi[point]!);
  const startNano = toBigInt(points.startLo[point]!, points.startHi[point]!);
  if (hasNoRecordedValue(draft.columns, point)) {
    counters.noRecordedValue += 1;
    if (previous !== undefined) state.series.set(key, { ...previous, isClosed: true });
    return;
  }
  const isDelta = metrics.temporality[metric.row] === TEMPORALITY.delta;
  const step = isDelta
    ? stepDelta(previous, { startNano, timeNano, count })
    : stepCumulative(
        previous,
        { startNano, timeNano, count },
        isWhollyNew(context, metric.source, timeNano - startNano),
      );
  if (step.state !== null) state.series.set(key, step.state);
  if (step.outcome === 'counted') {
    draft.addRequests(
      metric.source,
      nanoToMs(points.timeLo[point]!, points.timeHi[point]!),
      step.increment,
    );
  } else counters[COUNTER_OF_STEP[step.outcome]] += 1;
};

const COUNTER_OF_STEP = {
  baseline: 'baselines',
  late: 'duplicates',
  overlap: 'overlapping',
} as const;

/**
 * A series that is met for the first time counts in full if it began lately, or if its process was
 * already watched before it appeared. Otherwise its past would look like a burst of requests. What
 * was counted by spans before is not counted again.
 */
const isWhollyNew = (context: Context, source: Source, ageNano: bigint): boolean => {
  const { state, draft } = context;
  const reporter = state.reporters.get(source.key) ?? NEW_REPORTER;
  const isWatched =
    reporter.metricSinceMs !== 0 &&
    reporter.metricSinceMs < draft.receivedAtMs &&
    state.series.evicted === 0;
  return isWatched || (!reporter.hasSpans && ageNano <= NEW_COUNTER_NANO);
};

// SPDX-License-Identifier: Apache-2.0
import type { UnixMs } from '../domain/clock.ts';
import { type Fact, known, unknown } from '../domain/fact.ts';
import type { CorroborationSeries, Plan, PodFacts } from '../domain/healing.ts';
import type { ExecutionPorts } from './ports.ts';

/** How many distinct moments are the least that say anything about a growth. */
const MIN_POINTS = 3;
/** The part of the fitted window that the independent series must span before it says anything. */
const MIN_SPAN = 0.5;
/** Points asked of the telemetry side at once. */
const MAX_POINTS = 720;

/** Finds the newest OOM kill of this container among the pods of the target's template generation. */
const newestOomKill = (
  podUid: string,
  container: string,
  peers: readonly PodFacts[],
): UnixMs | null => {
  const template = peers.find(({ uid }) => uid === podUid)?.templateHash;
  if (template === undefined || template === '') return null;
  const ends = peers
    .filter(({ templateHash }) => templateHash === template)
    .flatMap(({ containers }) => containers)
    .filter(({ name, lastTermination }) => name === container && lastTermination !== null)
    .map(({ lastTermination }) => lastTermination)
    .filter((each) => each?.reason === 'OOMKilled')
    .map((each) => each?.finishedAtMs ?? 0);
  return ends.length === 0 ? null : Math.max(...ends);
};

/**
 * Puts what metrics.k8s.io said of the target beside what telemetry says at the same moments. A
 * series too short to judge is unknown, which is not the same as one that disagrees: after a restart
 * of the operator it comes back.
 */
export const gatherCorroboration = async (
  plan: Plan,
  peers: Fact<readonly PodFacts[]>,
  ports: Pick<ExecutionPorts, 'analysis' | 'metrics' | 'clock'>,
): Promise<Fact<CorroborationSeries>> => {
  if (peers.kind === 'unknown') return peers;
  const { evidence } = plan.diagnosis;
  const { uid } = plan.target.pod;
  const { container } = plan.target;
  const nowMs = ports.clock.wallMs();
  const range = { fromMs: evidence.window.fromMs, toMs: nowMs };
  const samples = ports.metrics.series(uid, container, range).slice(-MAX_POINTS);
  const oomKilledAtMs = newestOomKill(uid, container, peers.value);
  const newest = samples.at(-1)?.timeMs ?? 0;
  const spanMs = newest - (samples[0]?.timeMs ?? newest);
  const windowMs = evidence.window.toMs - evidence.window.fromMs;
  const isTooShort = samples.length < MIN_POINTS || spanMs < MIN_SPAN * windowMs;
  if (isTooShort && oomKilledAtMs === null) {
    return unknown(
      `metrics.k8s.io has ${samples.length} samples over ${Math.round(spanMs / 1000)} s of a window of ${Math.round(windowMs / 1000)} s`,
    );
  }
  const timesMs = samples.map(({ timeMs }) => timeMs);
  try {
    const { quantity } = evidence;
    const query = { kind: 'interpolate', podUid: uid, container, quantity, timesMs } as const;
    const answer = await ports.analysis.query(query);
    if (answer.kind !== 'interpolate') return unknown('telemetry interpolated: no such answer');
    const points = samples.map(({ timeMs, bytes }, index) => ({
      timeMs,
      independentBytes: bytes,
      telemetryBytes: answer.values[index] ?? null,
    }));
    return known({ quantity, points, oomKilledAtMs }, nowMs, 'metrics.k8s.io and telemetry');
  } catch (error) {
    return unknown(`telemetry interpolated: ${error instanceof Error ? error.message : 'lost'}`);
  }
};

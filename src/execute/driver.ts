// SPDX-License-Identifier: Apache-2.0
/**
 * The thin driver of the protocol: does what a step asks, feeds the answer back, and nothing else.
 * Whatever it forgets in a crash, the record knows.
 */
import type { HealingAction } from '../api/healing-action.ts';
import type { Analysis, AnalysisAnswer, AnalysisQuery } from '../domain/analysis.ts';
import type { Clock } from '../domain/clock.ts';
import type { ApiReply, ApiRequest, ClusterPort, Leadership } from '../domain/cluster.ts';
import { observeWorkloadPods } from './ownership.ts';
import type { Decision, DriveEnd, ExecutionObserver } from './ports.ts';
import { begin, step } from './protocol.ts';
import type { Now, ProtocolState, Reply, Request } from './protocol-state.ts';
import { phaseOf } from './record.ts';

/** What one drive needs. */
export interface DriverPorts {
  /** Fenced for {@link DriverPorts.epoch}. */
  readonly cluster: ClusterPort;
  readonly analysis: Pick<Analysis, 'query'>;
  readonly clock: Clock;
  readonly leadership: Leadership;
  readonly epoch: number;
  /** Gathers again and asks the guards again; never rejects. */
  readonly decide: (record: HealingAction) => Promise<Decision>;
  readonly podsChanged?: ((namespace: string, signal: AbortSignal) => Promise<void>) | undefined;
  readonly observer?: ExecutionObserver | undefined;
}

/** However often pods change, they are looked at no more often than this, in ms. */
const MIN_LOOK_MS = 250;

const wait = async (
  ports: DriverPorts,
  record: HealingAction,
  options: { readonly ms: number; readonly wake: 'time' | 'pods'; readonly signal: AbortSignal },
): Promise<void> => {
  const { ms, wake, signal } = options;
  if (wake === 'time' || ports.podsChanged === undefined) {
    await ports.clock.sleep(ms, signal);
    return;
  }
  await ports.clock.sleep(Math.min(ms, MIN_LOOK_MS), signal);
  const over = new AbortController();
  const either = AbortSignal.any([signal, over.signal]);
  await Promise.race([
    ports.clock.sleep(ms - MIN_LOOK_MS, either),
    ports.podsChanged(record.metadata.namespace, either),
  ]);
  over.abort();
};

const query = async (
  ports: DriverPorts,
  question: AnalysisQuery,
): Promise<AnalysisAnswer | null> => {
  try {
    return await ports.analysis.query(question);
  } catch {
    // The worker is gone: the fact is unknown, which the protocol handles.
    return null;
  }
};

const perform = async (
  ports: DriverPorts,
  state: ProtocolState,
  request: Exclude<Request, { kind: 'done' }>,
  signal: AbortSignal,
): Promise<Reply> => {
  const { record } = state;
  switch (request.kind) {
    case 'kube':
      return { kind: 'kube', reply: await ports.cluster.send(request.request, signal) };
    case 'decide':
      return { kind: 'decision', decision: await ports.decide(record) };
    case 'observe': {
      const workload = { namespace: record.metadata.namespace, uid: record.spec.workload.uid };
      return { kind: 'observation', pods: await observeWorkloadPods(ports, workload) };
    }
    case 'query':
      return { kind: 'answer', answer: await query(ports, request.query) };
    case 'wait':
      await wait(ports, record, { ms: request.ms, wake: request.wake, signal });
      return { kind: 'woken' };
  }
};

const isRecordWrite = (request: Request): request is { kind: 'kube'; request: ApiRequest } =>
  request.kind === 'kube' && request.request.subresource === 'status';

/** Only a person can mend these; everything else is tried again in silence. */
const isForPeople = (reply: ApiReply): reply is Extract<ApiReply, { kind: 'refused' }> =>
  reply.kind === 'refused' && [400, 401, 403, 422].includes(reply.status);

const report = (
  { observer }: DriverPorts,
  before: ProtocolState,
  after: ProtocolState,
  exchange: { readonly request: Request; readonly reply: Reply },
): void => {
  const { request, reply } = exchange;
  if (isRecordWrite(request) && reply.kind === 'kube' && isForPeople(reply.reply)) {
    observer?.writeRefused?.(before.record, reply.reply.status, reply.reply.message);
  }
  const previous = phaseOf(before.record);
  if (phaseOf(after.record) !== previous) observer?.phaseChanged?.(after.record, previous);
};

/**
 * Drives one record until it is terminal, owned by a newer leader, or gone; or until this process no
 * longer leads in the term that it began in. Never rejects.
 */
export const driveRecord = async (
  record: HealingAction,
  ports: DriverPorts,
  signal: AbortSignal,
): Promise<DriveEnd> => {
  const now = (): Now => ({ wallMs: ports.clock.wallMs(), monoMs: ports.clock.monoMs() });
  const self = { epoch: ports.epoch, holder: ports.leadership.identity };
  let { state, request } = begin(record, self, now());
  while (request.kind !== 'done') {
    if (signal.aborted || ports.leadership.epoch() !== ports.epoch) {
      return { kind: 'stopped', record: state.record };
    }
    const reply = await perform(ports, state, request, signal);
    const next = step(state, reply, now());
    report(ports, state, next.state, { request, reply });
    ({ state, request } = next);
  }
  if (request.end === 'fenced') ports.observer?.fenced?.(state.record);
  return { kind: request.end, record: state.record };
};

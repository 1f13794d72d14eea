// SPDX-License-Identifier: Apache-2.0
/** Live reads as facts: whatever cannot be read is said to be unknown, with the reason. */
import type { Clock } from '../domain/clock.ts';
import type { ApiReply, ApiRequest, ClusterPort } from '../domain/cluster.ts';
import { type Fact, known, unknown } from '../domain/fact.ts';
import { listAt } from './raw-json.ts';

/** What a read needs. */
export interface ReadPorts {
  readonly cluster: ClusterPort;
  readonly clock: Pick<Clock, 'wallMs'>;
}

/** Where something is read, without the verb. */
export type Place = Omit<ApiRequest, 'verb' | 'body' | 'patchType' | 'dryRun'>;

const placeText = ({ resource, namespace, name }: Place): string =>
  [resource, namespace, name].filter((part) => part !== undefined).join('/');

const failure = (reply: Exclude<ApiReply, { kind: 'ok' }>): string =>
  reply.kind === 'refused' ? `${reply.status} ${reply.reason} ${reply.message}` : reply.message;

/** Reads one object; a known `null` means that the API server says it does not exist. */
export const readObject = async (ports: ReadPorts, place: Place): Promise<Fact<unknown>> => {
  const reply = await ports.cluster.send({ verb: 'get', ...place });
  const source = `GET ${placeText(place)}`;
  if (reply.kind === 'ok') return known(reply.body, ports.clock.wallMs(), source);
  if (reply.kind === 'refused' && reply.status === 404) {
    return known(null, ports.clock.wallMs(), source);
  }
  return unknown(`${source}: ${failure(reply)}`);
};

/** Reads a whole list from the quorum. */
export const readList = async (
  ports: ReadPorts,
  place: Place,
): Promise<Fact<readonly unknown[]>> => {
  const reply = await ports.cluster.send({ verb: 'list', ...place });
  const source = `LIST ${placeText(place)}`;
  if (reply.kind !== 'ok') return unknown(`${source}: ${failure(reply)}`);
  return known(listAt(reply.body, 'items'), ports.clock.wallMs(), source);
};

/** Computes one fact from another; an unknown one stays what it is. */
export const mapFact = <T, U>(fact: Fact<T>, compute: (value: T) => U): Fact<U> =>
  fact.kind === 'known' ? { ...fact, value: compute(fact.value) } : fact;

/** Computes a fact from two; unknown as soon as one is, observed when the older one was. */
export const bothFacts = <A, B, U>(
  first: Fact<A>,
  second: Fact<B>,
  compute: (a: A, b: B) => U,
): Fact<U> => {
  if (first.kind === 'unknown') return first;
  if (second.kind === 'unknown') return second;
  return known(
    compute(first.value, second.value),
    Math.min(first.observedAtMs, second.observedAtMs),
    `${first.source}, ${second.source}`,
  );
};

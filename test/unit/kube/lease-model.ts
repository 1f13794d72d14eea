// SPDX-License-Identifier: Apache-2.0
// A model of the API server that keeps one Lease, and of machines whose clocks drift, whose network loses
// requests and replies, and whose processes freeze. Everything runs on one virtual clock.
import type { Clock } from '../../../src/domain/clock.ts';
import { ApiError } from '../../../src/kube/api-error.ts';
import { LeaseElection, type LeaseOptions, type StopReason } from '../../../src/kube/lease.ts';
import { EPOCH_ANNOTATION, readLease } from '../../../src/kube/lease-record.ts';
import type { KubeObject } from '../../../src/kube/resource.ts';
import type {
  ApiRequest,
  ApiResponse,
  Transport,
  WatchRequest,
} from '../../../src/kube/transport.ts';
import type { WatchStream } from '../../../src/kube/watch-stream.ts';
import type { VirtualClock } from '../../rig/virtual-clock.ts';
import { FakeWatch, lost, status } from './fake-transport.ts';

type Fields = Record<string, unknown>;

const isFields = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Source: RFC 7396. */
function mergePatch(target: unknown, patch: unknown): unknown {
  if (!isFields(patch)) return patch;
  const merged: Fields = isFields(target) ? { ...target } : {};
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) delete merged[name];
    else merged[name] = mergePatch(merged[name], value);
  }
  return merged;
}

/** Keeps one Lease as the API server does: uid, resourceVersion, 404, 409. */
export class LeaseServer {
  /** Epochs in the order in which they were stored. */
  readonly epochs: number[] = [];
  readonly writes: ApiRequest[] = [];
  readonly watches = new Set<FakeWatch>();
  #lease: KubeObject | null = null;
  #version = 100;
  #uid = 0;

  get lease(): KubeObject | null {
    return this.#lease;
  }

  get epoch(): number {
    return this.#lease === null ? 0 : readLease(this.#lease).epoch;
  }

  delete(): void {
    const last = this.#lease;
    this.#lease = null;
    if (last !== null) this.#tell('DELETED', last);
  }

  /** Sets the Lease as an administrator would. */
  edit(change: (lease: KubeObject) => unknown): void {
    if (this.#lease !== null) this.#store(change(this.#lease) as KubeObject);
  }

  handle(request: ApiRequest): { status: number; body: unknown } {
    if (request.method === 'GET') {
      if (this.#lease === null) throw status(404, 'NotFound');
      return { status: 200, body: this.#lease };
    }
    this.writes.push(request);
    if (request.method === 'POST') {
      if (this.#lease !== null) throw status(409, 'AlreadyExists');
      this.#uid += 1;
      const object = request.body as KubeObject;
      const metadata = { ...object.metadata, uid: `lease-${this.#uid}` };
      return { status: 201, body: this.#store({ ...object, metadata }) };
    }
    if (this.#lease === null) throw status(404, 'NotFound');
    const patch = request.body as KubeObject;
    const { uid, resourceVersion } = this.#lease.metadata;
    if (patch.metadata.uid !== uid || patch.metadata.resourceVersion !== resourceVersion) {
      throw status(409, 'Conflict');
    }
    return { status: 200, body: this.#store(mergePatch(this.#lease, patch) as KubeObject) };
  }

  #store(lease: KubeObject): KubeObject {
    this.#version += 1;
    const metadata = { ...lease.metadata, resourceVersion: String(this.#version) };
    this.#lease = { ...lease, metadata };
    const epoch = Number(metadata.annotations?.[EPOCH_ANNOTATION] ?? '0');
    if (epoch !== this.epochs.at(-1)) this.epochs.push(epoch);
    this.#tell('MODIFIED', this.#lease);
    return this.#lease;
  }

  #tell(type: string, lease: KubeObject): void {
    for (const watch of this.watches) watch.send(type, lease);
  }
}

/** How the network treats one request. */
export interface Delivery {
  readonly fault: 'none' | 'dropRequest' | 'loseReply';
  /** Milliseconds on the way there and back. */
  readonly thereMs: number;
  readonly backMs: number;
}

export const PROMPT: Delivery = { fault: 'none', thereMs: 0, backMs: 0 };

/** One machine: its own clock rate, its own network, and a process that can freeze. */
export class Machine implements Clock, Transport {
  readonly server: LeaseServer;
  /** Seconds of this machine per second of the world. */
  readonly rate: number;
  readonly #world: VirtualClock;
  #thaw: PromiseWithResolvers<void> | null = null;
  deliver: (request: ApiRequest) => Delivery = () => PROMPT;

  constructor(world: VirtualClock, server: LeaseServer, rate = 1) {
    this.#world = world;
    this.server = server;
    this.rate = rate;
  }

  wallMs(): number {
    return this.#world.wallMs() * 1;
  }

  monoMs(): number {
    return this.#world.monoMs() * this.rate;
  }

  async sleep(ms: number, signal?: AbortSignal): Promise<void> {
    await this.#world.sleep(ms / this.rate, signal);
    await this.#running();
  }

  freeze(): void {
    this.#thaw ??= Promise.withResolvers<void>();
  }

  thaw(): void {
    this.#thaw?.resolve();
    this.#thaw = null;
  }

  async request(request: ApiRequest): Promise<ApiResponse> {
    const deadline = new AbortController();
    const answer = this.#exchange(request);
    answer.catch(() => undefined);
    const late = this.sleep(request.deadlineMs ?? 30_000, deadline.signal).then(() => {
      throw new ApiError({ code: 0, reason: 'DeadlineExceeded', message: '', sent: 'unknown' });
    });
    late.catch(() => undefined);
    try {
      return await Promise.race([answer, late]);
    } finally {
      deadline.abort();
    }
  }

  async watch(request: WatchRequest): Promise<WatchStream> {
    const watch = new FakeWatch(request);
    this.server.watches.add(watch);
    request.signal?.addEventListener('abort', () => this.server.watches.delete(watch));
    return Promise.resolve(watch);
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  async #running(): Promise<void> {
    while (this.#thaw !== null) await this.#thaw.promise;
  }

  async #exchange(request: ApiRequest): Promise<ApiResponse> {
    request.beforeSend?.();
    const { fault, thereMs, backMs } = this.deliver(request);
    if (thereMs > 0) await this.#world.sleep(thereMs);
    if (fault === 'dropRequest') throw lost();
    const { status: code, body } = this.#judge(request);
    if (backMs > 0) await this.#world.sleep(backMs);
    await this.#running();
    if (fault === 'loseReply') throw lost();
    const text = JSON.stringify(body);
    return { status: code, headers: {}, body: JSON.parse(text) as unknown, text };
  }

  #judge(request: ApiRequest): { status: number; body: unknown } {
    return this.server.handle(JSON.parse(JSON.stringify(request)) as ApiRequest);
  }
}

/** A candidate and what it went through. */
export interface Candidate {
  readonly machine: Machine;
  readonly election: LeaseElection;
  readonly epochs: number[];
  readonly reasons: StopReason[];
  readonly errors: unknown[];
  readonly result: Promise<StopReason>;
  /** Aborted when the term should end; null before a term. */
  readonly signal: () => AbortSignal | null;
}

let serial = 0;

/** Starts a candidate; its term works until it is told to end. */
export function candidate(
  machine: Machine,
  random: () => number,
  options: Partial<LeaseOptions> = {},
): Candidate {
  serial += 1;
  const epochs: number[] = [];
  const reasons: StopReason[] = [];
  const errors: unknown[] = [];
  let signal: AbortSignal | null = null;
  const election = new LeaseElection({
    transport: machine,
    clock: machine,
    random,
    namespace: 'homeostat',
    name: 'homeostat',
    identity: `host_${serial}`,
    watch: false,
    highestRecordedEpoch: () => Promise.resolve(0),
    onStartedLeading: (epoch, ending) => {
      epochs.push(epoch);
      signal = ending;
      return new Promise((resolve) => {
        ending.addEventListener('abort', () => resolve(), { once: true });
      });
    },
    onStoppedLeading: (reason) => reasons.push(reason),
    onError: (error) => errors.push(error),
    ...options,
  });
  const result = election.run();
  return { machine, election, epochs, reasons, errors, result, signal: () => signal };
}

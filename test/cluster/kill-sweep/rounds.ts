// SPDX-License-Identifier: Apache-2.0
// One round: a workload leaks, the operator heals it, and if a strike is given it is killed on the way
// and started again. The process that ends a round begins the next.
import type { ControlPlane } from '../../rig/control-plane/control-plane.ts';
import { type Outcome, type Seat, TERMINAL } from '../../rig/leaky-shop/seat.ts';
import type { Shop } from '../../rig/leaky-shop/shop.ts';
import { type Stock, Stockroom } from '../../rig/leaky-shop/stockroom.ts';
import type { OperatorProcess } from '../../rig/operator/operator-process.ts';
import { keyOfRequest } from './writes.ts';

/** Where the process is killed: before the server sees a write, or after it was applied. */
export interface Strike {
  readonly write: string;
  readonly side: 'before' | 'after';
}

/** What became of one round. */
export interface Round {
  readonly namespace: string;
  readonly workload: string;
  readonly strike: Strike | null;
  /** The write came by, and the process was killed. */
  readonly wasStruck: boolean;
  /** Uid of the pod that leaked. */
  readonly target: string;
  readonly outcome: Outcome | null;
  /** Time from policy to strike, and from strike to the end, in milliseconds. */
  readonly untilStrikeMs: number;
  readonly untilEndMs: number;
  /** Why it did not come to its end. */
  readonly failure: string;
}

const END_DEADLINE_MS = 150_000;

/** Tells whether everything about a policy has come to its end. */
const hasEnded = ({ records, incidents, policy }: Outcome): boolean =>
  incidents.length > 0 &&
  incidents.every(({ status }) => ['Resolved', 'Escalated'].includes(status?.state ?? '')) &&
  records.length > 0 &&
  records.every(({ status }) => TERMINAL.has(status?.phase ?? '')) &&
  TERMINAL.has(policy.status?.lastAction?.phase ?? '');

/** Plays rounds at one seat, one after the other. */
export class Player {
  readonly #cluster: ControlPlane;
  readonly #seat: Seat;
  readonly #stockroom: Stockroom;
  #operator: OperatorProcess | null = null;

  constructor(cluster: ControlPlane, shop: Shop, seat: Seat) {
    this.#cluster = cluster;
    this.#seat = seat;
    this.#stockroom = new Stockroom(shop, seat);
  }

  get namespace(): string {
    return this.#seat.namespace;
  }

  /** Plays one round to its end, with a process of its own when `isFresh`; never rejects. */
  async play(strike: Strike | null, isFresh = false): Promise<Round> {
    let workload = '';
    try {
      const stock = await this.#stockroom.take();
      workload = stock.workload;
      if (isFresh) await this.#operator?.stop();
      if (isFresh) this.#operator = null;
      return await this.#play(stock, strike);
    } catch (error) {
      const said = this.#operator?.log().slice(-15) ?? [];
      const failure = [String(error), ...said.map((line) => JSON.stringify(line))].join('\n    ');
      this.#operator?.signal('SIGKILL');
      await this.#operator?.exited;
      this.#operator = null;
      this.#seat.proxy.rules.clear();
      const { namespace } = this;
      const times = { untilStrikeMs: 0, untilEndMs: 0 };
      return {
        namespace,
        workload,
        strike,
        wasStruck: false,
        outcome: null,
        target: '',
        ...times,
        failure,
      };
    }
  }

  async #play({ workload, leaking }: Stock, strike: Strike | null): Promise<Round> {
    const seat = this.#seat;
    if (this.#operator?.isRunning !== true) this.#operator = (await seat.start()).operator;
    let operator = this.#operator;
    let struckAt = 0;
    const remove =
      strike === null
        ? () => undefined
        : seat.proxy.rules.add({
            on: strike.side,
            nth: 1,
            when: (info, body) =>
              keyOfRequest(info, body) === strike.write &&
              (info.resource !== 'healingpolicies/status' || info.name === workload),
            onStrike: () => {
              struckAt = performance.now();
              operator.signal('SIGKILL');
            },
            fault: { kind: 'drop' },
          });
    const startedAt = performance.now();
    await this.#stockroom.put(workload);
    const ended = async (): Promise<Outcome | undefined> => {
      const outcome = await seat.outcome(workload);
      return hasEnded(outcome) ? outcome : undefined;
    };
    const about = `${this.namespace}/${workload} ${strike === null ? '' : `${strike.side} ${strike.write}`}`;
    const first = await this.#cluster.waitFor(
      `${about}: struck or ended`,
      async () => (struckAt > 0 ? 'struck' : await ended()),
      END_DEADLINE_MS,
    );
    remove();
    const struck = first === 'struck';
    if (struck) {
      await operator.exited;
      ({ operator } = await seat.start());
      this.#operator = operator;
      await this.#cluster.waitFor(
        `${about}: the new process leads`,
        () => operator.log().some(({ message }) => message === 'open records adopted'),
        END_DEADLINE_MS,
      );
    }
    const outcome = await this.#cluster.waitFor(`${about}: ended`, ended, END_DEADLINE_MS);
    const now = performance.now();
    return {
      namespace: this.namespace,
      workload,
      strike,
      wasStruck: struck,
      target: leaking.uid,
      outcome,
      untilStrikeMs: (struck ? struckAt : now) - startedAt,
      untilEndMs: struck ? now - struckAt : 0,
      failure: '',
    };
  }
}

// SPDX-License-Identifier: Apache-2.0
// Two replicas at one seat: the one that leads, and the one that waits.
import type { AuditEvent } from '../../rig/control-plane/audit.ts';
import type { ControlPlane } from '../../rig/control-plane/control-plane.ts';
import { type Outcome, type Replica, type Seat, TERMINAL } from '../../rig/leaky-shop/seat.ts';
import type { OperatorProcess } from '../../rig/operator/operator-process.ts';

const DEADLINE_MS = 150_000;
const CLOSED: ReadonlySet<string> = new Set(['Resolved', 'Escalated']);

const hasLogged = (operator: OperatorProcess, text: string): boolean =>
  operator.log().some(({ message }) => message === text);

/** Starts replicas at a seat and waits for what they do. */
export class Pair {
  readonly #cluster: ControlPlane;
  readonly #seat: Seat;
  #leader: Replica | null = null;
  #standby: Replica | null = null;

  constructor(cluster: ControlPlane, seat: Seat) {
    this.#cluster = cluster;
    this.#seat = seat;
  }

  get leader(): Replica {
    if (this.#leader === null) throw new Error('nobody leads');
    return this.#leader;
  }

  get standby(): Replica {
    if (this.#standby === null) throw new Error('nobody waits');
    return this.#standby;
  }

  /** Starts what is missing: first the leader, then one that waits and watches. */
  async fill(): Promise<void> {
    if (this.#leader === null) {
      this.#leader = await this.#seat.start('leading');
      await this.leads(this.#leader);
    }
    if (this.#standby === null) {
      const standby = await this.#seat.start('leading');
      this.#standby = standby;
      await this.#cluster.waitFor(
        'the standby watches',
        () => hasLogged(standby.operator, 'every collection is watched'),
        DEADLINE_MS,
      );
    }
  }

  /** Waits until a replica has taken over and owns the open records. */
  async leads({ operator, identity }: Replica): Promise<void> {
    await this.#cluster.waitFor(
      `${identity} leads and has adopted the records`,
      () => hasLogged(operator, 'open records adopted'),
      DEADLINE_MS,
    );
  }

  /** The one that waited leads now, and nobody waits. */
  promote(): void {
    this.#leader = this.#standby;
    this.#standby = null;
  }

  /** Waits until everything about a policy has come to its end. */
  async ended(policy: string): Promise<Outcome> {
    return this.#cluster.waitFor(
      `${this.#seat.namespace}/${policy}: ended`,
      async () => {
        const outcome = await this.#seat.outcome(policy);
        const { records, incidents } = outcome;
        const isOver =
          records.length > 0 &&
          records.every(({ status }) => TERMINAL.has(status?.phase ?? '')) &&
          incidents.every(({ status }) => CLOSED.has(status?.state ?? ''));
        return isOver ? outcome : undefined;
      },
      DEADLINE_MS,
    );
  }
}

/** Tells whether a write came from a process, by its User-Agent. */
export const isFrom = ({ userAgent = '' }: AuditEvent, identity: string): boolean =>
  userAgent.includes(`(${identity};`);

/** The epoch that the writer said it writes in; 0: in none. */
export const epochOf = ({ userAgent = '' }: AuditEvent): number =>
  Number(/epoch=(\d+)/.exec(userAgent)?.[1] ?? 0);

/** When the API server received a request, Unix time in milliseconds with fractions. */
export const receivedMs = ({ requestReceivedTimestamp }: AuditEvent): number => {
  const [, whole = '', micros = '0'] = /^(.*\.\d{3})(\d*)Z$/.exec(requestReceivedTimestamp) ?? [];
  return Date.parse(`${whole}Z`) + Number(`0.${micros}`);
};

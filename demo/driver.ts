// SPDX-License-Identifier: Apache-2.0
import { get } from 'node:http';

/** A pod that requests can be sent to. */
export interface DrivenPod {
  readonly name: string;
  readonly uid: string;
  readonly ip: string;
}

const TICK_MS = 50;
const MAX_UNDER_WAY = 32;

/**
 * Sends requests to one pod at a steady rate; a slow machine catches up, so that the leak's pace is
 * the same everywhere. What fails is not sent again: the pod may be gone.
 */
export class Driver {
  readonly #requestsPerSecond: number;
  #pod: DrivenPod | null = null;
  #timer: NodeJS.Timeout | null = null;
  #underWay = 0;
  #sent = 0;
  #since = 0;
  /** Memory that the driven pod reported last, in bytes; `null`: nothing was heard of it. */
  usedBytes: number | null = null;

  constructor(requestsPerSecond: number) {
    this.#requestsPerSecond = requestsPerSecond;
  }

  /** The pod that is driven now. */
  get pod(): DrivenPod | null {
    return this.#pod;
  }

  /** Turns to a pod; `null` stops. */
  drive(pod: DrivenPod | null): void {
    this.#pod = pod;
    this.usedBytes = null;
    this.#sent = 0;
    this.#since = performance.now();
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = pod === null ? null : setInterval(() => this.#tick(pod), TICK_MS);
  }

  #tick(pod: DrivenPod): void {
    const due = Math.floor(((performance.now() - this.#since) / 1000) * this.#requestsPerSecond);
    while (this.#sent < due) {
      this.#sent += 1;
      if (this.#underWay < MAX_UNDER_WAY) this.#send(pod);
    }
  }

  #send(pod: DrivenPod): void {
    this.#underWay += 1;
    const request = get({ host: pod.ip, port: 8080, path: '/work', timeout: 2000 }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () => this.#heard(pod, Buffer.concat(chunks).toString()));
    });
    request.on('timeout', () => request.destroy());
    request.on('error', () => undefined);
    request.on('close', () => {
      this.#underWay -= 1;
    });
  }

  #heard(pod: DrivenPod, body: string): void {
    if (pod.uid !== this.#pod?.uid) return;
    try {
      this.usedBytes = (JSON.parse(body) as { usedBytes: number }).usedBytes;
    } catch {
      // A pod that is being killed may answer half a line.
    }
  }
}

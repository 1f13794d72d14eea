// SPDX-License-Identifier: Apache-2.0
// Leaking workloads for one seat, one after the other. The next one leaks already while the present one
// is healed: a leak must have lasted before it is one.
import type { ShopPod } from './leak.ts';
import { shopPolicy } from './manifests.ts';
import type { Seat } from './seat.ts';
import type { Shop } from './shop.ts';

/** A workload with a pod that leaks. */
export interface Stock {
  /** Name of the Deployment, and of its policy once it has one. */
  readonly workload: string;
  readonly leaking: ShopPod;
}

/** Hands out workloads of one seat. */
export class Stockroom {
  readonly #shop: Shop;
  readonly #seat: Seat;
  #count = 0;
  #next: { readonly workload: string; readonly leaking: Promise<ShopPod> } | null = null;
  #healed = '';

  constructor(shop: Shop, seat: Seat) {
    this.#shop = shop;
    this.#seat = seat;
  }

  /** Resolves with the next workload, and begins the one after it. */
  async take(): Promise<Stock> {
    const { workload, leaking } = this.#next ?? this.#stock();
    this.#next = this.#stock();
    return { workload, leaking: await leaking };
  }

  /** Lets a workload send and gives it a policy; the one before is taken away, its records stay. */
  async put(workload: string): Promise<void> {
    const { namespace, feed } = this.#seat;
    feed.show(workload);
    await this.#seat.create('healingpolicies', shopPolicy(namespace, workload));
    if (this.#healed !== '') {
      const policies = `/apis/homeostat.dev/v1alpha1/namespaces/${namespace}/healingpolicies`;
      const deployments = `/apis/apps/v1/namespaces/${namespace}/deployments`;
      await this.#seat.remove(`${policies}/${this.#healed}`);
      await this.#seat.remove(`${deployments}/${this.#healed}?propagationPolicy=Background`);
    }
    this.#healed = workload;
  }

  #stock(): { readonly workload: string; readonly leaking: Promise<ShopPod> } {
    this.#count += 1;
    const workload = `web-${this.#count}`;
    const leaking = this.#shop.stock(this.#seat.namespace, workload);
    // It is awaited only when it is taken.
    leaking.catch(() => undefined);
    return { workload, leaking };
  }
}

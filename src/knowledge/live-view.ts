// SPDX-License-Identifier: Apache-2.0
import type { ContainerFacts } from '../domain/entity.ts';
import type { GaugeQuantity } from '../domain/telemetry.ts';
import type { WindowSpec } from './bucket-frame.ts';
import type { ContainerWindow } from './container-window.ts';
import type { ContainerView, GaugeView, KnowledgeView } from './view.ts';

/** A container that a view shows: its facts, and its window once telemetry has come. */
export interface ViewSource {
  readonly facts: ContainerFacts;
  readonly window: ContainerWindow | undefined;
}

class LiveContainer implements ContainerView {
  readonly facts: ContainerFacts;
  readonly #window: ContainerWindow | undefined;
  readonly #spec: WindowSpec;

  constructor(source: ViewSource, spec: WindowSpec) {
    this.facts = source.facts;
    this.#window = source.window;
    this.#spec = spec;
  }

  gauge(quantity: GaugeQuantity): GaugeView | null {
    const view = this.#window?.gauge(quantity)?.view(this.#spec) ?? null;
    const floodedMs = this.#window?.floodedMs ?? null;
    if (view === null || floodedMs === null) return view;
    return { ...view, contestedMs: Math.max(floodedMs, view.contestedMs ?? floodedMs) };
  }

  requests(): ReturnType<ContainerView['requests']> {
    const ring = this.#window?.requests(this.#spec.resolutionMs);
    return ring?.series(this.#spec.windowBuckets) ?? null;
  }
}

/**
 * The read side over live windows: nothing is copied, series are windows into the rings. A container
 * that the API server does not have (any more) is left out; one without telemetry is there, and its
 * gauges are `null`.
 */
export class LiveView implements KnowledgeView {
  readonly resolutionMs: number;
  readonly #containers: readonly ContainerView[];

  constructor(
    spec: WindowSpec,
    refs: readonly { readonly podUid: string; readonly container: string }[],
    find: (podUid: string, container: string) => ViewSource | null,
  ) {
    this.resolutionMs = spec.resolutionMs;
    this.#containers = refs
      .map(({ podUid, container }) => find(podUid, container))
      .filter((source) => source !== null)
      .map((source) => new LiveContainer(source, spec));
  }

  containers(): readonly ContainerView[] {
    return this.#containers;
  }
}

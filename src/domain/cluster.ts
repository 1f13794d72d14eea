// SPDX-License-Identifier: Apache-2.0
/**
 * The API server as decisions and effects see it: one request, one reply, no client types. The live
 * port sends over the transport of `kube`; the backtest and the tests on a virtual clock answer from
 * a model. Whatever happens to a request is one of four replies, and `unknown` is one of them.
 */

/** One request to the API server. */
export interface ApiRequest {
  readonly verb: 'get' | 'list' | 'create' | 'patch' | 'delete';
  /** API group, empty for the core group. */
  readonly group: string;
  readonly version: string;
  /** Plural resource name, for example `pods`. */
  readonly resource: string;
  /** Absent for cluster-scoped resources, and for a list over all namespaces. */
  readonly namespace?: string;
  /** Absent for `list` and for `create` of a main resource. */
  readonly name?: string;
  readonly subresource?: 'status' | 'eviction';
  readonly body?: unknown;
  /** For `patch`: merge (RFC 7396), json (RFC 6902) or server-side apply. */
  readonly patchType?: 'merge' | 'json' | 'apply';
  /** Adds `dryRun=All`: judged and admitted by the server, never persisted. */
  readonly dryRun?: boolean;
  readonly labelSelector?: string;
}

/** What became of a request. */
export type ApiReply =
  /** 2xx; a body that is a Status with `status: Failure` is `refused` instead. */
  | { readonly kind: 'ok'; readonly status: number; readonly body: unknown }
  /** The server answered that it did not do it. */
  | {
      readonly kind: 'refused';
      readonly status: number;
      /** `reason` of the returned Status, for example `AlreadyExists`; empty when there is none. */
      readonly reason: string;
      readonly message: string;
      readonly retryAfterMs: number | null;
    }
  /** It may have been done: the reply was lost. Probe before anything else. */
  | { readonly kind: 'unknown'; readonly message: string }
  /** It certainly never reached the server: no connection, or the fence did not let it leave. */
  | { readonly kind: 'notSent'; readonly message: string };

/** Sends requests. */
export interface ClusterPort {
  /** Never rejects: every failure is a reply. */
  send(request: ApiRequest, signal?: AbortSignal): Promise<ApiReply>;
}

/** Whether this process may act now. */
export interface Leadership {
  readonly identity: string;
  readonly leaseName: string;
  /** Epoch of the present term; `null` when this process does not lead. */
  epoch(): number | null;
  /** True within 7/15 of the lease duration after the last renewal was sent. */
  mayWrite(): boolean;
}

/** Where decisions are told to people: Events on the object concerned. */
export interface EventSink {
  /** Never blocks and never throws; bounded and de-duplicated behind this interface. */
  emit(event: {
    readonly type: 'Normal' | 'Warning';
    readonly reason: string;
    readonly action: string;
    /** At most 1024 characters; no secrets, no raw telemetry text. */
    readonly note: string;
    readonly regarding: {
      readonly apiVersion: string;
      readonly kind: string;
      readonly namespace: string;
      readonly name: string;
      readonly uid: string;
    };
  }): void;
}

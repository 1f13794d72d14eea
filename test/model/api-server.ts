// SPDX-License-Identifier: Apache-2.0
/**
 * A model of the Kubernetes API server for tests on a virtual clock: objects with uid and
 * resourceVersion, conflicts, preconditions, the status subresource, patches, dry runs, evictions
 * under PodDisruptionBudgets, and an audit log. It knows no time of its own and is never late.
 *
 * What it leaves out: admission plugins, authorisation, pagination, field ownership (an apply is a
 * merge). What it keeps is what the protocol of a record leans on.
 */
import {
  healingActionSpecSchema,
  healingActionStatusSchema,
} from '../../src/api/healing-action.ts';
import { incidentStatusSchema } from '../../src/api/incident.ts';
import type { Clock } from '../../src/domain/clock.ts';
import type { ApiReply, ApiRequest, ClusterPort } from '../../src/domain/cluster.ts';
import { FailedTest, jsonPatch, mergePatch } from './patches.ts';

/** Any object of the API, as JSON. */
export interface ModelObject {
  apiVersion?: string;
  kind?: string;
  metadata: {
    name: string;
    namespace?: string;
    uid: string;
    resourceVersion: string;
    generation: number;
    creationTimestamp: string;
    deletionTimestamp?: string;
    labels?: Record<string, string>;
    annotations?: Record<string, string>;
    ownerReferences?: {
      apiVersion: string;
      kind: string;
      name: string;
      uid: string;
      controller: boolean;
    }[];
  };
  // biome-ignore lint/suspicious/noExplicitAny: objects of many kinds, as JSON
  spec?: any;
  // biome-ignore lint/suspicious/noExplicitAny: objects of many kinds, as JSON
  status?: any;
}

/** One entry of the audit log. */
export interface AuditEntry {
  readonly index: number;
  readonly atMs: number;
  readonly user: string;
  readonly request: ApiRequest;
  /** HTTP status of the answer. */
  readonly status: number;
}

/** A change of an object, for those who watch. */
export interface ModelChange {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED';
  readonly group: string;
  readonly resource: string;
  readonly object: ModelObject;
}

type Kind = Pick<ApiRequest, 'group' | 'resource'>;
type Answer = Extract<ApiReply, { kind: 'ok' | 'refused' }>;

/** As over the wire: what JSON does not carry is lost. */
const clone = <T>(value: T): T =>
  value === undefined ? value : (JSON.parse(JSON.stringify(value)) as T);

const ok = (status: number, body: unknown): Answer => ({ kind: 'ok', status, body: clone(body) });

const refuse = (
  status: number,
  reason: string,
  message: string,
  retryAfterMs: number | null = null,
): Answer => ({ kind: 'refused', status, reason, message, retryAfterMs });

const notFound = (request: ApiRequest): Answer =>
  refuse(404, 'NotFound', `${request.resource} "${request.name}" not found`);

const selects = (selector: string | undefined, object: ModelObject): boolean =>
  (selector ?? '')
    .split(',')
    .filter((each) => each !== '')
    .every((each) => {
      const [key, value] = each.split('=');
      return object.metadata.labels?.[key ?? ''] === value;
    });

const preconditionsHold = (
  preconditions: { uid?: string; resourceVersion?: string } | undefined,
  { metadata }: ModelObject,
): boolean =>
  (preconditions?.uid === undefined || preconditions.uid === metadata.uid) &&
  (preconditions?.resourceVersion === undefined ||
    preconditions.resourceVersion === metadata.resourceVersion);

/** The whole object after a patch, or why it does not apply. */
const appliedPatch = (present: ModelObject, request: ApiRequest): ModelObject | Answer => {
  const { body, patchType } = request;
  if (patchType === 'json') {
    try {
      return jsonPatch(present, body as { op: string; path: string }[]) as ModelObject;
    } catch (error) {
      if (error instanceof FailedTest) return refuse(422, 'Invalid', `test: ${error.message}`);
      throw error;
    }
  }
  const { uid, resourceVersion } = (body as Partial<ModelObject>).metadata ?? {};
  const wanted = { ...(uid && { uid }), ...(resourceVersion && { resourceVersion }) };
  if (!preconditionsHold(wanted, present)) {
    return refuse(409, 'Conflict', 'the object has been modified');
  }
  return mergePatch(present, body) as ModelObject;
};

/** Why an object of our kinds would not be admitted by its CRD; `null`: it would. */
const schemaProblem = (kind: Kind, object: ModelObject, old: ModelObject | null): string | null => {
  if (kind.group !== 'homeostat.dev') return null;
  if (kind.resource === 'healingactions') {
    const spec = healingActionSpecSchema.strict().safeParse(object.spec);
    if (!spec.success) return `spec: ${spec.error.message}`;
    if (old !== null && JSON.stringify(old.spec) !== JSON.stringify(object.spec)) {
      return 'spec is immutable';
    }
    const status = healingActionStatusSchema.strict().optional().safeParse(object.status);
    return status.success ? null : `status: ${status.error.message}`;
  }
  if (kind.resource === 'incidents') {
    const status = incidentStatusSchema.strict().optional().safeParse(object.status);
    return status.success ? null : `status: ${status.error.message}`;
  }
  return null;
};

const placeKey = ({ namespace = '', name = '' }: { namespace?: string; name?: string }): string =>
  `${namespace}/${name}`;

/** What a test over days of virtual time does without, because other tests see to it. */
export interface ModelEconomy {
  /** Objects of our kinds are not checked against their schemas. */
  readonly unchecked?: boolean;
  /** No audit log is kept. */
  readonly unaudited?: boolean;
}

/** The model. One instance is one cluster. */
export class ModelApiServer {
  readonly #clock: Clock;
  readonly #economy: ModelEconomy;
  /** By kind, then by namespace and name: a list must not look at objects of other kinds. */
  readonly #objects = new Map<string, Map<string, ModelObject>>();
  readonly #listeners: ((change: ModelChange) => void)[] = [];
  #version = 1_000;
  #uids = 0;
  /** Grace period of every deleted pod in ms. */
  gracePeriodMs = 1_000;
  /** Every request that reached the server, in order. */
  readonly audit: AuditEntry[] = [];

  constructor(clock: Clock, economy: ModelEconomy = {}) {
    this.#clock = clock;
    this.#economy = economy;
  }

  /** A port on which a user sends; the name stands in the audit log. */
  portFor(user: string): ClusterPort {
    return { send: (request) => Promise.resolve(this.handle(user, request)) };
  }

  /** Hears of every change, in order, at the moment it happens. */
  onChange(listener: (change: ModelChange) => void): void {
    this.#listeners.push(listener);
  }

  /** Answers one request, and writes it down. */
  handle(user: string, request: ApiRequest): Answer {
    const answer = this.#answer(clone(request));
    if (this.#economy.unaudited === true) return answer;
    const atMs = this.#clock.wallMs();
    const index = this.audit.length;
    this.audit.push({ index, atMs, user, request: clone(request), status: answer.status });
    return answer;
  }

  /** Stores an object as a controller would, status included. */
  put(
    kind: Kind,
    object: Omit<ModelObject, 'metadata'> & {
      metadata: Partial<ModelObject['metadata']> & { name: string };
    },
  ): ModelObject {
    const stored: ModelObject = {
      ...object,
      metadata: {
        ...object.metadata,
        uid: object.metadata.uid ?? this.#nextUid(kind.resource),
        resourceVersion: '',
        generation: object.metadata.generation ?? 1,
        creationTimestamp: object.metadata.creationTimestamp ?? this.#timestamp(),
      },
    };
    return this.#store(kind, stored, 'ADDED');
  }

  /** Changes an object as a controller would; a missing one is left missing. */
  update(
    kind: Kind,
    place: { namespace?: string; name: string },
    change: (object: ModelObject) => void,
  ): void {
    const present = this.#find({ ...kind, ...place });
    if (present === undefined) return;
    const next = clone(present);
    change(next);
    if (JSON.stringify(next) !== JSON.stringify(present)) this.#store(kind, next, 'MODIFIED');
  }

  /** Removes an object at once. */
  remove(kind: Kind, place: { namespace?: string; name: string }): void {
    const object = this.#find({ ...kind, ...place });
    if (object === undefined) return;
    this.#kind(kind).delete(placeKey(place));
    this.#version += 1;
    this.#tell({ type: 'DELETED', ...kind, object });
  }

  /** Every object of a kind, oldest first, as copies. */
  all(kind: Kind): ModelObject[] {
    return this.peek(kind).map(clone);
  }

  /** Every object of a kind, oldest first, themselves: to be read only. */
  peek(kind: Kind): readonly ModelObject[] {
    return [...this.#kind(kind).values()];
  }

  /** One object as a copy. */
  find(kind: Kind, place: { namespace?: string; name: string }): ModelObject | undefined {
    const object = this.#find({ ...kind, ...place });
    return object === undefined ? undefined : clone(object);
  }

  #answer(request: ApiRequest): Answer {
    switch (request.verb) {
      case 'get': {
        const object = this.#find(request);
        return object === undefined ? notFound(request) : ok(200, object);
      }
      case 'list':
        return this.#list(request);
      case 'create':
        return request.subresource === 'eviction' ? this.#evict(request) : this.#create(request);
      case 'patch':
        return this.#patch(request);
      case 'delete':
        return this.#delete(request);
    }
  }

  #list(request: ApiRequest): Answer {
    const items = this.peek(request).filter(
      (object) =>
        (request.namespace === undefined || object.metadata.namespace === request.namespace) &&
        selects(request.labelSelector, object),
    );
    return ok(200, { items, metadata: { resourceVersion: String(this.#version) } });
  }

  #create(request: ApiRequest): Answer {
    const body = request.body as ModelObject;
    const { name } = body.metadata;
    if (this.#find({ ...request, name }) !== undefined) {
      return refuse(409, 'AlreadyExists', `${request.resource} "${name}" already exists`);
    }
    const { status: _dropped, ...rest } = body;
    const metadata = {
      ...body.metadata,
      ...(request.namespace === undefined ? {} : { namespace: request.namespace }),
      uid: this.#nextUid(request.resource),
      resourceVersion: '',
      generation: 1,
      creationTimestamp: this.#timestamp(),
    };
    const object: ModelObject = { ...rest, metadata };
    const problem = this.#schemaProblem(request, object, null);
    if (problem !== null) return refuse(422, 'Invalid', problem);
    if (request.dryRun === true) return ok(201, object);
    return ok(201, this.#store(request, object, 'ADDED'));
  }

  #patch(request: ApiRequest): Answer {
    const present = this.#find(request);
    if (present === undefined) {
      const isUpsert = request.patchType === 'apply' && request.subresource === undefined;
      if (!isUpsert) return notFound(request);
      return this.#create({ ...request, verb: 'create' });
    }
    const patched = this.#patched(present, request);
    if ('kind' in patched && patched.kind === 'refused') return patched as Answer;
    const next = patched as ModelObject;
    const problem = this.#schemaProblem(request, next, present);
    if (problem !== null) return refuse(422, 'Invalid', problem);
    if (JSON.stringify(next) === JSON.stringify(present) || request.dryRun === true) {
      return ok(200, next);
    }
    return ok(200, this.#store(request, next, 'MODIFIED'));
  }

  #patched(present: ModelObject, request: ApiRequest): ModelObject | Answer {
    const applied = appliedPatch(present, request);
    if ('kind' in applied && applied.kind === 'refused') return applied as Answer;
    const full = applied as ModelObject;
    if (request.subresource === 'status') return { ...present, status: full.status };
    const { uid, creationTimestamp, name, resourceVersion } = present.metadata;
    const isChanged = JSON.stringify(full.spec) !== JSON.stringify(present.spec);
    const generation = present.metadata.generation + (isChanged ? 1 : 0);
    const metadata = {
      ...full.metadata,
      uid,
      creationTimestamp,
      name,
      resourceVersion,
      generation,
    };
    const next: ModelObject = { ...full, metadata };
    // The main resource does not change the status of kinds that have the subresource.
    if (present.status === undefined) delete next.status;
    else next.status = present.status;
    return next;
  }

  #schemaProblem(kind: Kind, object: ModelObject, old: ModelObject | null): string | null {
    return this.#economy.unchecked === true ? null : schemaProblem(kind, object, old);
  }

  #delete(request: ApiRequest): Answer {
    const object = this.#find(request);
    if (object === undefined) return notFound(request);
    const { preconditions } = (request.body ?? {}) as {
      preconditions?: { uid?: string; resourceVersion?: string };
    };
    if (!preconditionsHold(preconditions, object)) {
      return refuse(409, 'Conflict', 'the precondition of the deletion failed');
    }
    if (request.dryRun === true) return ok(200, object);
    if (request.group === '' && request.resource === 'pods') this.#terminate(object);
    else this.remove(request, { namespace: request.namespace ?? '', name: request.name ?? '' });
    return ok(200, { kind: 'Status', status: 'Success' });
  }

  #evict(request: ApiRequest): Answer {
    const pod = this.#find(request);
    if (pod === undefined) return notFound(request);
    const { deleteOptions } = request.body as {
      deleteOptions?: { preconditions?: { uid?: string; resourceVersion?: string } };
    };
    if (!preconditionsHold(deleteOptions?.preconditions, pod)) {
      return refuse(409, 'Conflict', 'the precondition of the eviction failed');
    }
    if (pod.metadata.deletionTimestamp === undefined) {
      const blocked = this.#pdbAnswer(pod);
      if (blocked !== null) return blocked;
    }
    if (request.dryRun === true) return ok(201, { kind: 'Status', status: 'Success' });
    const condition = {
      type: 'DisruptionTarget',
      status: 'True',
      reason: 'EvictionByEvictionAPI',
      lastTransitionTime: this.#timestamp(),
    };
    this.#terminate({
      ...pod,
      status: { ...pod.status, conditions: [...(pod.status?.conditions ?? []), condition] },
    });
    return ok(201, { kind: 'Status', status: 'Success' });
  }

  /** The PodDisruptionBudgets of a pod; two are an error, one without allowance says 429. */
  #pdbAnswer(pod: ModelObject): Answer | null {
    const budgets = this.peek({ group: 'policy', resource: 'poddisruptionbudgets' }).filter(
      ({ metadata, spec }) =>
        metadata.namespace === pod.metadata.namespace &&
        Object.entries(spec.selector.matchLabels as Record<string, string>).every(
          ([key, value]) => pod.metadata.labels?.[key] === value,
        ),
    );
    if (budgets.length > 1) {
      return refuse(500, 'InternalError', 'This pod has more than one PodDisruptionBudget');
    }
    const budget = budgets[0];
    if (budget === undefined || budget.status.disruptionsAllowed > 0) return null;
    return refuse(
      429,
      'TooManyRequests',
      "Cannot evict pod as it would violate the pod's disruption budget.",
    );
  }

  /** Marks a pod as terminating; it vanishes after the grace period. */
  #terminate(pod: ModelObject): void {
    if (pod.metadata.deletionTimestamp !== undefined) return;
    const { namespace = '', name, uid } = pod.metadata;
    const metadata = { ...pod.metadata, deletionTimestamp: this.#timestamp() };
    this.#store(PODS, { ...pod, metadata }, 'MODIFIED');
    void this.#clock.sleep(this.gracePeriodMs).then(() => {
      if (this.find(PODS, { namespace, name })?.metadata.uid === uid) {
        this.remove(PODS, { namespace, name });
      }
    });
  }

  #store(kind: Kind, object: ModelObject, type: 'ADDED' | 'MODIFIED'): ModelObject {
    this.#version += 1;
    const metadata = { ...object.metadata, resourceVersion: String(this.#version) };
    const stored = clone({ ...object, metadata });
    const { namespace, name } = metadata;
    this.#kind(kind).set(
      placeKey({ name, ...(namespace === undefined ? {} : { namespace }) }),
      stored,
    );
    this.#tell({ type, group: kind.group, resource: kind.resource, object: stored });
    return stored;
  }

  #tell(change: ModelChange): void {
    for (const listener of this.#listeners) listener({ ...change, object: clone(change.object) });
  }

  #kind({ group, resource }: Kind): Map<string, ModelObject> {
    const id = `${group}/${resource}`;
    const objects = this.#objects.get(id) ?? new Map<string, ModelObject>();
    this.#objects.set(id, objects);
    return objects;
  }

  #find(object: Kind & { namespace?: string; name?: string }): ModelObject | undefined {
    return this.#kind(object).get(placeKey(object));
  }

  #nextUid(resource: string): string {
    this.#uids += 1;
    return `uid-${resource}-${this.#uids}`;
  }

  /** Whole seconds, as the API server writes times. */
  #timestamp(): string {
    return `${new Date(this.#clock.wallMs()).toISOString().slice(0, 19)}Z`;
  }
}

/** Where pods live. */
export const PODS: Kind = { group: '', resource: 'pods' };

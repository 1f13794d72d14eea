// SPDX-License-Identifier: Apache-2.0
/**
 * Execution of plans: gather, guards, rehearsal, guards, record; then the protocol drives the record.
 *
 * Admission is serial in one process, so that two plans cannot take the same last unit of a budget:
 * the second one gathers only after the record of the first exists.
 */
import type { GatheredFacts } from '../api/gathered-facts.ts';
import type { HealingAction } from '../api/healing-action.ts';
import type { ApiRequest, ClusterPort } from '../domain/cluster.ts';
import type { Evidence } from '../domain/evidence.ts';
import type { Plan } from '../domain/healing.ts';
import type { Verdict } from '../domain/verdict.ts';
import type { ActFacts, Action } from './action.ts';
import { actionById } from './actions/index.ts';
import { type Adoption, adoptOpenRecords } from './adopt.ts';
import { driveRecord } from './driver.ts';
import { fencedPort } from './fence.ts';
import { type Gathered, gather } from './gather.ts';
import { parseHealingAction } from './parse-kinds.ts';
import { planOfRecord, triggerOf } from './plan-of-record.ts';
import type { Decision, DriveEnd, ExecutionOptions, ExecutionPorts, Submission } from './ports.ts';
import { textAt } from './raw-json.ts';
import { attemptFor, RECORDS, recordCreation, recordKeyOf } from './record.ts';
import { rehearse } from './rehearse.ts';

type NotPassed = Exclude<Verdict, { readonly kind: 'Pass' }>;

const unknownVerdict = (missing: string): NotPassed => ({ kind: 'Unknown', missing });

/** What a passed set of guards guarantees to be known. */
const knownFacts = ({ target, workload, peers }: GatheredFacts): ActFacts | null => {
  if (target.kind !== 'known' || workload.kind !== 'known' || peers.kind !== 'known') return null;
  if (target.value === null || workload.value === null) return null;
  return { target: target.value, workload: workload.value, peers: peers.value };
};

/** Verdicts that mean nothing while telemetry has not come back after a restart. */
const needsTelemetry = (verdict: Verdict): boolean =>
  verdict.kind === 'Refuse' && ['StaleData', 'NotCorroborated'].includes(verdict.reason);

/** Runs plans and drives their records; one per process. */
export class Executor {
  readonly #ports: ExecutionPorts;
  readonly #options: ExecutionOptions;
  readonly #running = new Map<string, Promise<DriveEnd>>();
  #admission: Promise<unknown> = Promise.resolve();

  constructor(ports: ExecutionPorts, options: ExecutionOptions) {
    this.#ports = ports;
    this.#options = options;
  }

  /** Names of the records that are being driven. */
  driving(): readonly string[] {
    return [...this.#running.keys()];
  }

  /**
   * Judges, rehearses and records a plan. Never rejects and never waits for an effect. Submissions
   * queue up; each is judged on facts that were read after the one before was recorded.
   */
  submit(plan: Plan): Promise<Submission> {
    const submission = this.#admission.then(() => this.#admit(plan));
    this.#admission = submission.catch(() => undefined);
    return submission;
  }

  /**
   * Drives a record to its end; a record that is being driven already is not driven twice. The
   * process must lead. Never rejects.
   */
  drive(record: HealingAction, signal: AbortSignal): Promise<DriveEnd> {
    const { uid } = record.metadata;
    const present = this.#running.get(uid);
    if (present !== undefined) return present;
    const epoch = this.#ports.leadership.epoch();
    if (epoch === null) return Promise.resolve({ kind: 'stopped', record });
    const { analysis, clock, leadership, podsChanged, observer } = this.#ports;
    const ports = { analysis, clock, leadership, podsChanged, observer, epoch };
    const decide = (open: HealingAction) => this.#decideAgain(open);
    const drive = driveRecord(record, { ...ports, cluster: this.#fenced(epoch), decide }, signal);
    const ended = drive.finally(() => this.#running.delete(uid));
    this.#running.set(uid, ended);
    return ended;
  }

  /**
   * Takes over every open record, as a new leader must before anything else. May be called again at
   * any time: it finds records that a former leader managed to create late.
   */
  adopt(): Promise<Adoption> {
    const { leadership, clock } = this.#ports;
    const epoch = leadership.epoch();
    if (epoch === null)
      return Promise.resolve({ kind: 'failed', message: 'this process leads not' });
    const ports = { cluster: this.#fenced(epoch), clock };
    return adoptOpenRecords(ports, { epoch, holder: leadership.identity });
  }

  #fenced(epoch: number): ClusterPort {
    const { cluster, leadership, clock } = this.#ports;
    const deadlineMs = this.#options.writeDeadlineMs;
    return fencedPort({ cluster, leadership, epoch, clock, deadlineMs });
  }

  async #admit(submitted: Plan): Promise<Submission> {
    const action = actionById(submitted.step.action);
    const question = { plan: submitted, recordName: null, action };
    const gathered = await gather(question, this.#ports, this.#options);
    const mode = this.#ports.judge.effectiveMode(gathered.facts);
    if (mode === 'Observe') return { kind: 'observed', facts: gathered.facts };
    const plan = { ...submitted, live: submitted.live && mode === 'Auto' };
    const facts = { ...gathered.facts, plan };
    const { records } = gathered;
    const open =
      records.kind === 'known' ? attemptFor(records.value, recordKeyOf(plan)).open : null;
    if (open !== null) return { kind: 'recorded', record: open, adopted: true, facts };
    const verdict = this.#ports.judge.decide({ ...facts, rehearsal: null });
    if (verdict.kind !== 'Pass') return { kind: 'refused', verdict, facts, retryAfterMs: null };
    return this.#rehearseAndRecord({ facts, records }, action);
  }

  async #rehearseAndRecord(
    { facts, records }: Gathered,
    action: Action | undefined,
  ): Promise<Submission> {
    const refused = (verdict: NotPassed, retryAfterMs: number | null = null): Submission => ({
      kind: 'refused',
      verdict,
      facts,
      retryAfterMs,
    });
    const { leadership, judge, clock } = this.#ports;
    const epoch = leadership.epoch();
    const known = knownFacts(facts);
    const generation = judge.lineageGeneration(facts);
    if (epoch === null) return refused(unknownVerdict('leadership: this process leads not'));
    if (action === undefined || known === null || generation === null) {
      return refused(unknownVerdict('the action, its target, workload, peers or lineage'));
    }
    if (facts.policy.kind === 'unknown') return refused(unknownVerdict(facts.policy.missing));
    if (facts.predicted.kind === 'unknown') return refused(unknownVerdict(facts.predicted.missing));
    if (records.kind === 'unknown') return refused(unknownVerdict(records.missing));
    const cluster = this.#fenced(epoch);
    const rehearsal = await rehearse(action.intents(known), known.target, { cluster, clock });
    const verdict = judge.decide({ ...facts, rehearsal });
    if (verdict.kind !== 'Pass') {
      const answer = rehearsal.kind === 'known' ? rehearsal.value : null;
      return refused(verdict, answer?.kind === 'pdbBlocked' ? answer.retryAfterMs : null);
    }
    const creation = recordCreation({
      facts,
      action,
      ...known,
      policy: facts.policy.value,
      predicted: facts.predicted.value,
      attempt: attemptFor(records.value, recordKeyOf(facts.plan)).attempt,
      lineageGeneration: generation,
      fencing: { leaseName: leadership.leaseName, epoch, holder: leadership.identity },
    });
    if (creation === null)
      return refused(unknownVerdict('the step or trigger of the policy: it is gone'));
    return this.#create(cluster, creation, facts);
  }

  /** Creates the record. A name that exists already is the same plan: its record is adopted. */
  async #create(
    cluster: ClusterPort,
    creation: ApiRequest,
    facts: GatheredFacts,
  ): Promise<Submission> {
    const reply = await cluster.send(creation);
    if (reply.kind === 'ok') {
      const record = parseHealingAction(reply.body);
      if (record !== null) {
        this.#ports.observer?.phaseChanged?.(record, null);
        return { kind: 'recorded', record, adopted: false, facts };
      }
    }
    if (reply.kind === 'notSent') {
      return { kind: 'refused', verdict: unknownVerdict(reply.message), facts, retryAfterMs: null };
    }
    if (reply.kind === 'refused' && reply.status !== 409 && reply.status < 500) {
      const { status, message, retryAfterMs } = reply;
      const verdict: NotPassed =
        status === 403
          ? { kind: 'Refuse', reason: 'RBACDenied', message }
          : unknownVerdict(`the record: ${status} ${message}`);
      return { kind: 'refused', verdict, facts, retryAfterMs };
    }
    const name = textAt(creation.body, 'metadata', 'name');
    const namespace = textAt(creation.body, 'metadata', 'namespace');
    const read = await cluster.send({ verb: 'get', ...RECORDS, namespace, name });
    const found = read.kind === 'ok' ? parseHealingAction(read.body) : null;
    if (found !== null) return { kind: 'recorded', record: found, adopted: true, facts };
    const message = reply.kind === 'ok' ? 'the answer cannot be read' : reply.message;
    return { kind: 'inDoubt', message, facts };
  }

  async #newestEvidence(record: HealingAction): Promise<Evidence | null> {
    const { uid, container } = record.spec.target;
    const trigger = triggerOf(record);
    try {
      const query = { kind: 'evidence', trigger, podUid: uid, container } as const;
      const answer = await this.#ports.analysis.query(query);
      return answer.kind === 'evidence' && answer.evidence?.firing === true
        ? answer.evidence
        : null;
    } catch {
      return null;
    }
  }

  /**
   * Judges an existing record again, on facts and evidence of now. Without firing evidence, as after a
   * restart, what needs telemetry is unknown, not refused: it comes back, or `timeout` ends the wait.
   */
  async #decideAgain(record: HealingAction): Promise<Decision> {
    const evidence = await this.#newestEvidence(record);
    const plan = planOfRecord(record, evidence);
    const question = {
      plan,
      recordName: record.metadata.name,
      action: actionById(plan.step.action),
    };
    const { facts } = await gather(question, this.#ports, this.#options);
    const verdict = this.#ports.judge.decide({ ...facts, rehearsal: null });
    const target = facts.target.kind === 'known' ? facts.target.value : null;
    if (evidence === null && (verdict.kind === 'Pass' || needsTelemetry(verdict))) {
      const missing = `firing evidence about ${record.spec.target.name}: telemetry has none now`;
      return { verdict: unknownVerdict(missing), target };
    }
    return { verdict, target };
  }
}

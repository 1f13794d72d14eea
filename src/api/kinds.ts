// SPDX-License-Identifier: Apache-2.0
/**
 * The kinds of the API group: what stands in their CustomResourceDefinitions besides the schemas of
 * spec and status. The ids of detectors and actions come in as arguments.
 */
import type { z } from 'zod';
import { healingActionSpecSchema, healingActionStatusSchema } from './healing-action.ts';
import { actionStepSchema, healingPolicyStatusSchema, policySpecSchema } from './healing-policy.ts';
import { incidentSpecSchema, incidentStatusSchema } from './incident.ts';

/** A column of `kubectl get`. */
export interface PrinterColumn {
  readonly name: string;
  readonly type: 'string' | 'integer' | 'date';
  readonly jsonPath: string;
  readonly description: string;
  /** 1: shown by `-o wide` only. */
  readonly priority?: 1;
}

/** A kind as registered. */
export interface Kind {
  readonly kind: string;
  readonly plural: string;
  readonly singular: string;
  readonly shortName: string;
  /** One or two sentences for `kubectl explain` and the docs. */
  readonly description: string;
  readonly spec: z.ZodType;
  readonly status: z.ZodType;
  readonly columns: readonly PrinterColumn[];
  /** Fields that a field selector may name, at most 8. */
  readonly selectable: readonly string[];
}

/** Ids of the registered plugins that the schemas name. */
export interface RegisteredIds {
  readonly detectors: readonly [string, ...string[]];
  readonly actions: readonly string[];
}

const AGE: PrinterColumn = {
  name: 'Age',
  type: 'date',
  jsonPath: '.metadata.creationTimestamp',
  description: 'Time since creation.',
};

const healingPolicy = (detectors: RegisteredIds['detectors']): Kind => ({
  kind: 'HealingPolicy',
  plural: 'healingpolicies',
  singular: 'healingpolicy',
  shortName: 'hpol',
  description:
    'HealingPolicy says what to watch in the workloads of its namespace, what to do about it, and how far that may go.',
  spec: policySpecSchema(detectors).describe('What is wanted.'),
  status: healingPolicyStatusSchema.describe('What is seen; never the source of a limit.'),
  columns: [
    {
      name: 'Mode',
      type: 'string',
      jsonPath: '.status.effectiveMode',
      description: 'The mode in force after every cap.',
    },
    {
      name: 'Ready',
      type: 'string',
      jsonPath: '.status.conditions[?(@.type=="Ready")].status',
      description: 'Whether the policy is at work.',
    },
    {
      name: 'Active',
      type: 'string',
      jsonPath: '.status.triggers[?(@.state=="Firing")].name',
      description: 'The trigger that fires.',
    },
    {
      name: 'Last',
      type: 'string',
      jsonPath: '.status.lastAction.phase',
      description: 'Phase of the newest action.',
    },
    {
      name: 'Breaker',
      type: 'string',
      jsonPath: '.status.breaker.state',
      description: 'State of the circuit breaker.',
      priority: 1,
    },
    AGE,
  ],
  selectable: ['.spec.mode'],
});

const healingAction: Kind = {
  kind: 'HealingAction',
  plural: 'healingactions',
  singular: 'healingaction',
  shortName: 'hact',
  description:
    'HealingAction records one action on one target: written before the effect, never changed, and the only memory that limits are counted from.',
  spec: healingActionSpecSchema.describe('What is to be done and why; never changes.'),
  status: healingActionStatusSchema.describe('How far it has come.'),
  columns: [
    {
      name: 'Policy',
      type: 'string',
      jsonPath: '.spec.policyRef.name',
      description: 'The policy that wanted it.',
    },
    {
      name: 'Step',
      type: 'string',
      jsonPath: '.spec.step.name',
      description: 'The step of the policy.',
    },
    {
      name: 'Target',
      type: 'string',
      jsonPath: '.spec.target.name',
      description: 'What is acted on.',
    },
    {
      name: 'Mode',
      type: 'string',
      jsonPath: '.spec.mode',
      description: 'Whether it is carried out or only rehearsed.',
    },
    {
      name: 'Phase',
      type: 'string',
      jsonPath: '.status.phase',
      description: 'How far it has come.',
    },
    {
      name: 'Reason',
      type: 'string',
      jsonPath: '.status.reason',
      description: 'Why it ended as it did.',
    },
    {
      name: 'Message',
      type: 'string',
      jsonPath: '.status.message',
      description: 'Why, for people.',
      priority: 1,
    },
    AGE,
  ],
  selectable: ['.spec.policyRef.name', '.spec.target.name', '.spec.mode', '.status.phase'],
};

const incident: Kind = {
  kind: 'Incident',
  plural: 'incidents',
  singular: 'incident',
  shortName: 'inc',
  description:
    'Incident tells of one finding about one life of one container: the evidence, and what was decided about it.',
  spec: incidentSpecSchema.describe('What it is about; never changes.'),
  status: incidentStatusSchema.describe('What is known and what became of it.'),
  columns: [
    {
      name: 'Workload',
      type: 'string',
      jsonPath: '.spec.subject.workload.name',
      description: 'The workload in trouble.',
    },
    {
      name: 'Pod',
      type: 'string',
      jsonPath: '.spec.subject.pod.name',
      description: 'The pod in trouble.',
    },
    {
      name: 'Cause',
      type: 'string',
      jsonPath: '.status.cause.type',
      description: 'What is believed to be wrong.',
    },
    { name: 'State', type: 'string', jsonPath: '.status.state', description: 'What became of it.' },
    { name: 'Reason', type: 'string', jsonPath: '.status.reason', description: 'Why.' },
    {
      name: 'Message',
      type: 'string',
      jsonPath: '.status.message',
      description: 'Why, for people.',
      priority: 1,
    },
    AGE,
  ],
  selectable: ['.spec.policyRef.name', '.spec.subject.workload.name', '.status.state'],
};

/** Fields of a step that are no action. */
const STEP_SETTINGS: ReadonlySet<string> = new Set(['name', 'timeout', 'settle']);

/** Every action has a field in the step, and every such field an action: neither is declared only. */
const refuseUnmatchedActions = (actions: readonly string[]): void => {
  const fields = Object.keys(actionStepSchema.shape).filter((name) => !STEP_SETTINGS.has(name));
  const unmatched = [
    ...actions.filter((id) => !fields.includes(id)),
    ...fields.filter((name) => !actions.includes(name)),
  ];
  if (unmatched.length > 0) {
    throw new Error(`actions and the fields of a step must match, these do not: ${unmatched}`);
  }
};

/**
 * Lists the kinds, sorted.
 * @throws Error when the registered actions and the fields of a policy's step do not match
 */
export const kinds = ({ detectors, actions }: RegisteredIds): readonly Kind[] => {
  refuseUnmatchedActions(actions);
  return [healingAction, healingPolicy(detectors), incident];
};

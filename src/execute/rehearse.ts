// SPDX-License-Identifier: Apache-2.0
import type { RehearsalAnswer } from '../api/gathered-facts.ts';
import type { Clock } from '../domain/clock.ts';
import type { ApiReply, ClusterPort } from '../domain/cluster.ts';
import { type Fact, known, unknown } from '../domain/fact.ts';
import type { Intent } from './action.ts';
import { type IntentTarget, intentRequest } from './intent-request.ts';

/** The wait after a 429 that names none, in ms: what a lagging PDB controller is given. */
const DEFAULT_RETRY_AFTER_MS = 10_000;

const refused = (reply: Extract<ApiReply, { kind: 'refused' }>): RehearsalAnswer => {
  const { status, message } = reply;
  switch (status) {
    case 429: {
      const retryAfterMs = reply.retryAfterMs ?? DEFAULT_RETRY_AFTER_MS;
      return { kind: 'pdbBlocked', message, retryAfterMs };
    }
    case 403:
      return {
        kind: 'denied',
        message: `${message} (403 means missing rights, or a PodDisruptionBudget whose status is odd)`,
      };
    case 404:
    case 409:
      return { kind: 'targetChanged', message };
    default:
      return { kind: 'refused', status, message };
  }
};

/**
 * Sends each intent with `dryRun=All` and says what the API server answered; the first that is not
 * accepted ends it. A lost answer is an unknown fact: nothing was persisted, whatever happened.
 */
export const rehearse = async (
  intents: readonly Intent[],
  target: IntentTarget,
  ports: { readonly cluster: ClusterPort; readonly clock: Pick<Clock, 'wallMs'> },
): Promise<Fact<RehearsalAnswer>> => {
  for (const intent of intents) {
    const { preconditions } = intent;
    const request = intentRequest(intent, target, { preconditions, dryRun: true });
    const reply = await ports.cluster.send(request);
    if (reply.kind === 'unknown' || reply.kind === 'notSent') {
      return unknown(`the answer to the dry run: ${reply.message}`);
    }
    if (reply.kind === 'refused') {
      return known(refused(reply), ports.clock.wallMs(), `dryRun ${intent.path}`);
    }
  }
  if (intents.length === 0) return unknown('a request to rehearse: the action has none');
  return known({ kind: 'accepted' }, ports.clock.wallMs(), 'dryRun=All');
};

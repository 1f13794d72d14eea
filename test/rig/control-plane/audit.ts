// SPDX-License-Identifier: Apache-2.0
// The audit log is the oracle of tests: it holds every write that the API server answered, whoever
// sent it. It is written in blocking mode: a line is in the file before the client has its answer.
import { readFile } from 'node:fs/promises';

/** Records bodies of all writes and nothing of reads; JSON, which the API server reads as YAML. */
export const auditPolicy = JSON.stringify(
  {
    apiVersion: 'audit.k8s.io/v1',
    kind: 'Policy',
    omitStages: ['RequestReceived'],
    rules: [
      {
        level: 'RequestResponse',
        verbs: ['create', 'update', 'patch', 'delete', 'deletecollection'],
      },
      { level: 'None' },
    ],
  },
  null,
  2,
);

/** Describes one answered write, as audit.k8s.io/v1 defines it. */
export interface AuditEvent {
  readonly auditID: string;
  readonly stage: 'ResponseStarted' | 'ResponseComplete' | 'Panic';
  /** Path and query, so `dryRun=All` is seen here. */
  readonly requestURI: string;
  readonly verb: string;
  readonly user: { readonly username: string; readonly groups?: readonly string[] };
  readonly userAgent?: string;
  readonly objectRef?: {
    readonly resource: string;
    readonly subresource?: string;
    readonly namespace?: string;
    readonly name?: string;
    readonly uid?: string;
    readonly apiGroup?: string;
    readonly apiVersion?: string;
    readonly resourceVersion?: string;
  };
  readonly responseStatus?: {
    readonly code: number;
    readonly reason?: string;
    readonly message?: string;
  };
  readonly requestObject?: unknown;
  readonly responseObject?: unknown;
  /** RFC 3339 with microseconds. */
  readonly requestReceivedTimestamp: string;
  readonly stageTimestamp: string;
  readonly annotations?: Readonly<Record<string, string>>;
}

/** Parses the text of an audit log; a last line that is still being written is left out. */
export const parseAudit = (text: string): readonly AuditEvent[] => {
  const complete = text.slice(0, text.lastIndexOf('\n') + 1);
  return complete
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as AuditEvent);
};

/** Reads an audit log; a file that does not exist yet holds no events. */
export const readAudit = async (path: string): Promise<readonly AuditEvent[]> => {
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return '';
    throw error;
  });
  return parseAudit(text);
};

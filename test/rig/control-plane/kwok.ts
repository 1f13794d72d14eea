// SPDX-License-Identifier: Apache-2.0
import { kwokAnnotation, kwokAnnotationValue } from './arguments.ts';
import type { ApiResponse } from './json-client.ts';
import { waitFor } from './wait-for.ts';

/** Configures simulated nodes. */
export interface KwokNodeOptions {
  /** `kwok` by default; a number follows. */
  readonly namePrefix?: string;
  readonly labels?: Readonly<Record<string, string>>;
  /** Capacity; 32 cpu, 256Gi and 110 pods by default. */
  readonly capacity?: Readonly<Record<string, string>>;
  readonly deadlineMs?: number;
}

/** Sends one request as the administrator. */
export type Send = (method: string, path: string, body?: unknown) => Promise<ApiResponse>;

/** Returns a Node object that kwok takes care of. */
const kwokNode = (
  name: string,
  { labels = {}, capacity = { cpu: '32', memory: '256Gi', pods: '110' } }: KwokNodeOptions,
): unknown => ({
  apiVersion: 'v1',
  kind: 'Node',
  metadata: {
    name,
    annotations: { [kwokAnnotation]: kwokAnnotationValue },
    labels: {
      'kubernetes.io/hostname': name,
      'kubernetes.io/os': 'linux',
      'kubernetes.io/arch': 'amd64',
      type: 'kwok',
      ...labels,
    },
  },
  status: { capacity, allocatable: capacity },
});

interface NodeView {
  readonly spec: { readonly taints?: readonly unknown[] };
  readonly status: { readonly conditions?: readonly { type: string; status: string }[] };
}

/** Tells whether a node is Ready and no longer tainted as new. */
const isNodeReady = ({ spec, status }: NodeView): boolean =>
  (spec.taints ?? []).length === 0 &&
  (status.conditions ?? []).some(({ type, status: value }) => type === 'Ready' && value === 'True');

/** Creates simulated nodes and resolves with their names when pods can be bound to them. */
export const addKwokNodes = async (
  send: Send,
  count: number,
  options: KwokNodeOptions = {},
): Promise<readonly string[]> => {
  const { namePrefix = 'kwok', deadlineMs } = options;
  const names: string[] = [];
  for (let number = 0; names.length < count; number++) {
    const name = `${namePrefix}-${number}`;
    const { status, body } = await send('POST', '/api/v1/nodes', kwokNode(name, options));
    if (status === 409) continue;
    if (status !== 201) throw new Error(`node ${name} was refused: ${JSON.stringify(body)}`);
    names.push(name);
  }
  for (const name of names) {
    const isReady = async () => {
      const { status, body } = await send('GET', `/api/v1/nodes/${name}`);
      return status === 200 && isNodeReady(body as NodeView);
    };
    await waitFor(`node ${name} is Ready`, isReady, deadlineMs);
  }
  return names;
};

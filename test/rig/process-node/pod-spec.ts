// SPDX-License-Identifier: Apache-2.0
// What of a Pod the process node understands, and how its environment is resolved.
import { parseQuantity } from '../../../src/domain/quantity-text.ts';

/** A probe by HTTP GET; the other kinds are not understood. */
export interface HttpProbe {
  readonly httpGet?: { readonly path?: string; readonly port: number | string };
  readonly initialDelaySeconds?: number;
  readonly periodSeconds?: number;
  readonly timeoutSeconds?: number;
  readonly failureThreshold?: number;
}

/** One container of a pod. */
export interface ContainerSpec {
  readonly name: string;
  readonly image: string;
  readonly args?: readonly string[];
  readonly env?: readonly {
    readonly name: string;
    readonly value?: string;
    readonly valueFrom?: { readonly fieldRef?: { readonly fieldPath: string } };
  }[];
  readonly ports?: readonly { readonly name?: string; readonly containerPort: number }[];
  readonly resources?: { readonly limits?: { readonly memory?: string } };
  readonly startupProbe?: HttpProbe;
  readonly readinessProbe?: HttpProbe;
  readonly livenessProbe?: HttpProbe;
}

/** A pod as it comes from the API server. */
export interface Pod {
  readonly metadata: {
    readonly namespace: string;
    readonly name: string;
    readonly uid: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
    readonly deletionTimestamp?: string;
    readonly deletionGracePeriodSeconds?: number;
  };
  readonly spec: {
    readonly nodeName?: string;
    readonly restartPolicy?: string;
    readonly terminationGracePeriodSeconds?: number;
    readonly containers: readonly ContainerSpec[];
  };
  readonly status?: { readonly phase?: string };
}

/** Memory limit in bytes; `null`: none. */
export const memoryLimitBytes = ({ resources }: ContainerSpec): number | null => {
  const text = resources?.limits?.memory;
  return text === undefined ? null : parseQuantity(text);
};

const fieldValue = (pod: Pod, podIp: string, path: string): string => {
  const keyed = /^metadata\.(labels|annotations)\['([^']+)'\]$/.exec(path);
  if (keyed !== null) {
    return pod.metadata[keyed[1] as 'labels' | 'annotations']?.[keyed[2] as string] ?? '';
  }
  const fields: Readonly<Record<string, string | undefined>> = {
    'metadata.name': pod.metadata.name,
    'metadata.namespace': pod.metadata.namespace,
    'metadata.uid': pod.metadata.uid,
    'spec.nodeName': pod.spec.nodeName,
    'status.podIP': podIp,
    'status.hostIP': '127.0.0.1',
  };
  const value = fields[path];
  if (value === undefined)
    throw new Error(`fieldRef ${path} is not understood by the process node`);
  return value;
};

/** Resolves the environment of a container, `$(NAME)` references to earlier variables included. */
export const environmentOf = (
  pod: Pod,
  container: ContainerSpec,
  podIp: string,
): Readonly<Record<string, string>> => {
  const environment: Record<string, string> = {};
  for (const { name, value, valueFrom } of container.env ?? []) {
    const path = valueFrom?.fieldRef?.fieldPath;
    if (valueFrom !== undefined && path === undefined) {
      throw new Error(`env ${name}: only value and fieldRef are understood by the process node`);
    }
    environment[name] =
      path === undefined
        ? (value ?? '').replace(/\$\(([A-Za-z_][A-Za-z0-9_]*)\)/g, (whole, key: string) =>
            Object.hasOwn(environment, key) ? (environment[key] as string) : whole,
          )
        : fieldValue(pod, podIp, path);
  }
  return environment;
};

/** Finds the number of a port that a probe names. */
export const portNumber = (container: ContainerSpec, port: number | string): number => {
  if (typeof port === 'number') return port;
  const named = container.ports?.find(({ name }) => name === port)?.containerPort;
  if (named === undefined) throw new Error(`no port is called ${port}`);
  return named;
};

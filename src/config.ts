// SPDX-License-Identifier: Apache-2.0
/**
 * The configuration of the operator: one table of settings, each a flag and an environment variable.
 * The flag wins. What is wrong is reported with the row of the table it belongs to.
 */
import { parseArgs } from 'node:util';
import { z } from 'zod';
import { MODES } from './api/healing-policy.ts';
import { durationMs } from './domain/duration.ts';
import { HomeostatError } from './errors.ts';
import { LOG_LEVELS } from './instrumentation/log.ts';
import type { Endpoint } from './kube/credentials.ts';
import { inClusterEndpoint, kubeconfigEndpoint } from './kube/kubeconfig.ts';

const duration = z.string().transform((text, context) => {
  try {
    return durationMs(text);
  } catch (error) {
    context.addIssue({ code: 'custom', message: (error as Error).message });
    return z.NEVER;
  }
});

const BYTE_UNITS: Readonly<Record<string, number>> = {
  '': 1,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
};

const bytes = z.string().transform((text, context) => {
  const match = /^([0-9]{1,9})(Ki|Mi|Gi|)$/.exec(text);
  if (match === null) {
    context.addIssue({ code: 'custom', message: 'must be a size such as 64Mi' });
    return z.NEVER;
  }
  return Number(match[1]) * (BYTE_UNITS[match[2] as string] as number);
});

const address = z.string().transform((text, context) => {
  const match = /^(\[[0-9a-fA-F:.]+\]|[^:[\]]*):([0-9]{1,5})$/.exec(text);
  const port = Number(match?.[2]);
  if (match === null || port > 65_535) {
    context.addIssue({ code: 'custom', message: 'must be host:port, for example 0.0.0.0:4317' });
    return z.NEVER;
  }
  const host = (match[1] as string).replace(/^\[|\]$/g, '');
  return { host: host === '' ? '::' : host, port };
});

const list = z.string().transform((text) =>
  text
    .split(',')
    .map((each) => each.trim())
    .filter((each) => each !== ''),
);

const optionalUrl = z
  .string()
  .refine(
    (text) => text === '' || URL.canParse(text),
    'must be empty or a URL such as http://collector:4317',
  );

/** Every setting: how it is read, its default as text, and what it means. */
export const SETTINGS = {
  maxMode: { schema: z.enum(MODES), default: 'Auto', help: 'caps the mode of every policy' },
  namespace: {
    schema: z.string().max(63),
    default: 'homeostat-system',
    help: 'namespace of the operator: holds its Lease, never healed',
  },
  watchNamespaces: {
    schema: list,
    default: '',
    help: 'namespaces to watch, separated by commas; empty: all',
  },
  kubeconfig: {
    schema: z.string(),
    default: '',
    help: 'kubeconfig file; empty: in-cluster when there, else the default file',
  },
  context: {
    schema: z.string(),
    default: '',
    help: 'context of the kubeconfig; empty: its current one',
  },
  otlpGrpcAddress: {
    schema: address,
    default: '0.0.0.0:4317',
    help: 'where OTLP/gRPC is received',
  },
  otlpHttpAddress: {
    schema: address,
    default: '0.0.0.0:4318',
    help: 'where OTLP/HTTP is received',
  },
  otlpMaxBody: {
    schema: bytes,
    default: '64Mi',
    help: 'largest request, before and after decompression',
  },
  otlpInFlight: {
    schema: bytes,
    default: '128Mi',
    help: 'bytes of requests held at once over all senders; beyond it senders are told to retry',
  },
  httpAddress: {
    schema: address,
    default: '0.0.0.0:8080',
    help: 'where /healthz, /readyz and /metrics are served',
  },
  leaseName: {
    schema: z.string().min(1).max(253),
    default: 'homeostat',
    help: 'name of the Lease that elects the leader',
  },
  leaseDuration: {
    schema: duration,
    default: '15s',
    help: 'a follower takes over when the Lease did not change for this long',
  },
  renewDeadline: {
    schema: duration,
    default: '10s',
    help: 'a leader that cannot renew for this long stops',
  },
  retryPeriod: {
    schema: duration,
    default: '2s',
    help: 'time between two attempts to acquire or renew',
  },
  identity: {
    schema: z.string().max(200),
    default: '',
    help: 'name of this replica in the Lease; empty: host name and a random part',
  },
  podName: {
    schema: z.string().max(253),
    default: '',
    help: 'own pod, labelled while leading so that the OTLP Service selects it; empty: no label',
  },
  resourceMetricsInterval: {
    schema: duration,
    default: '10s',
    help: 'time between two lists of metrics.k8s.io per target namespace',
  },
  traceEndpoint: {
    schema: optionalUrl,
    default: '',
    help: 'OTLP/gRPC endpoint for the own traces; empty: none. Never the own receiver',
  },
  logLevel: {
    schema: z.enum(LOG_LEVELS),
    default: 'info',
    help: 'least severe line that is written',
  },
} as const satisfies Record<string, { schema: z.ZodType; default: string; help: string }>;

type Settings = typeof SETTINGS;

/** The configuration of one process; durations in ms, sizes in bytes. */
export type Config = { readonly [K in keyof Settings]: z.output<Settings[K]['schema']> };

const kebab = (name: string): string =>
  name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);

/** Flag of a setting, for example `--max-mode`. */
export const flagOf = (name: keyof Settings): string => `--${kebab(name)}`;

/** Environment variable of a setting, for example `HOMEOSTAT_MAX_MODE`. */
export const variableOf = (name: keyof Settings): string =>
  `HOMEOSTAT_${kebab(name).replaceAll('-', '_').toUpperCase()}`;

const NAMES = Object.keys(SETTINGS) as (keyof Settings)[];

const row = (name: keyof Settings): string =>
  `${flagOf(name).padEnd(28)} ${variableOf(name).padEnd(38)} ${(SETTINGS[name].default || '""').padEnd(18)} ${SETTINGS[name].help}`;

/** The table of settings as text, for `--help`. */
export const settingsTable = (): string =>
  [
    `${'flag'.padEnd(28)} ${'variable'.padEnd(38)} ${'default'.padEnd(18)} meaning`,
    ...NAMES.map(row),
  ].join('\n');

const invalid = (detail: string): HomeostatError =>
  new HomeostatError('HOMEO_CONFIG_INVALID', { details: { detail } });

const readFlags = (
  argv: readonly string[],
): Readonly<Record<string, string | boolean | undefined>> => {
  const options = Object.fromEntries(
    NAMES.map((name) => [kebab(name), { type: 'string' as const }]),
  );
  try {
    return parseArgs({ args: [...argv], options, strict: true, allowPositionals: false }).values;
  } catch (error) {
    throw invalid(`${(error as Error).message}\nknown settings:\n${settingsTable()}`);
  }
};

const CROSS_CHECKS: readonly ((config: Config) => string | null)[] = [
  ({ leaseDuration, renewDeadline }) =>
    leaseDuration > renewDeadline
      ? null
      : `${row('renewDeadline')}\n  must be shorter than ${flagOf('leaseDuration')}`,
  ({ renewDeadline, retryPeriod }) =>
    renewDeadline > retryPeriod * 1.2
      ? null
      : `${row('retryPeriod')}\n  must be shorter than 5/6 of ${flagOf('renewDeadline')}`,
  ({ otlpInFlight, otlpMaxBody }) =>
    otlpInFlight >= otlpMaxBody
      ? null
      : `${row('otlpInFlight')}\n  must be at least ${flagOf('otlpMaxBody')}, else a legal request is refused for ever`,
  ({ traceEndpoint, otlpGrpcAddress }) =>
    traceEndpoint !== '' && isOwnReceiver(new URL(traceEndpoint), otlpGrpcAddress.port)
      ? `${row('traceEndpoint')}\n  must not be the own receiver: the operator would act on its own telemetry`
      : null,
];

const isOwnReceiver = (url: URL, ownPort: number): boolean =>
  Number(url.port) === ownPort &&
  /^(localhost|127\..*|\[::1\]|0\.0\.0\.0|homeostat(\..*)?)$/.test(url.hostname);

/**
 * Reads the configuration.
 * @throws HomeostatError `HOMEO_CONFIG_INVALID` (exit code 2) naming every wrong row of the table
 */
export const readConfig = (
  argv: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
): Config => {
  const flags = readFlags(argv);
  const problems: string[] = [];
  const entries = NAMES.map((name) => {
    const flag = flags[kebab(name)];
    const text =
      typeof flag === 'string' ? flag : (environment[variableOf(name)] ?? SETTINGS[name].default);
    const parsed = SETTINGS[name].schema.safeParse(text);
    if (!parsed.success) {
      const why = parsed.error.issues.map((issue) => issue.message).join('; ');
      problems.push(`${row(name)}\n  got ${JSON.stringify(text)}: ${why}`);
    }
    return [name, parsed.data];
  });
  if (problems.length > 0) throw invalid(problems.join('\n'));
  const config = Object.fromEntries(entries) as Config;
  const contradictions = CROSS_CHECKS.map((check) => check(config)).filter((each) => each !== null);
  if (contradictions.length > 0) throw invalid(contradictions.join('\n'));
  return config;
};

/** Reads the configuration of this process from its arguments and environment. */
export const readProcessConfig = (): Config => readConfig(process.argv.slice(2), process.env);

/**
 * Finds the API server: the kubeconfig that is named, else the pod's own ServiceAccount, else the
 * default kubeconfig.
 * @throws HomeostatError `HOMEO_KUBE_CONFIG`
 */
export const readProcessEndpoint = (config: Config): Promise<Endpoint> => {
  const { kubeconfig, context } = config;
  const host = process.env['KUBERNETES_SERVICE_HOST'] ?? '';
  if (kubeconfig === '' && context === '' && host !== '') {
    return inClusterEndpoint({ host, port: process.env['KUBERNETES_SERVICE_PORT'] ?? '443' });
  }
  return kubeconfigEndpoint({
    path: kubeconfig === '' ? undefined : kubeconfig,
    context: context === '' ? undefined : context,
  });
};

// SPDX-License-Identifier: Apache-2.0
import { get } from 'node:http';
import { type ContainerSpec, type HttpProbe, portNumber } from './pod-spec.ts';

/** Runs one probe until the returned function is called. */
export const startProbe = (options: {
  readonly kind: 'startupProbe' | 'readinessProbe' | 'livenessProbe';
  readonly probe: HttpProbe;
  readonly spec: ContainerSpec;
  readonly podIp: string;
  /** False: the probe is not asked now. */
  readonly isDue: () => boolean;
  /** Called with each answer, and whether the failure threshold is reached. */
  readonly onAnswer: (isOk: boolean, hasFailed: boolean) => void;
}): (() => void) => {
  const { kind, probe, spec, podIp, isDue, onAnswer } = options;
  if (probe.httpGet === undefined) {
    throw new Error(`${kind}: only httpGet is understood by the process node`);
  }
  const { path = '/', port } = probe.httpGet;
  const target = { host: podIp, port: portNumber(spec, port), path };
  let failures = 0;
  const judge = (isOk: boolean): void => {
    failures = isOk ? 0 : failures + 1;
    onAnswer(isOk, failures >= (probe.failureThreshold ?? 3));
  };
  const ask = (): void => {
    if (!isDue()) return;
    const request = get({ ...target, timeout: (probe.timeoutSeconds ?? 1) * 1000 }, (response) => {
      response.resume();
      judge((response.statusCode ?? 500) < 400);
    });
    request.once('timeout', () => request.destroy(new Error('timeout')));
    request.once('error', () => judge(false));
  };
  const timer = setInterval(ask, (probe.periodSeconds ?? 10) * 1000);
  return () => clearInterval(timer);
};

// SPDX-License-Identifier: Apache-2.0
// One container as a local process: started, probed, watched for its memory, started again with
// back-off when it ends, stopped by SIGTERM and then SIGKILL.
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import type { Watchdog } from '../control-plane/watchdog.ts';
import { type ContainerSpec, memoryLimitBytes } from './pod-spec.ts';
import { startProbe } from './probe.ts';

/** A program that stands for an image: what to run, and the arguments before the container's own. */
export interface Program {
  readonly command: string;
  readonly args: readonly string[];
}

/** Everything a container process needs to know. */
export interface ContainerProcessOptions {
  readonly spec: ContainerSpec;
  readonly program: Program;
  readonly environment: Readonly<Record<string, string>>;
  readonly podIp: string;
  readonly logFile: string;
  readonly watchdog: Watchdog;
  /** Called whenever the status may have changed. */
  readonly onChange: () => void;
}

/** One termination, as the kubelet reports it. */
export interface Termination {
  readonly exitCode: number;
  readonly reason: 'OOMKilled' | 'Error' | 'Completed';
  readonly startedAt: string;
  readonly finishedAt: string;
}

const PAGE_BYTES = 4096;
const OOM_CHECK_MS = 50;
const MAX_BACK_OFF_MS = 10_000;

/** Resident set size of a process in bytes from /proc; `null` when it is gone or there is no /proc. */
export const residentBytes = (pid: number): number | null => {
  try {
    return Number(readFileSync(`/proc/${pid}/statm`, 'utf8').split(' ')[1]) * PAGE_BYTES;
  } catch {
    return null;
  }
};

const now = (): string => new Date().toISOString().replace(/\.\d+Z$/, 'Z');

/** Runs one container until {@link stop}. */
export class ContainerProcess {
  readonly #options: ContainerProcessOptions;
  #child: ChildProcess | null = null;
  #memoryTimer: NodeJS.Timeout | null = null;
  #stopProbes: (() => void)[] = [];
  #restartTimer: NodeJS.Timeout | null = null;
  #wasOomKilled = false;
  #isStopping = false;
  /** Number of times it was started again. */
  restartCount = 0;
  startedAt: string | null = null;
  lastTermination: Termination | null = null;
  isStarted = false;
  isReady = false;

  constructor(options: ContainerProcessOptions) {
    this.#options = options;
  }

  /** Process id; `null` while none runs. */
  get pid(): number | null {
    return this.#child?.pid ?? null;
  }

  /** Resident memory in bytes now; `null` while none runs. */
  residentBytes(): number | null {
    return this.pid === null ? null : residentBytes(this.pid);
  }

  /** Starts the process and its probes. */
  start(): void {
    const { program, spec, environment, logFile, watchdog, onChange } = this.#options;
    const log = openSync(logFile, 'a');
    const child = spawn(program.command, [...program.args, ...(spec.args ?? [])], {
      detached: true,
      env: { PATH: process.env['PATH'] ?? '', ...watchdog.environment, ...environment },
      stdio: ['ignore', log, log],
    });
    closeSync(log);
    this.#child = child;
    this.#wasOomKilled = false;
    this.startedAt = now();
    this.isStarted = spec.startupProbe === undefined;
    this.isReady = spec.readinessProbe === undefined && this.isStarted;
    if (child.pid !== undefined) watchdog.add(child.pid);
    child.once('error', () => this.#ended(127));
    child.once('exit', (code, signal) => this.#ended(code ?? (signal === 'SIGKILL' ? 137 : 143)));
    this.#watchMemory();
    this.#startProbes();
    onChange();
  }

  /** Ends the process: SIGTERM, and SIGKILL after the grace period. Resolves when it is gone. */
  async stop(graceMs: number): Promise<void> {
    this.#isStopping = true;
    if (this.#restartTimer !== null) clearTimeout(this.#restartTimer);
    const child = this.#child;
    if (child === null) return;
    const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()));
    child.kill('SIGTERM');
    const kill = setTimeout(() => child.kill('SIGKILL'), graceMs);
    await gone;
    clearTimeout(kill);
  }

  #ended(exitCode: number): void {
    if (this.#child === null) return;
    if (this.#child.pid !== undefined) this.#options.watchdog.remove(this.#child.pid);
    this.#child = null;
    if (this.#memoryTimer !== null) clearInterval(this.#memoryTimer);
    for (const stop of this.#stopProbes.splice(0)) stop();
    const failure = this.#wasOomKilled ? 'OOMKilled' : 'Error';
    this.lastTermination = {
      exitCode: this.#wasOomKilled ? 137 : exitCode,
      reason: exitCode === 0 ? 'Completed' : failure,
      startedAt: this.startedAt ?? now(),
      finishedAt: now(),
    };
    this.startedAt = null;
    this.isReady = false;
    this.isStarted = false;
    this.#options.onChange();
    if (this.#isStopping) return;
    const backOffMs = Math.min(MAX_BACK_OFF_MS, 500 * 2 ** this.restartCount);
    this.#restartTimer = setTimeout(() => {
      this.restartCount += 1;
      this.start();
    }, backOffMs);
  }

  #watchMemory(): void {
    const limit = memoryLimitBytes(this.#options.spec);
    if (limit === null) return;
    const check = (): void => {
      const used = this.residentBytes();
      if (used === null || used <= limit || this.#wasOomKilled) return;
      this.#wasOomKilled = true;
      this.#child?.kill('SIGKILL');
    };
    this.#memoryTimer = setInterval(check, OOM_CHECK_MS);
  }

  #startProbes(): void {
    const { spec, podIp, onChange } = this.#options;
    const start = (
      kind: 'startupProbe' | 'readinessProbe' | 'livenessProbe',
      isDue: () => boolean,
      onAnswer: (isOk: boolean, hasFailed: boolean) => void,
    ): void => {
      const probe = spec[kind];
      if (probe === undefined) return;
      const answered = (isOk: boolean, hasFailed: boolean): void => {
        onAnswer(isOk, hasFailed);
        onChange();
      };
      this.#stopProbes.push(startProbe({ kind, probe, spec, podIp, isDue, onAnswer: answered }));
    };
    start(
      'startupProbe',
      () => !this.isStarted,
      (isOk, hasFailed) => {
        this.isStarted = isOk;
        if (isOk && spec.readinessProbe === undefined) this.isReady = true;
        if (hasFailed) this.#child?.kill('SIGTERM');
      },
    );
    start(
      'readinessProbe',
      () => this.isStarted,
      (isOk, hasFailed) => {
        if (isOk || hasFailed) this.isReady = isOk;
      },
    );
    start(
      'livenessProbe',
      () => this.isStarted,
      (_, hasFailed) => {
        if (hasFailed) this.#child?.kill('SIGTERM');
      },
    );
  }
}

// SPDX-License-Identifier: Apache-2.0
// The operator as a program of its own, beside the cluster, as `replicas=0` of the chart has it.
import { type ChildProcess, spawn } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import { join } from 'node:path';
import type { Watchdog } from '../control-plane/watchdog.ts';

const MAIN = join(import.meta.dirname, '../../../src/main.ts');

/** Configures one operator. */
export interface OperatorProcessOptions {
  /** File of the main thread; that of the source by default. */
  readonly main?: string;
  readonly kubeconfig: string;
  /** Namespace of its Lease. */
  readonly namespace: string;
  /** `homeostat` by default. */
  readonly leaseName?: string;
  /** Further flags; of a flag given twice the later one wins. */
  readonly args?: readonly string[];
  /** Everything it writes on standard error. */
  readonly logFile: string;
  readonly watchdog: Watchdog;
}

/** One line of the operator's log. */
export interface LogLine {
  readonly level: string;
  readonly message: string;
  readonly [key: string]: unknown;
}

/** What one of its pages says. */
export interface Page {
  readonly status: number;
  readonly body: string;
}

/** Controls one running operator. */
export interface OperatorProcess {
  readonly pid: number;
  readonly logFile: string;
  /** Ports that it listens on at 127.0.0.1. */
  readonly ports: { readonly grpc: number; readonly http: number; readonly health: number };
  /** Exit code once it has ended; a signal counts as 128 + 9. */
  readonly exited: Promise<number>;
  /** True until it has ended. */
  readonly isRunning: boolean;
  /** Its log so far; lines that are no JSON are left out. */
  log(): readonly LogLine[];
  /** Reads /healthz, /readyz or /metrics. */
  page(path: string): Promise<Page>;
  /** Sends a signal to it. */
  signal(signal: NodeJS.Signals): void;
  /** Ends it by SIGTERM and resolves with its exit code. */
  stop(): Promise<number>;
}

const parsed = (line: string): readonly LogLine[] => {
  try {
    return [JSON.parse(line) as LogLine];
  } catch {
    return [];
  }
};

class RunningOperator implements OperatorProcess {
  readonly logFile: string;
  readonly exited: Promise<number>;
  readonly started: Promise<OperatorProcess['ports']>;
  readonly #child: ChildProcess;
  readonly #lines: LogLine[] = [];
  #rest = '';
  #ports: OperatorProcess['ports'] = { grpc: 0, http: 0, health: 0 };
  isRunning: boolean = true;

  constructor({
    main = MAIN,
    kubeconfig,
    namespace,
    leaseName,
    args,
    logFile,
    watchdog,
  }: OperatorProcessOptions) {
    const flags = [
      `--kubeconfig=${kubeconfig}`,
      `--namespace=${namespace}`,
      `--lease-name=${leaseName ?? 'homeostat'}`,
      '--otlp-grpc-address=127.0.0.1:0',
      '--otlp-http-address=127.0.0.1:0',
      '--http-address=127.0.0.1:0',
      ...(args ?? []),
    ];
    this.logFile = logFile;
    this.#child = spawn(process.execPath, [main, ...flags], {
      stdio: ['ignore', 'ignore', 'pipe'],
      env: { ...process.env, ...watchdog.environment },
      detached: true,
    });
    const { pid } = this.#child;
    if (pid !== undefined) watchdog.add(pid);
    this.exited = new Promise((resolve) => {
      this.#child.once('exit', (code) => {
        this.isRunning = false;
        if (pid !== undefined) watchdog.remove(pid);
        resolve(code ?? 137);
      });
    });
    this.started = this.#read(logFile);
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  get ports(): OperatorProcess['ports'] {
    return this.#ports;
  }

  log(): readonly LogLine[] {
    return this.#lines;
  }

  async page(path: string): Promise<Page> {
    const reply = await fetch(`http://127.0.0.1:${this.#ports.health}${path}`, {
      headers: { connection: 'close' },
      signal: AbortSignal.timeout(20_000),
    });
    return { status: reply.status, body: await reply.text() };
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  stop(): Promise<number> {
    this.signal('SIGTERM');
    return this.exited;
  }

  #read(logFile: string): Promise<OperatorProcess['ports']> {
    const file = createWriteStream(logFile, { flags: 'a' });
    return new Promise((resolve, reject) => {
      this.#child.stderr?.setEncoding('utf8').on('data', (chunk: string) => {
        file.write(chunk);
        const lines = (this.#rest + chunk).split('\n');
        this.#rest = lines.pop() ?? '';
        this.#lines.push(...lines.flatMap(parsed));
        const address = String(
          this.#lines.find(({ message }) => message === 'started')?.['address'],
        );
        const found = /otlp grpc (\d+), otlp http (\d+), health (\d+)/.exec(address);
        if (found === null) return;
        const [grpc = 0, http = 0, health = 0] = found.slice(1).map(Number);
        this.#ports = { grpc, http, health };
        resolve(this.#ports);
      });
      void this.exited.then((code) => {
        file.end();
        const end = this.#lines.slice(-20).map((line) => JSON.stringify(line));
        reject(new Error(`the operator ended with ${code}:\n${[...end, this.#rest].join('\n')}`));
      });
    });
  }
}

/**
 * Starts an operator from source and resolves when it listens; it may not lead yet, and need not reach
 * the API server. @throws when it ends before, with the end of its log
 */
export const startOperatorProcess = async (
  options: OperatorProcessOptions,
): Promise<OperatorProcess> => {
  const operator = new RunningOperator(options);
  await operator.started;
  return operator;
};

// SPDX-License-Identifier: Apache-2.0
// One program of the rig with the life that fault tests need:
//
//   idle ──start──► running ──pause──► paused
//    ▲                 │ ◄───resume───── │
//    └──stop, crash────┴───────stop──────┘
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Watchdog } from './watchdog.ts';

/** Describes how a component is started. */
export interface ComponentOptions {
  readonly name: string;
  /** Program and arguments, a prefix such as nsenter included; read again at every start. */
  readonly command: () => readonly string[];
  readonly logFile: string;
  readonly watchdog: Watchdog;
  /** Resolves to true once the component does its work; errors mean "not yet". */
  readonly isReady: () => Promise<boolean>;
  readonly env?: Readonly<Record<string, string>>;
  /** Time for getting ready, in milliseconds; one minute by default. */
  readonly readyDeadlineMs?: number;
}

/** Controls one program. */
export interface Component {
  readonly name: string;
  /** Is undefined while it does not run. */
  readonly pid: number | undefined;
  readonly logFile: string;
  /** Time from the last start to readiness, in milliseconds. */
  readonly readyMs: number;
  /** Starts it and resolves when it is ready. Throws ComponentExitedError when it ends before. */
  start(): Promise<void>;
  /** Sends the signal (SIGTERM by default) and resolves when it has ended; SIGKILL after 20 s. */
  stop(signal?: NodeJS.Signals): Promise<void>;
  /** Stops it by the signal and starts it on the same ports with the same data. */
  restart(signal?: NodeJS.Signals): Promise<void>;
  /** Freezes it by SIGSTOP: connections stay open and nothing answers. */
  pause(): void;
  /** Continues a frozen component. */
  resume(): void;
  /** Resolves to true when it is ready now. */
  isReady(): Promise<boolean>;
}

/** Reports that a component ended while it was getting ready, with the end of its log. */
export class ComponentExitedError extends Error {
  override readonly name = 'ComponentExitedError';
  /** Whether another process holds the port: choose others and start again. */
  readonly isPortTaken: boolean;

  constructor(name: string, how: string, log: string) {
    const end = log.trim().split('\n').slice(-15).join('\n');
    super(`${name} ended (${how}) before it was ready:\n${end}`);
    this.isPortTaken = /address already in use/.test(log);
  }
}

/** Keeps programs of the rig from looking for their own cluster behind a proxy of the machine. */
export const directEnvironment = {
  HTTP_PROXY: '',
  HTTPS_PROXY: '',
  http_proxy: '',
  https_proxy: '',
} as const;

const STOP_DEADLINE_MS = 20_000;
const READY_POLL_MS = 25;
const READY_CALL_DEADLINE_MS = 5000;

/** Creates a component that is not started yet. */
export const createComponent = (options: ComponentOptions): Component => new Program(options);

class Program implements Component {
  readonly name: string;
  readonly logFile: string;
  readonly #options: ComponentOptions;
  #child: ChildProcess | undefined;
  #readyMs = 0;

  constructor(options: ComponentOptions) {
    this.#options = options;
    this.name = options.name;
    this.logFile = options.logFile;
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  get readyMs(): number {
    return this.#readyMs;
  }

  async start(): Promise<void> {
    if (this.#child !== undefined) throw new Error(`${this.name} runs already`);
    const started = performance.now();
    const child = this.#spawn();
    await this.#waitReady(child, started);
    this.#readyMs = Math.round(performance.now() - started);
  }

  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    const child = this.#child;
    if (child === undefined) return;
    child.ref();
    const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
    this.#signal(signal);
    // A frozen process takes no signal but SIGKILL until it continues.
    this.#signal('SIGCONT');
    const guard = setTimeout(() => this.#signal('SIGKILL'), STOP_DEADLINE_MS);
    await ended;
    clearTimeout(guard);
  }

  async restart(signal?: NodeJS.Signals): Promise<void> {
    await this.stop(signal);
    await this.start();
  }

  pause(): void {
    this.#signal('SIGSTOP');
  }

  resume(): void {
    this.#signal('SIGCONT');
  }

  async isReady(): Promise<boolean> {
    const late = sleep(READY_CALL_DEADLINE_MS, false, { ref: false });
    const answer = this.#options.isReady().catch(() => false);
    return Promise.race([answer, late]);
  }

  #signal(signal: NodeJS.Signals): void {
    const pid = this.#child?.pid;
    if (pid === undefined) return;
    try {
      process.kill(-pid, signal);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    }
  }

  #spawn(): ChildProcess {
    const { command, watchdog, env } = this.#options;
    const [file = '', ...args] = command();
    const log = openSync(this.logFile, 'a');
    const child = spawn(file, args, {
      cwd: watchdog.folder,
      env: { ...process.env, ...directEnvironment, ...env, ...watchdog.environment },
      stdio: ['ignore', log, log],
      // A process group of its own: signals reach its children too, and Ctrl-C does not reach it.
      detached: true,
    });
    closeSync(log);
    child.unref();
    this.#child = child;
    const group = child.pid;
    if (group !== undefined) watchdog.add(group);
    const forget = () => {
      if (group !== undefined) watchdog.remove(group);
      if (this.#child === child) this.#child = undefined;
    };
    child.once('exit', forget);
    child.once('error', forget);
    return child;
  }

  async #waitReady(child: ChildProcess, started: number): Promise<void> {
    const { readyDeadlineMs = 60_000 } = this.#options;
    let failure: Error | undefined;
    child.once('error', (error) => {
      failure = error;
    });
    for (;;) {
      if (failure !== undefined) throw failure;
      if (this.#child !== child) {
        const log = await readFile(this.logFile, 'utf8');
        const how = child.signalCode ?? `exit code ${child.exitCode}`;
        throw new ComponentExitedError(this.name, how, log);
      }
      if (await this.isReady()) return;
      if (performance.now() - started > readyDeadlineMs) {
        const log = await readFile(this.logFile, 'utf8');
        const end = log.trim().split('\n').slice(-15).join('\n');
        throw new Error(`${this.name} was not ready within ${readyDeadlineMs / 1000} s:\n${end}`);
      }
      await sleep(READY_POLL_MS);
    }
  }
}

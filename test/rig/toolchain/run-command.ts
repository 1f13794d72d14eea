// SPDX-License-Identifier: Apache-2.0
import { spawn } from 'node:child_process';

/** Holds what a finished command left behind; `code` is 127 when the program does not exist. */
export interface CommandResult {
  readonly stdout: string;
  readonly stderr: string;
  readonly code: number;
}

/** Configures one run of a command. */
export interface CommandOptions {
  readonly cwd?: string | undefined;
  readonly env?: NodeJS.ProcessEnv | undefined;
  readonly input?: string | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Signal that ends the program when `signal` aborts; SIGKILL by default. */
  readonly killSignal?: NodeJS.Signals;
  readonly onLine?: ((line: string) => void) | undefined;
}

/**
 * Runs a program to its end and returns its output, whatever its exit code. Rejects only when
 * `signal` aborts; then the program is killed first.
 */
export const runCommand = (
  file: string,
  args: readonly string[],
  options: CommandOptions = {},
): Promise<CommandResult> =>
  new Promise((resolve, reject) => {
    const child = spawn(file, args, {
      cwd: options.cwd,
      env: options.env ?? process.env,
      signal: options.signal,
      killSignal: options.killSignal ?? 'SIGKILL',
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
      stdout += chunk;
    });
    child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
      stderr += chunk;
      for (const line of chunk.split('\n')) {
        if (line.trim() !== '') options.onLine?.(line);
      }
    });
    child.on('error', (error: NodeJS.ErrnoException) => {
      if (options.signal?.aborted === true) reject(error);
      else resolve({ stdout, stderr: `${file}: ${error.message}`, code: 127 });
    });
    child.on('close', (code) => resolve({ stdout, stderr, code: code ?? 137 }));
    // A program that does not read its input closes the pipe early: that is no failure.
    child.stdin.on('error', () => undefined);
    child.stdin.end(options.input ?? '');
  });

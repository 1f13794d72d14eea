// SPDX-License-Identifier: Apache-2.0
import winston from 'winston';

/**
 * The one vocabulary of log keys. The same key always means the same thing; a message is constant,
 * what varies stands in the keys.
 */
export interface LogKeys {
  readonly incident?: string;
  readonly policy?: string;
  /** `namespace/name` of the object concerned. */
  readonly entity?: string;
  readonly action?: string;
  readonly reason?: string;
  readonly traceId?: string;
  readonly error?: string;
  readonly guard?: string;
  readonly epoch?: number;
  readonly count?: number;
  readonly address?: string;
  readonly component?: string;
  readonly durationMs?: number;
  readonly detail?: string;
}

/** Writes one JSON line per call. */
export interface Log {
  debug(message: string, keys?: LogKeys): void;
  info(message: string, keys?: LogKeys): void;
  warn(message: string, keys?: LogKeys): void;
  error(message: string, keys?: LogKeys): void;
}

/** Levels from the quietest to the loudest. */
export const LOG_LEVELS = ['error', 'warn', 'info', 'debug'] as const;

/** One of {@link LOG_LEVELS}. */
export type LogLevel = (typeof LOG_LEVELS)[number];

/** Builds the log of a process: JSON lines on standard error, so that standard output stays free for data. */
export const createLog = (level: LogLevel): Log => {
  const logger = winston.createLogger({
    level,
    format: winston.format.combine(winston.format.timestamp(), winston.format.json()),
    transports: [new winston.transports.Console({ stderrLevels: [...LOG_LEVELS] })],
  });
  return {
    debug: (message, keys) => logger.debug(message, keys),
    info: (message, keys) => logger.info(message, keys),
    warn: (message, keys) => logger.warn(message, keys),
    error: (message, keys) => logger.error(message, keys),
  };
};

/** Discards everything; for tests and for embedding the loop. */
export const silentLog: Log = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
};

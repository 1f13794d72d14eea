// SPDX-License-Identifier: Apache-2.0
/** The operator's process: configuration, start, signals, exit code. */
import { readProcessConfig, readProcessEndpoint, settingsTable } from './config.ts';
import { HomeostatError } from './errors.ts';
import { createLog } from './instrumentation/log.ts';
import { startOperator } from './operator.ts';
import { VERSION } from './version.ts';

const complain = (error: HomeostatError): number => {
  const detail = error.details['detail'];
  const rest = detail === undefined ? JSON.stringify(error.details) : String(detail);
  process.stderr.write(`homeostat: ${error.message} (${error.code})\n${rest}\n`);
  if (error.cause !== undefined) process.stderr.write(`caused by: ${String(error.cause)}\n`);
  return error.row.exitCode;
};

const run = async (): Promise<number> => {
  const config = readProcessConfig();
  const log = createLog(config.logLevel);
  const operator = await startOperator(config, await readProcessEndpoint(config), log);
  log.info('started', {
    detail: `version ${VERSION}`,
    address: `otlp grpc ${operator.ports.grpc}, otlp http ${operator.ports.http}, health ${operator.ports.health}`,
  });
  let isAsked = false;
  const stop = (signal: string): void => {
    if (isAsked) return;
    isAsked = true;
    log.info('stopping', { reason: signal });
    operator.stop().then(
      () => process.exit(0),
      (error: unknown) => {
        log.error('stopping failed', { error: String(error) });
        process.exit(1);
      },
    );
  };
  process.on('SIGTERM', () => stop('SIGTERM'));
  process.on('SIGINT', () => stop('SIGINT'));
  const reason = await operator.ended;
  // Who lost leadership exits, so that nothing of the term survives; the kubelet starts it afresh.
  if (!isAsked) {
    log.error('the term ended, exiting', { reason });
    return 1;
  }
  return 0;
};

const main = async (argv: readonly string[]): Promise<void> => {
  if (argv.includes('--version')) {
    process.stdout.write(`${VERSION}\n`);
    return;
  }
  if (argv.includes('--help')) {
    process.stdout.write(`homeostat ${VERSION}\n\n${settingsTable()}\n`);
    return;
  }
  try {
    const code = await run();
    if (code !== 0) process.exit(code);
  } catch (error) {
    if (!(error instanceof HomeostatError)) throw error;
    process.exit(complain(error));
  }
};

await main(process.argv.slice(2));

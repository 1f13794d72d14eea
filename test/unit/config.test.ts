// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { flagOf, readConfig, SETTINGS, settingsTable, variableOf } from '../../src/config.ts';
import { HomeostatError } from '../../src/errors.ts';

const problemOf = (argv: readonly string[], environment: Record<string, string> = {}): string => {
  try {
    readConfig(argv, environment);
  } catch (error) {
    if (error instanceof HomeostatError) {
      expect(error.row.exitCode).toBe(2);
      return String(error.details['detail']);
    }
    throw error;
  }
  throw new Error('the configuration was accepted');
};

describe('readConfig', () => {
  it('fills in every default', () => {
    const config = readConfig([], {});
    expect(config.otlpGrpcAddress).toEqual({ host: '0.0.0.0', port: 4317 });
    expect(config.leaseDuration).toBe(15_000);
    expect(config.watchNamespaces).toEqual([]);
    expect(Object.keys(config).sort()).toEqual(Object.keys(SETTINGS).sort());
  });

  it('takes the variable, and the flag before the variable', () => {
    const environment = { HOMEOSTAT_MAX_MODE: 'DryRun', HOMEOSTAT_OTLP_MAX_BODY: '1Mi' };
    expect(readConfig([], environment).maxMode).toBe('DryRun');
    expect(readConfig(['--max-mode', 'Observe'], environment).maxMode).toBe('Observe');
    expect(readConfig([], environment).otlpMaxBody).toBe(2 ** 20);
  });

  it.each([
    ['an unknown flag', ['--wrong', 'x'], '--wrong'],
    ['a mode that does not exist', ['--max-mode', 'Yolo'], '--max-mode'],
    ['an address without a port', ['--http-address', 'here'], '--http-address'],
    ['a port above 65535', ['--otlp-grpc-address', ':70000'], '--otlp-grpc-address'],
    ['a duration without a unit', ['--lease-duration', '15'], '--lease-duration'],
    ['a renew deadline longer than the lease', ['--renew-deadline', '20s'], '--renew-deadline'],
    ['a retry period as long as the deadline', ['--retry-period', '9s'], '--retry-period'],
    ['a budget below the largest body', ['--otlp-in-flight', '1Mi'], '--otlp-in-flight'],
    [
      'its own receiver as trace endpoint',
      ['--trace-endpoint', 'http://localhost:4317'],
      '--trace-endpoint',
    ],
    ['a trace endpoint that is no URL', ['--trace-endpoint', 'collector'], '--trace-endpoint'],
  ])('refuses %s and shows the row', (_, argv, flag) => {
    expect(problemOf(argv)).toContain(flag);
  });

  it('reports every wrong row at once', () => {
    const problem = problemOf(['--max-mode', 'x', '--log-level', 'loud']);
    expect(problem).toContain('--max-mode');
    expect(problem).toContain('--log-level');
  });
});

describe('settingsTable', () => {
  it('has a row with flag and variable for every setting', () => {
    const table = settingsTable();
    for (const name of Object.keys(SETTINGS) as (keyof typeof SETTINGS)[]) {
      expect(table).toContain(flagOf(name));
      expect(table).toContain(variableOf(name));
    }
  });
});

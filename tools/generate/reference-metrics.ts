// SPDX-License-Identifier: Apache-2.0
import { createEngine } from '../../src/analyze/engine.ts';
import { createMetrics } from '../../src/instrumentation/metrics.ts';
import { DROP_REASONS } from '../../src/knowledge/drop-reason.ts';
import { createReceiverCounters } from '../../src/monitor/otlp/counters.ts';
import { createNormaliserCounters } from '../../src/monitor/otlp/normaliser-counters.ts';
import type { ReceiverAnswer } from '../../src/monitor/otlp/port-messages.ts';
import { flatCounters } from '../../src/telemetry-counters.ts';
import type { Generator } from './generator.ts';
import { code, page, table } from './markdown.ts';

const INTRO = `Served in Prometheus text format at \`/metrics\` of the health address, beside the default metrics of
prom-client about the process. Every label value comes from a closed list.`;

const COUNTERS = `\`homeostat_telemetry_count\` holds the counters of the telemetry side, copied at scrape time from the
receiver thread and the analysis worker. A thread that died takes its counters with it; deaths are
counted in \`state_resets\`, \`lost_acknowledged\` and \`receiver_deaths\`. A counter below
\`analysis.dropped\` or \`analysis.answers\` is missing until it is 1.`;

/** What the main thread itself counts about the telemetry side. */
const HOST = ['state_resets', 'lost_acknowledged', 'receiver_deaths', 'detector_failures'];

/** Kinds of answers to an export. */
const ANSWERS = [
  'accepted',
  'partial',
  'invalid',
  'tooLarge',
  'unsupportedEncoding',
  'busy',
  'unavailable',
] as const satisfies readonly ReceiverAnswer['kind'][];

const counterNames = (): readonly string[] => [
  ...HOST,
  ...Object.keys(
    flatCounters({
      receiver: createReceiverCounters(),
      analysis: {
        ...createEngine({ detectors: [] }).counters(),
        dropped: Object.fromEntries(DROP_REASONS.map((reason) => [reason, 0])),
        normaliser: createNormaliserCounters(),
        answers: Object.fromEntries(ANSWERS.map((kind) => [kind, 0])),
        queuedJobs: 0,
        queuedBytes: 0,
      },
    }),
  ),
];

/** Metrics as prom-client holds them; its types hide the names of labels. */
interface HeldMetric {
  readonly name: string;
  readonly help: string;
  readonly labelNames: readonly string[];
}

const metricRows = (): readonly (readonly string[])[] => {
  const { registry } = createMetrics();
  return (registry.getMetricsAsArray() as unknown as readonly HeldMetric[])
    .filter(({ name }) => name.startsWith('homeostat_'))
    .map((metric) => [
      code(metric.name),
      metric.constructor.name.toLowerCase(),
      metric.labelNames.map(code).join(', '),
      metric.help,
    ]);
};

/** Generates the page of metrics. */
export const referenceMetrics: Generator = {
  id: 'reference-metrics',
  folder: 'docs/reference',
  suffix: 'metrics.md',
  files: () => {
    const parts = [
      INTRO,
      table(['Metric', 'Type', 'Labels', 'Meaning'], metricRows()),
      '## Counters of the telemetry side',
      COUNTERS,
      counterNames()
        .map((name) => `- ${code(name)}`)
        .join('\n'),
    ];
    const sources = 'src/instrumentation/metrics.ts and the counters';
    return new Map([['metrics.md', page(sources, 'Metrics', parts)]]);
  },
};

// SPDX-License-Identifier: Apache-2.0
// Sends memory figures as OTLP/HTTP JSON: for tests that say what a container holds, true or not.

/** One figure about one container at one time. */
export interface MemoryFigure {
  readonly namespace: string;
  readonly podName: string;
  readonly podUid: string;
  readonly container: string;
  readonly bytes: number;
  /** Unix time in milliseconds. */
  readonly timeMs: number;
}

const attribute = (key: string, value: string) => ({ key, value: { stringValue: value } });

const resourceOf = ({ namespace, podName, podUid, container }: MemoryFigure) => ({
  attributes: [
    attribute('k8s.namespace.name', namespace),
    attribute('k8s.pod.name', podName),
    attribute('k8s.pod.uid', podUid),
    attribute('k8s.container.name', container),
  ],
});

/** Builds the request. */
export const memoryRequest = (figures: readonly MemoryFigure[]): unknown => ({
  resourceMetrics: figures.map((figure) => ({
    resource: resourceOf(figure),
    scopeMetrics: [
      {
        metrics: [
          {
            name: 'container.memory.working_set',
            unit: 'By',
            gauge: {
              dataPoints: [
                {
                  asInt: String(Math.round(figure.bytes)),
                  timeUnixNano: `${Math.round(figure.timeMs)}000000`,
                },
              ],
            },
          },
        ],
      },
    ],
  })),
});

/** Sends figures to a receiver on this machine; resolves with the status, or with 0 when nobody answers. */
export const sendMemory = async (
  httpPort: number,
  figures: readonly MemoryFigure[],
): Promise<number> => {
  try {
    const reply = await fetch(`http://127.0.0.1:${httpPort}/v1/metrics`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(memoryRequest(figures)),
      signal: AbortSignal.timeout(10_000),
    });
    await reply.arrayBuffer();
    return reply.status;
  } catch {
    return 0;
  }
};

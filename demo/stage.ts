// SPDX-License-Identifier: Apache-2.0
/**
 * Where the demo plays: a cluster with a real node where the machine can run one, else with a process
 * node and the operator beside it. Both get the chart; both run the same program.
 */
import { join } from 'node:path';
import { build } from 'esbuild';
import type { ControlPlane } from '../test/rig/control-plane/control-plane.ts';
import { startControlPlane } from '../test/rig/control-plane/start-control-plane.ts';
import { nodeAppImage } from '../test/rig/images/node-app-image.ts';
import {
  type OperatorProcess,
  startOperatorProcess,
} from '../test/rig/operator/operator-process.ts';
import { startProcessNode } from '../test/rig/process-node/process-node.ts';
import { canRunRealNode } from '../test/rig/real-node/requirements.ts';
import { startRealNode } from '../test/rig/real-node/start-real-node.ts';
import { ensureBinaries } from '../test/rig/toolchain/ensure-binaries.ts';
import { runCommand } from '../test/rig/toolchain/run-command.ts';
import { packImageArchive } from '../tools/image/build-image.ts';
import { DEMO_IMAGE } from './manifests.ts';

const ROOT = join(import.meta.dirname, '..');
/** Namespace of the operator, which enforces restricted Pod Security. */
export const OPERATOR_NAMESPACE = 'homeostat-system';
const RELEASE = 'homeostat';

/** Which kind of node: `auto` takes the real one where it can run. */
export type NodeChoice = 'auto' | 'real' | 'process';

/** What the play needs of its stage. */
export interface Stage {
  readonly kind: 'real' | 'process';
  readonly cluster: Pick<ControlPlane, 'request' | 'kubectl' | 'audit' | 'waitFor'>;
  /** Where the pods send OTLP/HTTP. */
  readonly endpoint: string;
  /** Last lines of the operator's logs, for when something went wrong. */
  operatorLogs(): Promise<string>;
  stop(): Promise<void>;
}

/** How to set the stage. */
export interface StageOptions {
  readonly node: NodeChoice;
  readonly onProgress: (line: string) => void;
}

const PROGRAM_PATH = '/app/program.mjs';

const bundledProgram = async (): Promise<Uint8Array> => {
  const { outputFiles } = await build({
    entryPoints: [join(ROOT, 'demo/program/main.ts')],
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node24',
    banner: {
      js: "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);",
    },
    logLevel: 'error',
    write: false,
  });
  const [program] = outputFiles;
  if (program === undefined) throw new Error('esbuild made no file of the demo program');
  return program.contents;
};

/** Image of the demo's program for a real node. */
export const demoImage = async (): Promise<string> =>
  nodeAppImage({
    name: DEMO_IMAGE,
    files: [{ path: PROGRAM_PATH, content: await bundledProgram() }],
    entrypoint: [PROGRAM_PATH],
  });

const createNamespace = async (
  cluster: Pick<ControlPlane, 'kubectl'>,
  name: string,
  labels: readonly string[] = [],
) => {
  const created = await cluster.kubectl(['create', 'namespace', name]);
  if (created.code !== 0) throw new Error(created.stderr);
  if (labels.length > 0) await cluster.kubectl(['label', 'namespace', name, ...labels]);
};

/** Installs the chart as a user would, and waits for what it waits for. */
const helmInstall = async (
  cluster: Pick<ControlPlane, 'kubectl' | 'kubeconfigPath'>,
  values: readonly string[],
): Promise<void> => {
  await createNamespace(cluster, OPERATOR_NAMESPACE, [
    'pod-security.kubernetes.io/enforce=restricted',
  ]);
  const { helm } = await ensureBinaries(['helm']);
  const args = [
    'install',
    RELEASE,
    join(ROOT, 'charts/homeostat'),
    '--namespace',
    OPERATOR_NAMESPACE,
  ];
  const { code, stderr } = await runCommand(
    helm,
    [...args, '--wait', '--timeout', '180s', ...values.flatMap((value) => ['--set', value])],
    { env: { ...process.env, KUBECONFIG: cluster.kubeconfigPath } },
  );
  if (code !== 0) throw new Error(`helm install failed:\n${stderr}`);
};

const setRealStage = async ({ onProgress }: StageOptions): Promise<Stage> => {
  const [operator, program] = await Promise.all([packImageArchive(), demoImage()]);
  const cluster = await startRealNode({
    name: 'demo',
    images: [operator.path, program],
    onProgress,
  });
  try {
    const [repository, tag] = operator.image.split(/:(?=[^:/]*$)/);
    await helmInstall(cluster, [
      `image.repository=${repository}`,
      `image.tag=${tag}`,
      'image.pullPolicy=Never',
      'logLevel=info',
    ]);
    onProgress('chart installed, both replicas of the operator are Ready');
    const logs = [
      'logs',
      '-n',
      OPERATOR_NAMESPACE,
      '-l',
      'app.kubernetes.io/name=homeostat',
      '--tail=200',
      '--prefix',
    ];
    return {
      kind: 'real',
      cluster,
      endpoint: `http://${RELEASE}.${OPERATOR_NAMESPACE}:4318`,
      operatorLogs: async () => (await cluster.kubectl(logs)).stdout,
      stop: () => cluster.stop(),
    };
  } catch (error) {
    await cluster.stop();
    throw error;
  }
};

/** Runs the operator beside the cluster with a token of the chart's ServiceAccount. */
const startOperator = async (cluster: ControlPlane): Promise<OperatorProcess> =>
  startOperatorProcess({
    kubeconfig: await cluster.kubeconfigFor({
      serviceAccount: { namespace: OPERATOR_NAMESPACE, name: RELEASE },
    }),
    namespace: OPERATOR_NAMESPACE,
    leaseName: RELEASE,
    logFile: join(cluster.dir, 'operator.log'),
    watchdog: cluster.watchdog,
  });

const setProcessStage = async ({ onProgress }: StageOptions): Promise<Stage> => {
  const cluster = await startControlPlane({ name: 'demo', onProgress });
  try {
    const program = { command: process.execPath, args: [join(ROOT, 'demo/program/main.ts')] };
    const node = await startProcessNode(cluster, {
      programs: { [DEMO_IMAGE]: program },
      onProgress,
    });
    await helmInstall(cluster, ['replicas=0']);
    const operator = await startOperator(cluster);
    onProgress(
      "chart installed with replicas=0; the operator runs beside the cluster with the chart's ServiceAccount",
    );
    return {
      kind: 'process',
      cluster,
      endpoint: `http://127.0.0.1:${operator.ports.http}`,
      operatorLogs: async () =>
        operator
          .log()
          .slice(-200)
          .map((line) => JSON.stringify(line))
          .join('\n'),
      stop: async () => {
        await operator.stop();
        await node.stop();
        await cluster.stop();
      },
    };
  } catch (error) {
    await cluster.stop();
    throw error;
  }
};

/** Sets the stage; says which kind of node it is and why. */
export const setStage = async (options: StageOptions): Promise<Stage> => {
  const { node, onProgress } = options;
  if (node === 'process') return setProcessStage(options);
  const able = await canRunRealNode();
  if (able.ok) return setRealStage(options);
  if (node === 'real') throw new Error(`a real node cannot run here: ${able.reason}`);
  onProgress(`no real node here (${able.reason}): pods run as local processes`);
  return setProcessStage(options);
};

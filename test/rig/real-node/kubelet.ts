// SPDX-License-Identifier: Apache-2.0
// Configuration of the kubelet and of kube-proxy.
import type { CertificateFiles } from '../control-plane/pki.ts';
import { CONTAINERD_SOCKET } from './containerd.ts';

/** Names what a kubelet needs; all paths absolute. */
export interface KubeletInput {
  readonly nodeName: string;
  readonly nodeIp: string;
  readonly kubeconfig: string;
  readonly configFile: string;
  readonly serving: CertificateFiles;
  readonly clientCaFile: string;
  /** Folder for pods, volumes and the kubelet's own state. */
  readonly rootFolder: string;
  /** DNS server that pods get; none when absent. */
  readonly dnsAddress?: string | undefined;
  readonly resolvConfFile: string;
}

/** Is the port on which the kubelet answers /healthz. */
export const KUBELET_HEALTH_PORT = 10_248;

/** Returns the configuration file of the kubelet; JSON, which it reads as YAML. */
export const kubeletConfig = (input: KubeletInput): string =>
  JSON.stringify(
    {
      apiVersion: 'kubelet.config.k8s.io/v1beta1',
      kind: 'KubeletConfiguration',
      authentication: {
        anonymous: { enabled: false },
        webhook: { enabled: true },
        x509: { clientCAFile: input.clientCaFile },
      },
      authorization: { mode: 'Webhook' },
      healthzBindAddress: input.nodeIp,
      healthzPort: KUBELET_HEALTH_PORT,
      tlsCertFile: input.serving.certFile,
      tlsPrivateKeyFile: input.serving.keyFile,
      containerRuntimeEndpoint: `unix://${CONTAINERD_SOCKET}`,
      cgroupDriver: 'cgroupfs',
      // Version 1 of control groups is deprecated, and by default the kubelet refuses it.
      failCgroupV1: false,
      failSwapOn: false,
      // Lowering the score takes CAP_SYS_RESOURCE.
      oomScoreAdj: 0,
      makeIPTablesUtilChains: false,
      clusterDomain: 'cluster.local',
      ...(input.dnsAddress === undefined ? {} : { clusterDNS: [input.dnsAddress] }),
      resolvConf: input.resolvConfFile,
      podLogsDir: '/var/log/pods',
      volumePluginDir: `${input.rootFolder}/volume-plugins`,
      evictionHard: {
        'memory.available': '100Mi',
        'nodefs.available': '1%',
        'nodefs.inodesFree': '1%',
        'imagefs.available': '1%',
      },
      // Images come from archives and could not be pulled again.
      imageGCHighThresholdPercent: 100,
      imageGCLowThresholdPercent: 99,
      syncFrequency: '10s',
      nodeStatusUpdateFrequency: '5s',
      // Tests of restarts must not wait for minutes of back-off.
      crashLoopBackOff: { maxContainerRestartPeriod: '1s' },
      logging: { verbosity: 1 },
    },
    null,
    2,
  );

/** Returns the arguments of the kubelet. */
export const kubeletArguments = (input: KubeletInput): readonly string[] => [
  `--config=${input.configFile}`,
  `--kubeconfig=${input.kubeconfig}`,
  `--root-dir=${input.rootFolder}`,
  `--cert-dir=${input.rootFolder}/pki`,
  `--hostname-override=${input.nodeName}`,
  `--node-ip=${input.nodeIp}`,
];

/** Names what kube-proxy needs. */
export interface KubeProxyInput {
  readonly nodeName: string;
  readonly nodeIp: string;
  readonly kubeconfig: string;
  readonly clusterCidr: string;
}

/** Is the port on which kube-proxy answers /healthz. */
export const KUBE_PROXY_HEALTH_PORT = 10_256;

/** Returns the arguments of kube-proxy; limits of connection tracking belong to the machine. */
export const kubeProxyArguments = (input: KubeProxyInput): readonly string[] => [
  `--kubeconfig=${input.kubeconfig}`,
  `--hostname-override=${input.nodeName}`,
  '--proxy-mode=nftables',
  `--cluster-cidr=${input.clusterCidr}`,
  '--conntrack-max-per-core=0',
  '--conntrack-tcp-timeout-established=0',
  '--conntrack-tcp-timeout-close-wait=0',
  '--oom-score-adj=0',
  `--healthz-bind-address=${input.nodeIp}:${KUBE_PROXY_HEALTH_PORT}`,
];

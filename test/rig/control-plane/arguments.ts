// SPDX-License-Identifier: Apache-2.0
// The command line of each component, as pure functions: the control plane of tests and the real
// node start the same programs in the same way. Admission plugins are those of upstream, plus
// NodeRestriction, as kubeadm does.
import type { CertificateFiles, ControlPlaneCertificates, Pki } from './pki.ts';

/** Configures etcd; it listens on loopback only. */
export interface EtcdInput {
  readonly name: string;
  readonly dataDir: string;
  readonly clientPort: number;
  readonly peerPort: number;
  /** Whether writes reach the disk before they are acknowledged; fault tests need it. */
  readonly fsync: boolean;
}

/** Returns the arguments of etcd. */
export const etcdArguments = (input: EtcdInput): readonly string[] => {
  const client = `http://127.0.0.1:${input.clientPort}`;
  const peer = `http://127.0.0.1:${input.peerPort}`;
  return [
    `--name=${input.name}`,
    `--data-dir=${input.dataDir}`,
    `--listen-client-urls=${client}`,
    `--advertise-client-urls=${client}`,
    `--listen-peer-urls=${peer}`,
    `--initial-advertise-peer-urls=${peer}`,
    `--initial-cluster=${input.name}=${peer}`,
    ...(input.fsync ? [] : ['--unsafe-no-fsync']),
  ];
};

/** Returns the address at which clients on the machine reach a server that binds to the given one. */
export const connectAddress = (bindAddress: string): string =>
  bindAddress === '0.0.0.0' || bindAddress === '::' ? '127.0.0.1' : bindAddress;

/** Configures the API server. */
export interface ApiServerInput {
  readonly pki: Pki;
  readonly certificates: ControlPlaneCertificates;
  readonly etcdUrl: string;
  readonly bindAddress: string;
  /** Address under which pods reach it; without one the `kubernetes` Service has no endpoints. */
  readonly advertiseAddress?: string | undefined;
  readonly port: number;
  readonly serviceClusterIpRange: string;
  readonly auditPolicyFile: string;
  readonly auditLogFile: string;
}

/** Returns the arguments of kube-apiserver. */
export const apiServerArguments = (input: ApiServerInput): readonly string[] => {
  const { pki, certificates } = input;
  const { serving, kubeletClient, frontProxyClient } = certificates;
  return [
    `--etcd-servers=${input.etcdUrl}`,
    `--bind-address=${input.bindAddress}`,
    `--secure-port=${input.port}`,
    // Without an address to advertise it would look for a default route, and refuse loopback.
    ...(input.advertiseAddress === undefined
      ? [
          '--endpoint-reconciler-type=none',
          `--advertise-address=${connectAddress(input.bindAddress)}`,
        ]
      : [`--advertise-address=${input.advertiseAddress}`]),
    // On SIGTERM it would wait up to a minute for open watches.
    '--shutdown-watch-termination-grace-period=1s',
    `--tls-cert-file=${serving.certFile}`,
    `--tls-private-key-file=${serving.keyFile}`,
    `--client-ca-file=${pki.cluster.certFile}`,
    `--service-account-issuer=https://kubernetes.default.svc`,
    `--service-account-key-file=${pki.serviceAccount.publicKeyFile}`,
    `--service-account-signing-key-file=${pki.serviceAccount.privateKeyFile}`,
    `--service-cluster-ip-range=${input.serviceClusterIpRange}`,
    '--authorization-mode=Node,RBAC',
    '--enable-admission-plugins=NodeRestriction',
    '--allow-privileged=true',
    `--kubelet-client-certificate=${kubeletClient.certFile}`,
    `--kubelet-client-key=${kubeletClient.keyFile}`,
    '--kubelet-preferred-address-types=InternalIP',
    `--requestheader-client-ca-file=${pki.frontProxy.certFile}`,
    '--requestheader-allowed-names=front-proxy-client',
    '--requestheader-extra-headers-prefix=X-Remote-Extra-',
    '--requestheader-group-headers=X-Remote-Group',
    '--requestheader-username-headers=X-Remote-User',
    `--proxy-client-cert-file=${frontProxyClient.certFile}`,
    `--proxy-client-key-file=${frontProxyClient.keyFile}`,
    `--audit-policy-file=${input.auditPolicyFile}`,
    `--audit-log-path=${input.auditLogFile}`,
    '--audit-log-mode=blocking',
    // One file for the whole run: a test that reads the oracle must not miss a rotated part.
    '--audit-log-maxsize=100000',
  ];
};

/** Configures a component that serves its health and talks to the API server. */
export interface ControllerInput {
  readonly kubeconfig: string;
  readonly serving: CertificateFiles;
  readonly bindAddress: string;
  readonly port: number;
}

const controllerArguments = (input: ControllerInput): readonly string[] => [
  `--kubeconfig=${input.kubeconfig}`,
  `--authentication-kubeconfig=${input.kubeconfig}`,
  `--authorization-kubeconfig=${input.kubeconfig}`,
  `--tls-cert-file=${input.serving.certFile}`,
  `--tls-private-key-file=${input.serving.keyFile}`,
  `--bind-address=${input.bindAddress}`,
  `--secure-port=${input.port}`,
  '--leader-elect=false',
];

/** Returns the arguments of kube-controller-manager. */
export const controllerManagerArguments = (
  input: ControllerInput & { readonly pki: Pki },
): readonly string[] => [
  ...controllerArguments(input),
  `--service-account-private-key-file=${input.pki.serviceAccount.privateKeyFile}`,
  `--root-ca-file=${input.pki.cluster.certFile}`,
  '--use-service-account-credentials=true',
  // Its own throttle would delay the first ServiceAccounts by five seconds.
  '--kube-api-qps=500',
  '--kube-api-burst=1000',
];

/** Returns the arguments of kube-scheduler. */
export const schedulerArguments = (input: ControllerInput): readonly string[] => [
  ...controllerArguments(input),
  '--kube-api-qps=500',
  '--kube-api-burst=1000',
];

/** Configures kwok. */
export interface KwokInput {
  readonly kubeconfig: string;
  readonly stagesFile: string;
  readonly port: number;
}

/** Returns the arguments of kwok; it simulates only nodes with the annotation below. */
export const kwokArguments = (input: KwokInput): readonly string[] => [
  `--kubeconfig=${input.kubeconfig}`,
  `--config=${input.stagesFile}`,
  '--manage-all-nodes=false',
  `--manage-nodes-with-annotation-selector=${kwokAnnotation}=${kwokAnnotationValue}`,
  '--node-lease-duration-seconds=40',
  `--server-address=127.0.0.1:${input.port}`,
];

/** Marks a node that kwok simulates. */
export const kwokAnnotation = 'kwok.x-k8s.io/node';

/** Is the value of that annotation. */
export const kwokAnnotationValue = 'fake';

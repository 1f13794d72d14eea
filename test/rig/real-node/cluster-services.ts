// SPDX-License-Identifier: Apache-2.0
// Cluster DNS and resource metrics. Their programs run beside the kubelet, in the node's
// namespaces, instead of in pods: so they need no image. For everyone else they look as usual:
// Services in kube-system, the address 10.96.0.10 (slot 0), the API group metrics.k8s.io.
import type { CertificateFiles } from '../control-plane/pki.ts';

/** Is one object with the collection path that it is created at. */
export interface ClusterObject {
  readonly path: string;
  readonly object: Readonly<Record<string, unknown>> & {
    readonly metadata: {
      readonly name: string;
      readonly labels?: Readonly<Record<string, string>>;
    };
  };
}

const RBAC = '/apis/rbac.authorization.k8s.io/v1';
const KUBE_SYSTEM = 'kube-system';

const clusterRole = (name: string, rules: readonly unknown[], labels = {}): ClusterObject => ({
  path: `${RBAC}/clusterroles`,
  object: {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'ClusterRole',
    metadata: { name, labels },
    rules,
  },
});

const binding = (name: string, role: string, user: string): ClusterObject => ({
  path: `${RBAC}/clusterrolebindings`,
  object: {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'ClusterRoleBinding',
    metadata: { name },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: role },
    subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: user }],
  },
});

interface ServicePort {
  readonly name: string;
  readonly protocol: 'TCP' | 'UDP';
  readonly port: number;
  readonly targetPort: number;
}

/** A Service without a selector, whose only endpoint is a program on the node itself. */
const nodeService = (input: {
  readonly name: string;
  readonly clusterIp?: string;
  readonly nodeIp: string;
  readonly nodeName: string;
  readonly ports: readonly ServicePort[];
}): readonly ClusterObject[] => [
  {
    path: `/api/v1/namespaces/${KUBE_SYSTEM}/services`,
    object: {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: input.name, labels: { 'k8s-app': input.name } },
      spec: {
        ...(input.clusterIp === undefined ? {} : { clusterIP: input.clusterIp }),
        ports: input.ports,
      },
    },
  },
  {
    path: `/apis/discovery.k8s.io/v1/namespaces/${KUBE_SYSTEM}/endpointslices`,
    object: {
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      metadata: {
        name: `${input.name}-${input.nodeName}`,
        labels: { 'kubernetes.io/service-name': input.name },
      },
      addressType: 'IPv4',
      endpoints: [
        { addresses: [input.nodeIp], conditions: { ready: true }, nodeName: input.nodeName },
      ],
      ports: input.ports.map(({ name, protocol, targetPort }) => ({
        name,
        protocol,
        port: targetPort,
      })),
    },
  },
];

/** Is the user that CoreDNS is to the API server. */
export const DNS_USER = 'system:coredns';

const DNS_ZONES = 'cluster.local in-addr.arpa ip6.arpa';

/** Is the port on which CoreDNS answers /ready. */
export const DNS_READY_PORT = 8181;

/**
 * Returns the Corefile: the cluster's zones, and "no such name" at once for everything else. Two
 * blocks, since in one the template would answer before the cluster's records.
 */
export const corefile = (
  nodeIp: string,
  kubeconfig: string,
  context: string,
): string => `${DNS_ZONES} {
    bind ${nodeIp}
    errors
    ready ${nodeIp}:${DNS_READY_PORT}
    kubernetes ${DNS_ZONES} {
        kubeconfig ${kubeconfig} ${context}
        pods insecure
        ttl 5
    }
}
. {
    bind ${nodeIp}
    errors
    template ANY ANY . {
        rcode NXDOMAIN
    }
}
`;

/** Returns the objects of cluster DNS. */
export const dnsObjects = (input: {
  readonly clusterIp: string;
  readonly nodeIp: string;
  readonly nodeName: string;
}): readonly ClusterObject[] => [
  clusterRole(DNS_USER, [
    {
      apiGroups: [''],
      resources: ['endpoints', 'services', 'pods', 'namespaces'],
      verbs: ['list', 'watch'],
    },
    { apiGroups: ['discovery.k8s.io'], resources: ['endpointslices'], verbs: ['list', 'watch'] },
  ]),
  binding(DNS_USER, DNS_USER, DNS_USER),
  ...nodeService({
    ...input,
    name: 'kube-dns',
    ports: [
      { name: 'dns', protocol: 'UDP', port: 53, targetPort: 53 },
      { name: 'dns-tcp', protocol: 'TCP', port: 53, targetPort: 53 },
    ],
  }),
];

/** Is the user that metrics-server is to the API server. */
export const METRICS_USER = 'system:metrics-server';

/** Is the port on which metrics-server serves. */
export const METRICS_PORT = 4443;

/** Is the host name in the certificate of metrics-server, as the aggregation layer asks for it. */
export const METRICS_HOST = `metrics-server.${KUBE_SYSTEM}.svc`;

/** Returns the arguments of metrics-server: a sample every 10 s, the shortest that it supports. */
export const metricsServerArguments = (input: {
  readonly kubeconfig: string;
  readonly serving: CertificateFiles;
  readonly kubeletCaFile: string;
  readonly nodeIp: string;
}): readonly string[] => [
  `--kubeconfig=${input.kubeconfig}`,
  `--authentication-kubeconfig=${input.kubeconfig}`,
  `--authorization-kubeconfig=${input.kubeconfig}`,
  `--bind-address=${input.nodeIp}`,
  `--secure-port=${METRICS_PORT}`,
  `--tls-cert-file=${input.serving.certFile}`,
  `--tls-private-key-file=${input.serving.keyFile}`,
  `--kubelet-certificate-authority=${input.kubeletCaFile}`,
  '--kubelet-preferred-address-types=InternalIP',
  '--metric-resolution=10s',
  // Must be shorter than the resolution.
  '--kubelet-request-timeout=5s',
];

/** Returns the objects of resource metrics, its APIService included. */
export const metricsObjects = (input: {
  readonly nodeIp: string;
  readonly nodeName: string;
  /** PEM text of the authority that signed its serving certificate. */
  readonly ca: string;
}): readonly ClusterObject[] => [
  clusterRole(METRICS_USER, [
    { apiGroups: [''], resources: ['nodes/metrics'], verbs: ['get'] },
    { apiGroups: [''], resources: ['pods', 'nodes'], verbs: ['get', 'list', 'watch'] },
  ]),
  clusterRole(
    'system:aggregated-metrics-reader',
    [
      {
        apiGroups: ['metrics.k8s.io'],
        resources: ['pods', 'nodes'],
        verbs: ['get', 'list', 'watch'],
      },
    ],
    {
      'rbac.authorization.k8s.io/aggregate-to-admin': 'true',
      'rbac.authorization.k8s.io/aggregate-to-edit': 'true',
      'rbac.authorization.k8s.io/aggregate-to-view': 'true',
    },
  ),
  binding(METRICS_USER, METRICS_USER, METRICS_USER),
  binding('metrics-server:system:auth-delegator', 'system:auth-delegator', METRICS_USER),
  {
    path: `${RBAC}/namespaces/${KUBE_SYSTEM}/rolebindings`,
    object: {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'RoleBinding',
      metadata: { name: 'metrics-server-auth-reader' },
      roleRef: {
        apiGroup: 'rbac.authorization.k8s.io',
        kind: 'Role',
        name: 'extension-apiserver-authentication-reader',
      },
      subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: METRICS_USER }],
    },
  },
  ...nodeService({
    nodeIp: input.nodeIp,
    nodeName: input.nodeName,
    name: 'metrics-server',
    ports: [{ name: 'https', protocol: 'TCP', port: 443, targetPort: METRICS_PORT }],
  }),
  {
    path: '/apis/apiregistration.k8s.io/v1/apiservices',
    object: {
      apiVersion: 'apiregistration.k8s.io/v1',
      kind: 'APIService',
      metadata: { name: 'v1beta1.metrics.k8s.io' },
      spec: {
        service: { name: 'metrics-server', namespace: KUBE_SYSTEM, port: 443 },
        group: 'metrics.k8s.io',
        version: 'v1beta1',
        caBundle: Buffer.from(input.ca).toString('base64'),
        groupPriorityMinimum: 100,
        versionPriority: 100,
      },
    },
  },
];

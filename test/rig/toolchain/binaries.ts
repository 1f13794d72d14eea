// SPDX-License-Identifier: Apache-2.0
// The one table of programs that the rig runs but does not write. Each is built once from a Go
// module below `modules/`, whose go.mod and go.sum pin every version. To add a program: a `tool`
// line in a go.mod, `go mod tidy` there, and one row here.

/** Names what a group of binaries is for; commands ask for groups, tests for names. */
export type BinaryGroup = 'control-plane' | 'real-node' | 'tools';

/** Describes how one binary is built. */
export interface BinaryRecipe {
  /** Folder below `modules/` whose go.mod builds it. */
  readonly module: string;
  /** Go package of the program. */
  readonly package: string;
  /** Version that the go.mod pins; for people and folder names, the key also holds go.sum. */
  readonly version: string;
  readonly group: BinaryGroup;
  /** Whether a C compiler is needed. */
  readonly cgo: boolean;
  readonly tags: string;
  readonly ldflags: string;
  /** Rough cold build time on two cores, in seconds, in the order of this table. */
  readonly roughSeconds: number;
}

const KUBERNETES = 'v1.37.2';
const CONTAINERD = 'v2.4.2';

const plain = { cgo: false, tags: '', ldflags: '-s -w' } as const;

// Without these the server calls itself v0.0.0-master, and charts with a `kubeVersion` refuse it.
const versionPackage = '-X k8s.io/component-base/version';
const kubernetes = {
  ...plain,
  module: 'kubernetes',
  version: KUBERNETES,
  ldflags: `-s -w ${versionPackage}.gitVersion=${KUBERNETES} ${versionPackage}.gitMajor=1 ${versionPackage}.gitMinor=37`,
} as const;

const containerd = {
  ...plain,
  module: 'node',
  group: 'real-node',
  version: CONTAINERD,
  ldflags: `-s -w -X github.com/containerd/containerd/v2/version.Version=${CONTAINERD}`,
} as const;

const networkPlugin = {
  ...plain,
  module: 'node',
  group: 'real-node',
  version: 'v1.9.1',
  roughSeconds: 2,
} as const;

const recipes = {
  etcd: {
    ...kubernetes,
    version: 'v3.7.0',
    package: 'go.etcd.io/etcd/server/v3',
    group: 'control-plane',
    roughSeconds: 45,
  },
  'kube-apiserver': {
    ...kubernetes,
    package: 'k8s.io/kubernetes/cmd/kube-apiserver',
    group: 'control-plane',
    roughSeconds: 245,
  },
  'kube-controller-manager': {
    ...kubernetes,
    package: 'k8s.io/kubernetes/cmd/kube-controller-manager',
    group: 'control-plane',
    roughSeconds: 90,
  },
  'kube-scheduler': {
    ...kubernetes,
    package: 'k8s.io/kubernetes/cmd/kube-scheduler',
    group: 'control-plane',
    roughSeconds: 10,
  },
  kubectl: {
    ...kubernetes,
    package: 'k8s.io/kubernetes/cmd/kubectl',
    group: 'control-plane',
    roughSeconds: 20,
  },
  kwok: {
    ...plain,
    module: 'kwok',
    package: 'sigs.k8s.io/kwok/cmd/kwok',
    version: 'v0.8.0',
    group: 'control-plane',
    roughSeconds: 110,
  },
  helm: {
    ...plain,
    module: 'helm',
    package: 'helm.sh/helm/v4/cmd/helm',
    version: 'v4.3.1',
    group: 'tools',
    ldflags: '-s -w -X helm.sh/helm/v4/internal/version.version=v4.3.1',
    roughSeconds: 95,
  },
  kubelet: {
    ...kubernetes,
    package: 'k8s.io/kubernetes/cmd/kubelet',
    group: 'real-node',
    roughSeconds: 30,
  },
  'kube-proxy': {
    ...kubernetes,
    package: 'k8s.io/kubernetes/cmd/kube-proxy',
    group: 'real-node',
    roughSeconds: 10,
  },
  containerd: {
    ...containerd,
    package: 'github.com/containerd/containerd/v2/cmd/containerd',
    roughSeconds: 50,
  },
  'containerd-shim-runc-v2': {
    ...containerd,
    package: 'github.com/containerd/containerd/v2/cmd/containerd-shim-runc-v2',
    roughSeconds: 5,
  },
  ctr: {
    ...containerd,
    package: 'github.com/containerd/containerd/v2/cmd/ctr',
    roughSeconds: 5,
  },
  bridge: {
    ...networkPlugin,
    package: 'github.com/containernetworking/plugins/plugins/main/bridge',
  },
  'host-local': {
    ...networkPlugin,
    package: 'github.com/containernetworking/plugins/plugins/ipam/host-local',
  },
  runc: {
    module: 'node',
    package: 'github.com/opencontainers/runc',
    version: 'v1.5.2',
    group: 'real-node',
    cgo: true,
    tags: 'seccomp urfave_cli_no_docs',
    ldflags: '-s -w',
    roughSeconds: 20,
  },
  coredns: {
    ...plain,
    module: 'coredns',
    package: 'github.com/coredns/coredns',
    version: 'v1.15.0',
    group: 'real-node',
    roughSeconds: 95,
  },
  'metrics-server': {
    ...plain,
    module: 'metrics-server',
    package: 'sigs.k8s.io/metrics-server/cmd/metrics-server',
    version: 'v0.9.0',
    group: 'real-node',
    ldflags: '-s -w -X k8s.io/client-go/pkg/version.gitVersion=v0.9.0',
    roughSeconds: 120,
  },
} as const satisfies Record<string, BinaryRecipe>;

/** Names a binary of the table. */
export type BinaryName = keyof typeof recipes;

/** Lists how each binary is built, in the order in which a cold build is quickest. */
export const binaries: Readonly<Record<BinaryName, BinaryRecipe>> = recipes;

/** Lists all binary names in build order. */
export const binaryNames = Object.keys(recipes) as readonly BinaryName[];

/** Returns the names of one group, or of all groups, in build order. */
export const binariesOf = (group: BinaryGroup | 'all'): readonly BinaryName[] =>
  binaryNames.filter((name) => group === 'all' || binaries[name].group === group);

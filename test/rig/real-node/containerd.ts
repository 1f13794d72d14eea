// SPDX-License-Identifier: Apache-2.0
// Configuration of the container runtime and of the pod network, as text.
import { dirname } from 'node:path';

/** Is where the runtime listens, inside the node. */
export const CONTAINERD_SOCKET = '/run/containerd/containerd.sock';

/** Names the programs and folders of a node's container runtime; all absolute. */
export interface ContainerdInput {
  /** Folder for images and snapshots. */
  readonly root: string;
  readonly runc: string;
  /** The CNI plugins that are used. */
  readonly networkPlugins: readonly string[];
  /** Folder with the network configuration. */
  readonly networkFolder: string;
  readonly sandboxImage: string;
}

const quoted = (values: readonly string[]): string => values.map((each) => `'${each}'`).join(', ');

/** Lists plugins that a node of tests has no use for, some of which fail without their devices. */
const DISABLED = [
  'io.containerd.snapshotter.v1.blockfile',
  'io.containerd.snapshotter.v1.btrfs',
  'io.containerd.snapshotter.v1.devmapper',
  'io.containerd.snapshotter.v1.erofs',
  'io.containerd.snapshotter.v1.zfs',
  'io.containerd.nri.v1.nri',
  'io.containerd.internal.v1.tracing',
  'io.containerd.tracing.processor.v1.otlp',
] as const;

/** Returns containerd.toml. */
export const containerdConfig = (input: ContainerdInput): string => `version = 3
root = '${input.root}'
state = '/run/containerd'
disabled_plugins = [${quoted(DISABLED)}]

[grpc]
address = '${CONTAINERD_SOCKET}'

[plugins.'io.containerd.cri.v1.images']
snapshotter = 'overlayfs'

[plugins.'io.containerd.cri.v1.images'.pinned_images]
sandbox = '${input.sandboxImage}'

[plugins.'io.containerd.cri.v1.runtime']
# Without CAP_SYS_RESOURCE no process may lower its score, and every sandbox would fail.
restrict_oom_score_adj = true
disable_apparmor = true

[plugins.'io.containerd.cri.v1.runtime'.containerd]
default_runtime_name = 'runc'

[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc]
runtime_type = 'io.containerd.runc.v2'

[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc.options]
BinaryName = '${input.runc}'
SystemdCgroup = false

[plugins.'io.containerd.cri.v1.runtime'.cni]
bin_dirs = [${quoted([...new Set(input.networkPlugins.map((plugin) => dirname(plugin)))])}]
conf_dir = '${input.networkFolder}'
use_internal_loopback = true
`;

/**
 * Returns the network configuration: a bridge, addresses from one range, no masquerade, since
 * pods must not leave the node's own network.
 */
export const podNetwork = (podCidr: string): string =>
  JSON.stringify({
    cniVersion: '1.0.0',
    name: 'pods',
    plugins: [
      {
        type: 'bridge',
        bridge: 'pods0',
        isGateway: true,
        ipMasq: false,
        hairpinMode: true,
        ipam: {
          type: 'host-local',
          ranges: [[{ subnet: podCidr }]],
          routes: [{ dst: '0.0.0.0/0' }],
        },
      },
    ],
  });

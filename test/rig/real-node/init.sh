#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# First process of a node. Runs in new net, mount, pid, cgroup, uts and ipc namespaces; makes the
# machine inside them, says so on standard output, and then only reaps orphans. Ends, and with it
# everything in its pid namespace, when its standard input ends: the one who holds the other end of
# that pipe is gone. From the environment:
#   NODE_NAME NODE_IP SERVICE_CIDR   names and addresses
#   SCRATCH             absolute folder with var/, work/ and sysctl/ inside
#   CGROUP_MOUNTS       one mount a line: MOUNTPOINT TYPE OPTIONS
set -euo pipefail
trap 'exit 0' TERM INT

# Nothing of this may reach the machine, but pods share mounts with each other.
mount --make-rprivate /
for held in /run/netns/*; do
  # A copy of another node's namespace would keep it alive as long as this node.
  if [[ -e $held ]]; then umount --lazy "$held" 2>/dev/null || true; fi
done
mount --make-rshared /
mount -t sysfs sysfs /sys
while read -r point type options; do
  mkdir -p "$point"
  mount -t "$type" -o "$options" "$type" "$point"
  [[ $type == cgroup ]] || continue
  # Where one hierarchy has several controllers, each is also found under its own name.
  for one in ${options//,/ }; do
    if [[ $one != none && $one != name=* && ! -e /sys/fs/cgroup/$one ]]; then
      ln -s "$point" "/sys/fs/cgroup/$one"
    fi
  done
done <<<"$CGROUP_MOUNTS"
mount -t tmpfs -o mode=755 tmpfs /run
mkdir -p /run/lock /run/netns
# The node writes there, and what it writes goes with it.
for folder in lib log; do
  mount -t overlay -o "lowerdir=/var/$folder,upperdir=$SCRATCH/var/$folder,workdir=$SCRATCH/work/$folder" \
    overlay "/var/$folder"
done

# The kubelet sets these for the whole machine. It finds its values here and leaves the real ones.
for file in "$SCRATCH"/sysctl/*; do
  target=/proc/sys/$(basename "$file" | tr . /)
  if [[ -e $target ]]; then mount --bind "$file" "$target"; fi
done

hostname "$NODE_NAME"
ip link set lo up
echo 1 >/proc/sys/net/ipv4/ip_forward
# Routing comes before the rules that rewrite a Service address: without a route there is nothing to
# rewrite.
ip route add "$SERVICE_CIDR" dev lo src "$NODE_IP"

echo ready
while read -r _; do :; done

#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Removes what a node leaves on the machine: processes, the link, the network namespace, the
# control groups, the folder, and last its entry in the register. Runs as often as one likes; what
# is gone already is no error. Arguments: the run's folder in the register, the run's name.
set -u
register=$1 name=$2

# Two may remove the same run, and a new run may take the same place meanwhile: one at a time, and
# only what bears the name.
exec 9<"$(dirname "$register")"
flock 9
[[ $(cat "$register/name" 2>/dev/null) == "$name" ]] || exit 0

entry() { cat "$register/$1" 2>/dev/null; }
folders() { entry cgroups | while read -r folder; do [[ -d $folder ]] && echo "$folder"; done; }

# Who is in the node's groups belongs to the node: its first process, pods, and who entered it.
processes() { folders | while read -r folder; do find "$folder" -name cgroup.procs -exec cat {} +; done 2>/dev/null | sort -un | grep -vx 0; }
for _ in $(seq 200); do
  left=$(processes)
  [[ -n $left ]] || break
  # shellcheck disable=SC2086
  kill -9 $left 2>/dev/null
  sleep 0.05
done
[[ -z $left ]] || echo "processes of node $name do not end: $left" >&2

link=$(entry link)
[[ -z $link ]] || ip link delete "$link" 2>/dev/null
netns=$(entry netns)
[[ -z $netns || ! -e /run/netns/$netns ]] || ip netns delete "$netns"
for _ in $(seq 100); do
  left=$(folders)
  [[ -n $left ]] || break
  echo "$left" | while read -r folder; do find "$folder" -depth -type d -exec rmdir {} +; done 2>/dev/null
  [[ -z $(folders) ]] || sleep 0.05
done
[[ -z $left ]] || echo "control groups of node $name are still in use: $left" >&2

# Mounts of the node were private to it and are gone, so this stays on one file system.
scratch=$(entry scratch)
if [[ -n $scratch ]]; then
  rm -rf --one-file-system "$scratch"
  # The folder of all runs goes with the last of them.
  rmdir "$(dirname "$scratch")" 2>/dev/null
fi
rm -rf "$register"

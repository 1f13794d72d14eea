#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Keeps one node: starts its first process in new namespaces, waits for its end, and removes what
# would stay behind. Lives in a session of its own, so it does that even when the process that
# started it was killed. Arguments: the run's folder in the register, the run's name, then the
# command of the first process.
set -u
register=$1 name=$2
shift 2
# A terminal's signals reach the node in order, by the end of its standard input. Whoever read our
# output may be dead, and that must not keep us from clearing up.
trap '' INT HUP PIPE
(
  trap - INT HUP PIPE
  # Before the namespace of control groups is made: where we are then is its root.
  while read -r folder; do echo 0 >"$folder/cgroup.procs" || exit 1; done <"$register/cgroups"
  exec nsenter --net="/run/netns/$(cat "$register/netns")" \
    unshare --mount --pid --cgroup --uts --ipc --fork --kill-child --mount-proc "$@"
) <&0 &
unshare=$!
echo "$unshare" >"$register/unshare-pid"
remove=$(dirname "$0")/remove.sh
# The first process ends by itself when its input does. But it cannot end while a process inside is
# not reaped by its parent outside, and that one may be frozen: so the end of our input counts too.
{
  while read -r _; do :; done
  "$remove" "$register" "$name"
} <&0 &
exec </dev/null
# Without the word "Killed" of this shell: output here means that something stays behind.
{ wait "$unshare"; } 2>/dev/null
# Should the other one be at it already, this one waits for it and finds nothing left to do.
kill $! 2>/dev/null
exec "$remove" "$register" "$name"

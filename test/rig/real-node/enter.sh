#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Runs a program inside a node. Arguments: the run's folder in the register, the number of the
# node's first process (then all namespaces are entered) or `net` (then only its network), and the
# program with its arguments.
register=$1 target=$2
shift 2
# First the control groups: who enters their namespace without being in them sees paths like /../..
while read -r folder; do echo 0 >"$folder/cgroup.procs" || exit 126; done <"$register/programs"
if [ "$target" = net ]; then
  exec nsenter --net="/run/netns/$(cat "$register/netns")" -- "$@"
fi
# To enter a pid namespace takes a fork, so a shell stays outside and waits for the program. Both get
# what is sent to their process group, and the shell must not end before the program does. nsenter
# could wait as well, but it stops itself whenever the program is stopped, and may stay so.
trap '' TERM INT HUP
exec nsenter -t "$target" -m -n -p -i -u -C --no-fork -- /bin/sh -c '
  exec 3<&0
  /usr/bin/env --default-signal=TERM,INT,HUP,QUIT "$@" <&3 3<&- &
  exec 3<&-
  wait $!
' enter "$@"

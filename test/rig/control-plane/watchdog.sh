#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Outlives the process that started it, however that one ends: its input is a pipe that only that
# process holds, so end of input means that it is gone or wants everything gone. Then this kills
# what it was told about (`add PID`: a process group), kills whatever still carries the mark in its
# environment, runs the clean-up script if there is one, and removes the folder.
# usage: watchdog.sh FOLDER
trap '' HUP INT TERM
folder=$1
mark="HOMEOSTAT_RIG=$folder"
groups=''

while read -r verb group; do
  case $verb in
    add) groups="$groups $group" ;;
    del)
      kept=''
      for one in $groups; do
        [ "$one" = "$group" ] || kept="$kept $one"
      done
      groups=$kept
      ;;
  esac
done

for group in $groups; do
  kill -KILL -- "-$group" 2>/dev/null
done

# Processes that left their group, or were started in the last moment.
tries=0
while [ -d /proc/self ] && [ "$tries" -lt 50 ]; do
  found=$(grep -slzxF -e "$mark" /proc/[0-9]*/environ 2>/dev/null)
  [ -n "$found" ] || break
  for file in $found; do
    pid=${file#/proc/}
    kill -KILL "${pid%/environ}" 2>/dev/null
  done
  tries=$((tries + 1))
  sleep 0.02
done

[ -f "$folder/clean-up.sh" ] && sh "$folder/clean-up.sh" >/dev/null 2>&1

tries=0
while [ -d "$folder" ] && [ "$tries" -lt 50 ]; do
  rm -rf -- "$folder" 2>/dev/null || sleep 0.05
  tries=$((tries + 1))
done

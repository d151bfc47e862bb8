# Ends what a program started, when that program ends in whatever way. The program holds the
# other end of this shell's standard input and writes what it starts, before it starts it:
#   group PID      a process group
#   gone PID       that group has been ended and reaped: its number may belong to others now
#   mark NAME=TEXT all processes with this in their environment, which may have left every group
#   dir PATH       a folder to remove
#   container NAME a container to remove
# The end of the input is the end of the program. Signals to the terminal's group are ignored,
# so that Ctrl-C cannot end the guard before its work.
trap '' HUP INT TERM
PATH=$PATH:/usr/bin:/bin
groups= marks= dirs= containers=
while read -r what value; do
  case $what in
    group) groups="$groups -$value" ;;
    gone)
      kept=
      for group in $groups; do [ "$group" = "-$value" ] || kept="$kept $group"; done
      groups=$kept ;;
    mark) marks="$marks $value" ;;
    dir) dirs="$dirs$value
" ;;
    container) containers="$containers $value" ;;
  esac
done
# A stopped process dies of KILL too. All groups at once: a living part may restart a dead one.
[ -z "$groups" ] || kill -s KILL -- $groups 2>/dev/null
# Each round kills what a process of the last one has started. Only Linux tells environments.
tries=0
while [ -n "$marks" ] && [ "$tries" -lt 60 ]; do
  found=
  for mark in $marks; do
    found="$found$(grep -lzxF -e "$mark" /proc/[0-9]*/environ 2>/dev/null | tr '\n' ' ')"
  done
  [ -n "$found" ] || break
  for file in $found; do pid=${file#/proc/}; kill -s KILL "${pid%/environ}" 2>/dev/null; done
  tries=$((tries + 1)); sleep 0.03
done
for container in $containers; do
  # The engine may still be creating it, so ask again until it was there to be removed. One that
  # was never created is given up after 3 s.
  end=$(($(date +%s) + 3))
  until [ "$(docker rm --force --volumes "$container" 2>/dev/null)" = "$container" ]; do
    [ "$(date +%s)" -lt "$end" ] || break
    sleep 0.1
  done
done
# Files of a dying process come back until it is dead, so wait for that before removing folders.
# A zombie still answers, so the wait has an end.
end=$(($(date +%s) + 2))
while [ -n "$groups" ] && [ "$(date +%s)" -lt "$end" ]; do
  alive=
  for group in $groups; do kill -s 0 -- "$group" 2>/dev/null && alive="$alive $group"; done
  groups=$alive
  [ -z "$groups" ] || sleep 0.03
done
printf '%s' "$dirs" | while read -r dir; do rm -rf -- "$dir"; done

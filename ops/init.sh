#!/bin/sh
# Process 1 of the image: runs the program that it is given, and passes signals on to it.
#
# The kernel drops a signal to process 1 that has no handler for it. Node has none until it has loaded the program's first
# module, up to a second on a small share of a CPU, and a `docker stop` in that second would end with SIGKILL after 10 s.
# Any other process simply ends, so the program is a child of this one.

stop() {
  signal=$1
  [ -z "$pid" ] || kill -s "$signal" "$pid"
}

pid=
signal=
# A shell starts programs in the background with SIGINT ignored, and the gateway treats both alike.
trap 'stop TERM' TERM INT
trap 'stop HUP' HUP

"$@" &
pid=$!
[ -z "$signal" ] || kill -s "$signal" "$pid"

# A signal interrupts `wait`, which then answers for the signal and not for the program.
while
  wait "$pid" 2>/dev/null
  code=$?
  kill -0 "$pid" 2>/dev/null
do :; done

# It had not begun: there was nothing to finish.
case "$signal$code" in TERM143 | HUP129) code=0 ;; esac
exit "$code"

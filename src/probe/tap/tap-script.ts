import { sh } from '../../node/collector/sh.ts';
import { TRACE_FUNCTIONS } from '../drops/trace-script.ts';

/**
 * Shell functions for captures in several network namespaces at once, one tcpdump each: `$dir` holds what they see, `$life`, `$limit`,
 * `$filter` and `$taps` say how long, how many packets, which, and how many captures.
 *
 * tcpdump writes into a pipe: it drops its rights and AppArmor profiles of hosts forbid it most file names. gzip there also makes
 * the pcap small before it has to travel. TERM, because a shell starts its background programs with INT ignored.
 */
export const CAPTURE_FUNCTIONS = sh`
inside() {
  netns=$1
  shift
  if [ "$netns" = - ]; then exec "$@"; else exec nsenter -t "$netns" -n "$@"; fi
}

capture() {
  (inside "$2" ip -o link show) >"$dir/$1.link" 2>/dev/null </dev/null &
  (
    # exec all the way: the pid that is noted becomes timeout's, which passes TERM on to tcpdump.
    inside "$2" sh -c 'echo $$ >"$0"; exec "$@"' "$dir/$1.pid" timeout -s TERM "$life" \
      tcpdump -i any --immediate-mode -nn -s "\${snaplen:-256}" -U -c "$limit" -w - "$filter" 2>"$dir/$1.err" </dev/null
  ) | gzip -1 >"$dir/$1.gz"
  # Its number may be another process's from here on.
  rm -f "$dir/$1.pid"
  wait
  # Interfaces that came while it ran; names that went are in the first list.
  (inside "$2" ip -o link show) >>"$dir/$1.link" 2>/dev/null </dev/null
  : >"$dir/$1.end"
}

# True when no capture is still on its way to listening.
armed() {
  i=0
  while [ "$i" -lt "$taps" ]; do
    [ -e "$dir/$i.end" ] || grep -q 'listening on' "$dir/$i.err" 2>/dev/null || return 1
    i=$((i + 1))
  done
}

# True when every tcpdump sleeps: its queue is empty then. On a node short of CPU it may take a while until it has read all.
drained() {
  for file in "$dir"/*.pid; do
    pid= child=
    read -r pid 2>/dev/null <"$file" && read -r child 2>/dev/null <"/proc/$pid/task/$pid/children"
    [ -n "$child" ] && pid=$child
    read -r _ _ state _ 2>/dev/null <"/proc/$pid/stat" || continue
    [ "$state" = S ] || return 1
  done
}

stop() {
  for pid in "$dir"/*.pid; do
    [ -s "$pid" ] && kill -TERM "$(cat "$pid")" 2>/dev/null
  done
  # shellcheck disable=SC2086
  [ -n "$captures" ] && wait $captures
}

size() { echo $(($(wc -c <"$1"))); }

# Sets $dir to a new directory.
place() {
  for base in "$TMPDIR" /tmp /dev/shm /run; do
    [ -d "$base" ] && dir=$(mktemp -d "$base/netdoctor-tap.XXXXXX" 2>/dev/null) && break
  done
}

# Each tcpdump says what it has lost so far: that was before its filter (lost-packets.ts).
count_lost() {
  for file in "$dir"/*.pid; do
    pid= child=
    read -r pid 2>/dev/null <"$file" && read -r child _ 2>/dev/null <"/proc/$pid/task/$pid/children"
    [ -n "$child" ] && kill -USR1 "$child" 2>/dev/null
  done
}

wait_until_armed() {
  tries=0
  until armed || [ "$tries" -ge 200 ]; do
    sleep 0.02 2>/dev/null || sleep 1
    tries=$((tries + 1))
  done
  count_lost
}

# For packets still under way; TERM makes tcpdump forget what it has not read.
settle() {
  sleep 0.05 2>/dev/null
  tries=0
  until drained || [ "$tries" -ge 50 ]; do
    sleep 0.02 2>/dev/null || sleep 1
    tries=$((tries + 1))
  done
}
`;

/**
 * Captures in several network namespaces of a node at once, one tcpdump each, until told to stop; beside them, on request, the kernel's own
 * word on what it drops (trace-script.ts).
 * $1 longest life in seconds, $2 packets per capture at most, $3 a pcap-filter expression, $4 the filter of a trace or `-`, $5 its size in
 * KiB, then per capture a pid or `-` (this netns).
 *
 * `@ndt ready DIR` once every capture listens or has failed; a line written into DIR/stop ends them (TAP_STOP_SCRIPT), as does the time.
 * Then per capture `@ndt tap NUMBER A B C`, with A bytes of gzipped pcap, B of tcpdump's messages and C of `ip -o link`; if the line was
 * `trace`, `@ndt trace A` with A bytes of gzipped trace; `@ndt end` last.
 */
export const TAP_SCRIPT = `${TRACE_FUNCTIONS}${CAPTURE_FUNCTIONS}
umask 077
LC_ALL=C
export LC_ALL

clean() {
  trap '' EXIT HUP INT TERM PIPE
  trace_end
  stop
  rm -rf "$dir"
}

main() {
  life=$1 limit=$2 filter=$3 lengths=$4 size=$5
  shift 5
  taps=$# captures=
  place
  if [ -z "$dir" ] || ! mkfifo "$dir/stop"; then
    echo '@ndt failed no place for temporary files on this node'
    return
  fi
  trap clean EXIT
  trap 'exit 129' HUP INT TERM PIPE
  for tool in tcpdump timeout gzip; do
    command -v "$tool" >/dev/null 2>&1 || { echo "@ndt failed no $tool on this node"; return; }
  done
  n=0
  for netns in "$@"; do
    capture "$n" "$netns" >/dev/null &
    captures="$captures $!"
    n=$((n + 1))
  done
  [ "$lengths" = - ] || trace_start "$dir" "$life" "$lengths" "$size"
  wait_until_armed
  echo "@ndt ready $dir"
  what=$(timeout "$life" cat "$dir/stop" 2>/dev/null </dev/null)
  trace_freeze
  # Removing an instance takes the kernel a moment, which the captures use.
  if [ "$what" = trace ]; then
    trace_print | gzip -1 >"$dir/trace.gz"
  fi
  trace_end &
  ending=$!
  settle
  stop
  n=0
  while [ "$n" -lt "$taps" ]; do
    echo "@ndt tap $n $(size "$dir/$n.gz") $(size "$dir/$n.err") $(size "$dir/$n.link")"
    cat "$dir/$n.gz" "$dir/$n.err" "$dir/$n.link"
    n=$((n + 1))
  done
  if [ -e "$dir/trace.gz" ]; then
    echo "@ndt trace $(size "$dir/trace.gz")"
    cat "$dir/trace.gz"
  fi
  wait "$ending"
  trace= trace_holder=
  echo '@ndt end'
}

main "$@"
exit
`;

/** $1 the directory that `@ndt ready` named, $2 `stop` or `trace`. Opening a fifo for writing waits for its reader, so it gets a second. */
export const TAP_STOP_SCRIPT = `
[ -p "$1/stop" ] && timeout 1 sh -c 'echo "$1" >"$0/stop"' "$1" "$2" </dev/null
exit
`;

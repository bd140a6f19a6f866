import { sh } from '../../node/collector/sh.ts';

/**
 * One capture in one network namespace of a node, whose packets go to stdout as they come.
 * $1 a pid or `-` (this netns), $2 longest life in seconds, $3 packets at most, $4 bytes of a packet at most, $5 a pcap-filter expression.
 *
 * Lines first: `@nds link …` per interface (`ip -o link`), `@nds clock SECONDS` of this node, `@nds pid NUMBER` for STREAM_STOP_SCRIPT,
 * `@nds pcap`; then tcpdump's savefile. It listens when its stderr says so. `@nds failed REASON` instead when it cannot.
 *
 * The ring of a capture on `any` has slots of the snap length's size; 8 MiB keep a burst of some thousand packets of a usual MTU.
 */
export const STREAM_SCRIPT = sh`
LC_ALL=C
export LC_ALL
netns=$1 life=$2 limit=$3 snaplen=$4 filter=$5

inside() {
  if [ "$netns" = - ]; then exec "$@"; else exec nsenter -t "$netns" -n "$@"; fi
}

for tool in tcpdump timeout; do
  command -v "$tool" >/dev/null 2>&1 || { echo "@nds failed no $tool on this node"; exit; }
done
if [ "$netns" != - ] && ! [ -e "/proc/$netns/ns/net" ]; then
  echo "@nds failed process $netns is gone"
  exit
fi
(inside ip -o link show) 2>/dev/null </dev/null | while IFS= read -r line; do printf '@nds link %.200s\n' "$line"; done
echo "@nds clock $(date +%s.%N)"
echo "@nds pid $$"
echo '@nds pcap'
inside timeout -s TERM "$life" tcpdump -i any --immediate-mode -nn -s "$snaplen" -B 8192 -U --time-stamp-precision=nano -c "$limit" -w - "$filter" </dev/null
`;

/**
 * Ends captures of this node; each argument is a pid of STREAM_SCRIPT. TERM makes tcpdump forget what it has not read, so it is sent when
 * every one of them sleeps, its queue empty then, or after a second.
 */
export const STREAM_STOP_SCRIPT = sh`
child_of() {
  child=
  read -r child _ 2>/dev/null <"/proc/$1/task/$1/children"
}

drained() {
  for pid in "$@"; do
    child_of "$pid"
    read -r _ _ state _ 2>/dev/null <"/proc/\${child:-$pid}/stat" || continue
    [ "$state" = S ] || return 1
  done
}

tries=0
sleep 0.05 2>/dev/null
until drained "$@" || [ "$tries" -ge 50 ]; do
  sleep 0.02 2>/dev/null || sleep 1
  tries=$((tries + 1))
done
for pid in "$@"; do
  # its number may be another process's by now
  case $(tr '\0' ' ' 2>/dev/null <"/proc/$pid/cmdline") in *tcpdump*) kill -TERM "$pid" 2>/dev/null ;; esac
done
exit 0
`;

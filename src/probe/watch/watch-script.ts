import { sh } from '../../node/collector/sh.ts';
import { TRACE_FUNCTIONS } from '../drops/trace-script.ts';
import { CAPTURE_FUNCTIONS } from '../tap/tap-script.ts';

/**
 * What the kernel of a node drops, whatever the traffic, until told to stop. What it cannot tell of a packet by itself (whose it is) comes
 * either from an event of our own that reads its headers, or from captures of all traffic beside the events that follow packets from device
 * to device.
 *
 * All of it is bounded: the buffers and captures keep what comes first and lose the rest, so that they tell of the same moments, and a node
 * that drops or forwards more than that is told by its first seconds.
 */
export const WATCH_FUNCTIONS = sh`
drops= devices= group= event=

# A trace instance of our own, $1 its name beside the others, $2 KiB for all CPUs; keeps the first events. Prints its path.
watch_instance() {
  made=$root/instances/netdoctor-$$$1-$expiry
  mkdir "$made" 2>/dev/null || return 1
  trace_share "$2" >"$made/buffer_size_kb"
  echo mono >"$made/trace_clock"
  echo 0 >"$made/options/overwrite"
  echo "$made"
}

# Number of the reason named $1.
watch_reason() {
  sed -n "s/.*{ *\([0-9]*\), *\"$1\" *}.*/\1/p" "$root/events/skb/kfree_skb/format"
}

# $1 an event of our own (a kind of probe and what it reads) or -, $2 KiB for drops, $3 KiB for devices
watch_start() {
  trace_find "$dir/tracing" $((life + 30))
  [ -z "$untraced" ] || return
  trace_sweep
  expiry=$(($(date +%s) + life + 5))
  if ! drops=$(watch_instance d "$2"); then
    drops= untraced='the kernel gives no further trace instance'
    return
  fi
  # IP, IPv6 and ARP; sockets that are closed throw away what nobody read, which is no drop
  which='(protocol == 2048 || protocol == 34525 || protocol == 2054)'
  for name in QUEUE_PURGE SOCKET_CLOSE; do
    number=$(watch_reason "$name")
    [ -n "$number" ] && which="$which && reason != $number"
  done
  echo "$which" >"$drops/events/skb/kfree_skb/filter"
  echo "stacktrace if $which" 2>/dev/null >"$drops/events/skb/kfree_skb/trigger"
  if [ "$1" != - ]; then
    group=netdoctor_$$_$expiry
    echo "\${1%% *}:$group/drop \${1#* }" 2>"$dir/event.err" >>"$root/dynamic_events" && event=$group/drop
    # the same protocols, in network byte order
    [ -n "$event" ] && echo 'proto == 8 || proto == 56710 || proto == 1544' >"$drops/events/$event/filter"
    [ -n "$event" ] && echo 1 2>/dev/null >"$drops/events/$event/enable"
  fi
  if [ -z "$event" ] && devices=$(watch_instance v "$3"); then
    for name in net_dev_queue netif_receive_skb; do echo 1 >"$devices/events/net/$name/enable"; done 2>/dev/null
  fi
  if ! echo 1 2>/dev/null >"$drops/events/skb/kfree_skb/enable"; then
    watch_end
    untraced='skb:kfree_skb cannot be enabled'
    return
  fi
  trace=$drops
  trace_anchor
}

watch_freeze() {
  [ -n "$drops" ] || return
  trace_anchor
  for trace in "$drops" "$devices"; do
    [ -n "$trace" ] && echo 0 >"$trace/tracing_on"
  done
}

# $1 an instance, $2 bytes at most
watch_print() {
  grep -v '^#' "$1/trace" | head -c "$2"
  cat "$1"/per_cpu/cpu*/stats | awk '/^(overrun|dropped events):/ { lost += $NF } END { print "@lost " lost + 0 }'
}

watch_end() {
  trace=
  for made in "$drops" "$devices"; do
    [ -n "$made" ] && rmdir "$made" 2>/dev/null
  done
  [ -n "$event" ] && echo "-:$event" 2>/dev/null >>"$root/dynamic_events"
  drops= devices= event=
  trace_end
}
`;

/**
 * $1 longest life in seconds, $2 packets per capture, $3 bytes per packet, $4 a pcap-filter expression, $5 an event of our own or `-`,
 * $6 KiB for drops, $7 KiB for devices, then per capture a pid or `-`.
 *
 * `@ndw ready DIR` when everything runs; a line written into DIR/stop ends it (TAP_STOP_SCRIPT), as does the time. Then parts, each
 * `@ndw NAME BYTES` and its bytes: `about` (lines `KEY VALUE`), `drops` and `devices` (gzipped text of the trace), `format` (the kernel's
 * own names of reasons), and per capture `pcapN` (gzipped), `messagesN`, `linksN`. `@ndw end 0` last; `@ndw failed REASON` when nothing could
 * be done.
 */
export const WATCH_SCRIPT = `${TRACE_FUNCTIONS}${CAPTURE_FUNCTIONS}${WATCH_FUNCTIONS}${sh`
umask 077
LC_ALL=C
export LC_ALL

clean() {
  trap '' EXIT HUP INT TERM PIPE
  watch_end
  stop
  rm -rf "$dir"
}

part() {
  [ -e "$2" ] || return
  echo "@ndw $1 $(size "$2")"
  cat "$2"
}

about() {
  echo "kernel $(uname -r)"
  # every initial pid namespace has this inode (include/linux/proc_ns.h): another one, and the node is a container on somebody's kernel
  echo "pidns $(readlink /proc/1/ns/pid)"
  [ -n "$untraced" ] && echo "untraced $untraced"
  if [ -n "$event" ]; then echo 'headers yes'; else echo "headers no $(head -c 200 "$dir/event.err" 2>/dev/null | tr '\n' ' ')"; fi
}

main() {
  life=$1 limit=$2 snaplen=$3 filter=$4 wanted=$5 drops_kib=$6 devices_kib=$7
  shift 7
  taps=$# captures=
  place
  if [ -z "$dir" ] || ! mkfifo "$dir/stop"; then
    echo '@ndw failed no place for temporary files on this node'
    return
  fi
  trap clean EXIT
  trap 'exit 129' HUP INT TERM PIPE
  for tool in timeout gzip awk; do
    command -v "$tool" >/dev/null 2>&1 || { echo "@ndw failed no $tool on this node"; return; }
  done
  watch_start "$wanted" "$drops_kib" "$devices_kib"
  # with headers of their own, drops need no captures
  [ -n "$event" ] || [ -n "$untraced" ] && taps=0
  n=0
  if [ "$taps" -gt 0 ]; then
    for netns in "$@"; do
      capture "$n" "$netns" >/dev/null &
      captures="$captures $!"
      n=$((n + 1))
    done
    wait_until_armed
  fi
  about >"$dir/about"
  echo "@ndw ready $dir"
  # a line ends it; without a trace there is nothing to wait for
  [ -n "$untraced" ] || timeout "$life" cat "$dir/stop" >/dev/null 2>&1 </dev/null
  watch_freeze
  [ -n "$drops" ] && watch_print "$drops" 24000000 | gzip -1 >"$dir/drops"
  [ -n "$devices" ] && watch_print "$devices" 40000000 | gzip -1 >"$dir/devices"
  [ -n "$root" ] && grep '^print fmt' "$root/events/skb/kfree_skb/format" >"$dir/format" 2>/dev/null
  watch_end &
  ending=$!
  settle
  stop
  for name in about drops devices format; do part "$name" "$dir/$name"; done
  n=0
  while [ "$n" -lt "$taps" ]; do
    part "pcap$n" "$dir/$n.gz"
    part "messages$n" "$dir/$n.err"
    part "links$n" "$dir/$n.link"
    n=$((n + 1))
  done
  wait "$ending"
  drops= devices= event= trace_holder=
  echo '@ndw end 0'
}

main "$@"
exit
`}`;

/**
 * What this kernel can: `@ndw can eprobe`, `kprobe FUNCTION ARGUMENT` or `nothing`; where it can, `@ndw btf` and the kernel's own type
 * information, gzipped, to the end.
 * $1 longest life in seconds
 */
export const CAPABILITY_SCRIPT = `${TRACE_FUNCTIONS}${CAPTURE_FUNCTIONS}${sh`
umask 077
LC_ALL=C
export LC_ALL

# $1 the definition behind the name; true when the kernel takes it. It is taken back at once.
takes() {
  echo "\${1%%:*}:$group/t \${1#*:}" 2>/dev/null >>"$root/dynamic_events" || return 1
  echo "-:$group/t" 2>/dev/null >>"$root/dynamic_events"
  return 0
}

main() {
  place
  trap 'trace_end; rm -rf "$dir"' EXIT
  trap 'exit 129' HUP INT TERM PIPE
  trace_find "$dir/tracing" "$1"
  can=nothing
  group=netdoctor_$$_$(($(date +%s) + $1))
  if [ -z "$untraced" ] && [ -w "$root/dynamic_events" ]; then
    if takes 'e:skb.kfree_skb skb=$skbaddr'; then
      can=eprobe
    else
      # the function that frees and tells why has had three names (6.11, 5.17, before), and its packet another place among the arguments
      for function in 'sk_skb_reason_drop $arg2' 'kfree_skb_reason $arg1' 'kfree_skb $arg1'; do
        if takes "p:\${function% *} skb=\${function#* }"; then
          can="kprobe $function"
          break
        fi
      done
    fi
  fi
  echo "@ndw can $can"
  [ "$can" = nothing ] && return
  for btf in /sys/kernel/btf/vmlinux /proc/1/root/sys/kernel/btf/vmlinux; do
    [ -r "$btf" ] || continue
    echo '@ndw btf'
    gzip -1 <"$btf"
    return
  done
}

main "$@"
exit
`}`;

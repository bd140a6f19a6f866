import { sh } from '../../node/collector/sh.ts';

/**
 * Shell functions that let the kernel say where it drops packets: a tracefs instance of our own with skb:kfree_skb and the two events that
 * follow a packet from device to device (net:net_dev_queue, net:netif_receive_skb, only for lengths of ours). It reads what the kernel does
 * and changes nothing about packets.
 *
 * The instance is named netdoctor-PID-EXPIRY and outlives a killed run; trace_start removes those whose time is over. tracefs belongs to the
 * kernel and not to a network namespace, so all nodes of one kernel see each other's events.
 *
 * A container has no tracefs: the node's own is found under the root of process 1, and where nobody mounted it, a process that lives as
 * long as the trace holds a mount in a namespace of its own. `hash-ptr` stays as it is: with it off Linux 6.1 prints empty strings.
 */
export const TRACE_FUNCTIONS = sh`
trace= trace_holder= untraced=

# $1 a directory that may become a mount point. Prints nothing; sets $root or $untraced.
trace_find() {
  for root in /sys/kernel/tracing /proc/1/root/sys/kernel/tracing /proc/1/root/sys/kernel/debug/tracing; do
    [ -d "$root/events/skb/kfree_skb" ] && [ -w "$root/instances" ] && return
  done
  mkdir -p "$1" || return
  unshare -m sh -c 'mount -t tracefs nodev "$0" && : >"$0.held" && exec sleep "$1"' "$1" "$2" >/dev/null 2>"$1.err" </dev/null &
  trace_holder=$!
  tries=0
  until [ -e "$1.held" ] || ! kill -0 "$trace_holder" 2>/dev/null || [ "$tries" -ge 50 ]; do
    sleep 0.02 2>/dev/null || sleep 1
    tries=$((tries + 1))
  done
  root=/proc/$trace_holder/root$1
  [ -d "$root/events/skb/kfree_skb" ] && [ -d "$root/instances" ] && return
  if grep -q '\[confidentiality\]' /sys/kernel/security/lockdown /proc/1/root/sys/kernel/security/lockdown 2>/dev/null; then
    untraced='the kernel is locked down (lockdown=confidentiality)'
  elif [ -d "$root/instances" ]; then
    untraced='this kernel has no skb:kfree_skb event'
  else
    untraced=$(tr '\n' ' ' 2>/dev/null <"$1.err")
    untraced="tracefs cannot be mounted$(printf '%.120s' "\${untraced:+: $untraced}")"
  fi
}

# Moments of both clocks at once, for the joining with captures: the latest of several is the truest, as each is noted a little after it was read.
trace_anchor() {
  for _ in 1 2; do date +netdoctor-anchor:%s.%N >"$trace/trace_marker" 2>/dev/null; done
}

# Removes what killed runs have left, when their time is over. Events of our own are global and held by the instances that use them.
trace_sweep() {
  now=$(date +%s)
  for old in "$root"/instances/netdoctor-*; do
    case \${old##*-} in '' | *[!0-9]*) continue ;; esac
    [ "\${old##*-}" -lt "$now" ] && rmdir "$old" 2>/dev/null
  done
  sed -n 's|^[a-z0-9]*:\(netdoctor_[0-9]*_[0-9]*/[a-z]*\).*|\1|p' "$root/dynamic_events" 2>/dev/null | while read -r old; do
    group=\${old%/*}
    [ "\${group##*_}" -lt "$now" ] && echo "-:$old" 2>/dev/null >>"$root/dynamic_events"
  done
}

# What each CPU gets of $1 KiB for all together, within reason: a node of few CPUs can be as busy as one of many.
trace_share() {
  cpus=$(grep -c '^processor' /proc/cpuinfo)
  each=$(($1 / (cpus > 0 ? cpus : 1)))
  echo $((each < 128 ? 128 : each > 8192 ? 8192 : each))
}

# $1 directory for temporary files, $2 longest life in seconds, $3 filter of lengths, $4 KiB for all CPUs together
trace_start() {
  trace_find "$1/tracing" "$2"
  [ -z "$untraced" ] || return
  trace_sweep
  trace=$root/instances/netdoctor-$$-$((now + $2 + 5))
  if ! mkdir "$trace" 2>/dev/null; then
    trace= untraced='the kernel gives no further trace instance'
    return
  fi
  trace_share "$4" >"$trace/buffer_size_kb"
  echo mono >"$trace/trace_clock"
  for event in net_dev_queue netif_receive_skb; do
    echo "$3" >"$trace/events/net/$event/filter" && echo 1 >"$trace/events/net/$event/enable"
  done 2>/dev/null
  # A trigger does not obey the event's filter.
  ip='protocol == 2048 || protocol == 34525'
  echo "$ip" >"$trace/events/skb/kfree_skb/filter"
  echo "stacktrace if $ip" 2>/dev/null >"$trace/events/skb/kfree_skb/trigger"
  if ! echo 1 2>/dev/null >"$trace/events/skb/kfree_skb/enable"; then
    trace_end
    untraced='skb:kfree_skb cannot be enabled'
    return
  fi
  trace_anchor
}

trace_freeze() {
  [ -n "$trace" ] || return
  trace_anchor
  echo 0 >"$trace/tracing_on"
}

# Leaves out what was freed without having been on a device of the trace just before: on a busy node most of it. Only what waits for a
# neighbour is freed late; where the kernel prints no names of functions, anything may be that. After $1 bytes only packets
# are told of that are dropped in the end, with their last two places, after as many again nothing: then \`@lost\` says how many lines.
trace_sift() {
  awk -v room="$1" '
    function skb(text) { sub(/.*skbaddr=/, "", text); sub(/ .*/, "", text); return text }
    function cpu(text) { match(text, /\[[0-9]+\]/); return substr(text, RSTART, RLENGTH) }
    function time(text) { sub(/: .*/, "", text); sub(/.* /, "", text); return text + 0 }
    function tell(line) { if ((spent += length(line) + 1) < 2 * room) print line; else lost++ }
    / (net_dev_queue|netif_receive_skb): dev=/ {
      a = skb($0)
      at[a] = time($0)
      if (spent < room) { tell($0); delete last[a]; delete before[a]; next }
      if (a in last) before[a] = last[a]
      last[a] = $0
      next
    }
    / kfree_skb: skbaddr=/ {
      a = skb($0)
      late = / location=(neigh_|__neigh_|arp_|ndisc_|ip_dst_|ip6_dst_|dst_|[0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f])/
      kept[cpu($0)] = (a in at) && (late || time($0) - at[a] < 0.01)
      if (kept[cpu($0)]) {
        if (a in before) tell(before[a])
        if (a in last) tell(last[a])
        tell($0)
      }
      delete at[a]; delete last[a]; delete before[a]
      next
    }
    /: <stack trace>/ { stack = kept[cpu($0)] }
    /^ => |: <stack trace>/ { if (stack) tell($0) }
    END { if (lost) print "@lost " lost }'
}

# The moments of both clocks, what was traced, what of it the ring buffer lost, and the kernel's own names of the reasons.
trace_print() {
  if [ -z "$trace" ]; then
    echo "@untraced \${untraced:-it was not asked for}"
    return
  fi
  grep ' tracing_mark_write: netdoctor-anchor:' "$trace/trace"
  trace_sift 3000000 <"$trace/trace"
  cat "$trace"/per_cpu/cpu*/stats | awk '/^(overrun|dropped events):/ { lost += $NF } END { print "@lost " lost + 0 }'
  grep '^print fmt' "$trace/events/skb/kfree_skb/format"
}

trace_end() {
  [ -n "$trace" ] && rmdir "$trace" 2>/dev/null
  trace=
  [ -n "$trace_holder" ] && kill "$trace_holder" 2>/dev/null
  trace_holder=
}
`;

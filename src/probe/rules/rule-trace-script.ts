import { sh } from '../../node/collector/sh.ts';

/**
 * Lets the kernel say which rules packets of ours meet, in this network namespace. This changes packet-processing state, so it is asked
 * for: a table of our own marks our packets for tracing (nft(8) `meta nftrace`), all rulesets then report on them, and the table goes.
 * $1 longest life in seconds, $2 a name that ends in _ and the table's deadline, then nft match expressions, one per argument.
 *
 * The table belongs to an `nft -i` that we hold (`flags owner`): when that process dies, however, the kernel removes the table. Kernels
 * before 5.12 refuse the flag; then a trap removes it, and the next run sweeps what is past its deadline.
 * xtables-monitor prints iptables-nft's rules as iptables-save does, `nft monitor trace` all others; legacy rules honour the mark and tell it
 * to nf_log, which is turned to NFLOG for as long as we listen, where there are legacy rules at all.
 *
 * `@ndr ready DIR` once all listen, or `@ndr failed REASON`; a line into DIR/stop ends it. Then `@ndr xtables A`, `@ndr nft B`, `@ndr nflog C` with
 * as many bytes (the last a pcap), `@ndr end`.
 */
export const RULE_TRACE_SCRIPT = sh`
umask 077
LC_ALL=C
export LC_ALL

clean() {
  trap '' EXIT HUP INT TERM PIPE
  exec 9>&-
  for pid in $monitors $holder; do kill "$pid" 2>/dev/null; done
  [ -n "$plain" ] && nft delete table inet "$plain" 2>/dev/null
  restore_logs
  wait
  rm -rf "$dir"
}

# A container's /proc/sys is read-only, the node's own is not; which namespace is meant is the reader's in both.
logs=
for base in /proc/sys /proc/1/root/proc/sys; do
  [ -w "$base/net/netfilter/nf_log/2" ] && (: >>"$base/net/netfilter/nf_log/2") 2>/dev/null && logs=$base/net/netfilter/nf_log && break
done
log_number() { case $1 in ip_tables_names) echo 2 ;; *) echo 10 ;; esac; }

turn_logs() {
  for names in ip_tables_names ip6_tables_names; do
    number=$(log_number "$names")
    [ -n "$(cat "/proc/net/$names" 2>/dev/null)" ] && [ -n "$logs" ] || continue
    saved="$saved $number=$(cat "$logs/$number")"
    echo nfnetlink_log >"$logs/$number"
  done
}

restore_logs() {
  for entry in $saved; do echo "\${entry#*=}" >"$logs/\${entry%%=*}"; done 2>/dev/null
  saved=
}

sweep() {
  now=$(date +%s)
  nft list tables inet 2>/dev/null | while read -r _ _ name; do
    case $name in netdoctor_*_[0-9]*) [ "\${name##*_}" -lt "$now" ] && nft delete table inet "$name" 2>/dev/null ;; esac
  done
}

has_table() { nft list table inet "$1" >/dev/null 2>&1; }

# $1 a condition, at most two seconds
await() {
  tries=0
  until "$@" || [ "$tries" -ge 100 ]; do
    sleep 0.02 2>/dev/null || sleep 1
    tries=$((tries + 1))
  done
  "$@"
}

# Netlink sockets that listen to traces: protocol 12 (netfilter), group 9 (NFNLGRP_NFTRACE) in the mask.
listening() {
  found=$(awk '$2 == 12 && substr($4, length($4) - 2, 1) ~ /[13579bdf]/' /proc/net/netlink | wc -l)
  [ "$found" -ge "$wanted" ]
}

make_table() {
  mkfifo "$dir/nft" || return 1
  nft -i <"$dir/nft" >"$dir/nft.out" 2>&1 &
  holder=$!
  exec 9>"$dir/nft"
  echo "add table inet $name { flags owner; }" >&9
  await has_table "$name" && return
  kill "$holder" 2>/dev/null
  exec 9>&-
  holder=
  nft add table inet "$name" 2>"$dir/nft.err" || return 1
  plain=$name
}

tell() { if [ -n "$holder" ]; then echo "$1" >&9; else nft "$1" 2>>"$dir/nft.err"; fi; }

size() { echo $(($(wc -c <"$1"))); }

main() {
  life=$1 name=$2 holder='' monitors='' plain='' saved=''
  shift 2
  dir=$(mktemp -d "\${TMPDIR:-/tmp}/netdoctor-rules.XXXXXX") && mkfifo "$dir/stop" || { echo '@ndr failed no place for temporary files on this node'; return; }
  trap clean EXIT
  trap 'exit 129' HUP INT TERM PIPE
  for tool in nft timeout; do command -v "$tool" >/dev/null 2>&1 || { echo "@ndr failed no $tool on this node"; return; }; done
  sweep
  if ! make_table; then
    echo "@ndr failed nft: $(head -n 1 "$dir/nft.err" | cut -c 1-120)"
    return
  fi
  wanted=$(awk '$2 == 12 && substr($4, length($4) - 2, 1) ~ /[13579bdf]/' /proc/net/netlink | wc -l)
  : >"$dir/xtables" >"$dir/monitor" >"$dir/log"
  timeout "$life" nft -a monitor trace >"$dir/monitor" 2>/dev/null </dev/null &
  monitors=$!
  wanted=$((wanted + 1))
  if command -v xtables-monitor >/dev/null 2>&1; then
    timeout "$life" xtables-monitor --trace >"$dir/xtables" 2>/dev/null </dev/null &
    monitors="$monitors $!"
    wanted=$((wanted + 1))
  fi
  turn_logs
  if [ -n "$saved" ] && command -v tcpdump >/dev/null 2>&1; then
    timeout "$life" tcpdump -i nflog:0 --immediate-mode -U -s 128 -c 5000 -w - >"$dir/log" 2>"$dir/log.err" </dev/null &
    monitors="$monitors $!"
    await grep -q 'listening on' "$dir/log.err"
  fi
  await listening
  for hook in prerouting output; do
    tell "add chain inet $name $hook { type filter hook $hook priority -350; }"
    for match in "$@"; do tell "add rule inet $name $hook $match meta nftrace set 1"; done
  done
  rules() { [ "$(nft list table inet "$name" 2>/dev/null | grep -c 'nftrace set 1')" -ge "$1" ]; }
  if ! await rules $(($# * 2)); then
    echo "@ndr failed nft: $(cat "$dir/nft.out" "$dir/nft.err" 2>/dev/null | head -n 1 | cut -c 1-120)"
    return
  fi
  echo "@ndr ready $dir"
  timeout "$life" cat "$dir/stop" >/dev/null 2>&1 </dev/null
  # for packets and reports still under way
  sleep 0.1 2>/dev/null
  for pid in $monitors; do kill "$pid" 2>/dev/null; done
  # shellcheck disable=SC2086
  wait $monitors
  monitors=
  echo "@ndr xtables $(size "$dir/xtables")"
  cat "$dir/xtables"
  echo "@ndr nft $(size "$dir/monitor")"
  cat "$dir/monitor"
  echo "@ndr nflog $(size "$dir/log")"
  cat "$dir/log"
  echo '@ndr end'
}

main "$@"
exit
`;

/** $1 the directory that `@ndr ready` named. */
export const RULE_TRACE_STOP_SCRIPT = `
[ -p "$1/stop" ] && timeout 1 sh -c 'echo stop >"$0/stop"' "$1" </dev/null
exit
`;

#!/bin/sh
# Unpacks an agent archive and proves that its tools start: images/agent/smoke.sh ARCHIVE
#
# Every program's libraries must be inside (whatever the architecture); on its own architecture each tool also runs in a
# chroot, in a network namespace of its own. Works as root or with user namespaces.
set -eu

archive=$1
command -v readelf >/dev/null || { echo 'smoke.sh: needs readelf (binutils)' >&2; exit 1; }
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT

layer=$(tar -xOf "$archive" manifest.json | sed 's/.*"Layers":\["\([^"]*\)".*/\1/')
tar -xOf "$archive" "$layer" | tar -xz -C "$root" --no-same-owner

needed() {
  find "$root/usr/bin" "$root/usr/sbin" -type f -exec readelf -d {} + 2>/dev/null | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p' | sort -u
}

missing() {
  needed | while read -r library; do
    [ -n "$(find "$root/usr/lib" "$root/usr/lib64" -name "$library")" ] || echo "$library"
  done
}

absent=$(missing)
[ -z "$absent" ] || { echo "smoke.sh: libraries that no package inside has: $absent" >&2; exit 1; }

machine() { readelf -h "$1" | sed -n 's/ *Machine: *//p'; }

if [ "$(machine "$root/usr/bin/ip")" != "$(machine "$(command -v sort)")" ]; then
  echo "smoke.sh: $archive: all libraries inside; made for another architecture, so its tools were not run"
  exit 0
fi

cat >"$root/smoke" <<'TOOLS'
set -eu
check() { "$@" >/tmp/output 2>&1 || { echo "smoke.sh: $* failed:"; cat /tmp/output; exit 1; }; }
same() { [ "$1" = "$2" ] || { echo "smoke.sh: '$2' instead of '$1'"; exit 1; }; }
says() { wanted=$1; shift; "$@" 2>&1 | grep -q "$wanted" || { echo "smoke.sh: $* does not say $wanted:"; "$@"; exit 1; }; }

check ip link set lo up
check ip -s -d -j link
check ip -4 route show table all
check bridge -j fdb
check tc -s -j qdisc
check ss -ltnpH
says 'ethtool version' ethtool --version
says legacy iptables-legacy --version
says legacy ip6tables-legacy-save --version
says nf_tables iptables-nft-save --version
says nf_tables ip6tables-save --version
says nf_tables ebtables-nft --version
says xtables-monitor xtables-monitor --version
check nft -j list ruleset
says protocol ipset version
says conntrack-tools conntrack --version
says ipvs ipvsadm --version
says libpcap tcpdump --version

tcpdump -Z root -p -i lo -c 1 -U --immediate-mode -w /tmp/capture 2>/tmp/output & capture=$!
for _ in 1 2 3 4 5 6 7 8 9 10; do
  grep -q 'listening on' /tmp/output && break
  sleep 0.1
done
check ping -c 1 -W 1 127.0.0.1
check wait "$capture"
says 'ICMP echo' tcpdump -Z root -r /tmp/capture

says arping arping -V
says nsenter nsenter --version
says unshare unshare --version
says mount mount --version
says vSwitch ovs-vsctl --version
says vSwitch ovs-appctl --version
says vSwitch ovs-ofctl --version
says vSwitch ovs-dpctl --version
says ovn-nbctl ovn-nbctl --version
says ovn-sbctl ovn-sbctl --version
says 'SCTP' socat -V
check sysctl net.ipv4.ip_forward
check pgrep -V
same two "$(printf 'one\ntwo\n' | gzip -c | base64 -w 0 | base64 -d | gzip -dc | sed -n 2p | head -c 3)"
same 3 "$(echo 1 2 | awk '{ print $1 + $2 }')"
same 9 "$(date +%N | tr -d '\n' | wc -c)"
same 124 "$(timeout 0.1 sleep 5 || echo $?)"

# the prober: a UDP answer to a payload, from a source port of one's choice
socat -u UDP4-RECVFROM:5353,bind=127.0.0.1,fork SYSTEM:'echo "$(cat) $SOCAT_PEERPORT" >/tmp/heard' & server=$!
heard=
for _ in 1 2 3 4 5 6 7 8 9 10; do
  printf probe | timeout 1 socat -u - UDP4-SENDTO:127.0.0.1:5353,sourceport=4242
  sleep 0.1
  heard=$(cat /tmp/heard 2>/dev/null || true)
  [ -n "$heard" ] && break
done
kill "$server"
same 'probe 4242' "$heard"
TOOLS

# proc and sys of its own namespaces; nothing is left mounted, as they end with the namespace
# shellcheck disable=SC2016 # the inner shell expands it
inside='mount -t proc proc "$1/proc" && mount -t sysfs sysfs "$1/sys" && touch "$1/dev/null" && mount --bind /dev/null "$1/dev/null" && exec chroot "$1" sh /smoke'
userns=
[ "$(id -u)" = 0 ] || userns=--map-root-user
# shellcheck disable=SC2086 # no word when root
unshare $userns --net --mount --pid --fork sh -c "$inside" sh "$root"
echo "smoke.sh: $archive: every tool runs"

import { sh } from '../../src/node/collector/sh.ts';

/**
 * A throw-away node for `unshare -n -m -p -f --kill-child sh -s -- COUNT DIR`: COUNT pods on a bridge, each a process in its own namespaces with a
 * kubelet's /etc/hosts mounted, which is how the collector tells whose it is. DIR holds `collect.sh`; each measured run prints
 * `NAME WALL_MS CPU_MS BYTES` (CPU: of all that ran, in ticks of 10 ms).
 */
export const benchNode = sh`
set -e
count=$1
dir=$2
mount -t proc proc /proc
mount -t tmpfs tmpfs /run
mkdir -p /run/netns /run/kubelet/pods
ip link set lo up
ip link add br0 type bridge
ip addr add 10.200.0.1/16 dev br0
ip link set br0 up
iptables -t nat -A POSTROUTING -s 10.200.0.0/16 ! -o br0 -j MASQUERADE

uid_of() {
  printf '00000000-0000-4000-8000-%012d' "$1"
}

number=0
while [ "$number" -lt "$count" ]; do
  number=$((number + 1))
  uid=$(uid_of "$number")
  mkdir "/run/kubelet/pods/$uid"
  : >"/run/kubelet/pods/$uid/etc-hosts"
  unshare -n -m sh -c "mount --bind /run/kubelet/pods/$uid/etc-hosts /etc/hosts; : >/run/ready.$number; exec sleep 3600" &
  pid=$!
  while [ ! -e "/run/ready.$number" ]; do sleep 0.01; done
  printf '%s\n' "$pid" >>/run/pids
  address=10.200.$((number / 250 + 1)).$((number % 250 + 2))
  printf '%s\n' "link add veth$number type veth peer name eth0 netns $pid" "link set veth$number master br0 up" | ip -batch -
  printf '%s\n' "link set lo up" "addr add $address/16 dev eth0" "link set eth0 up" "route add default via 10.200.0.1" | nsenter -t "$pid" -n ip -batch -
done

# NAME COMMAND…
measure() {
  name=$1
  shift
  times >/run/before
  start=$(date +%s%N)
  bytes=$("$@" 2>/dev/null | wc -c)
  end=$(date +%s%N)
  times >/run/after
  cpu=$(cat /run/before /run/after | awk 'NR % 2 == 0 { split($0, part, /[ms ]+/); total[NR] = part[1] * 60 + part[2] + part[3] * 60 + part[4] } END { printf "%d", (total[4] - total[2]) * 1000 }')
  printf '%s %s %s %s\n' "$name" "$(((end - start) / 1000000))" "$cpu" "$bytes"
}

collect() {
  sh -s -- start 0123456789abcdef 8388608 node "$@" <"$dir/collect.sh"
}

# One command per interface and question, as one would by hand.
by_hand() {
  while read -r pid; do
    nsenter -t "$pid" -n ip -d -s -j link show dev eth0
    nsenter -t "$pid" -n ip -j addr show dev eth0
    nsenter -t "$pid" -n ip -j route show
    nsenter -t "$pid" -n ethtool -S eth0
  done </run/pids
  number=0
  while [ "$number" -lt "$count" ]; do
    number=$((number + 1))
    ip -d -s -j link show dev "veth$number"
    bridge -j link show dev "veth$number"
    ethtool -S "veth$number"
  done
}

two="pod:$(uid_of 1) pod:$(uid_of 2)"
measure attach-2 collect attach $two
measure full-2 collect full $two
measure attach-all collect attach all:-
measure by-hand by_hand
`;

import { sh } from '../../../../src/node/collector/sh.ts';

/**
 * A node in namespaces of its own, for `unshare -n -m -p -f --kill-child sh -s`: docker0 with two pods, and a third network namespace that
 * outlived its container and has the first pod's address (case 4), and the namespace of a pod in a VM, which only containerd's record names. A pod is a process with a kubelet's /etc/hosts mounted. Then runs `"$@"`.
 */
export const leakyNode = sh`
set -e
mount -t proc proc /proc
# namespaces that this machine has pinned are none of this node
umount -R -l /run/netns 2>/dev/null || :
mount -t tmpfs tmpfs /run
mkdir -p /run/docker/netns /run/netns /run/kubelet/pods
ip link set lo up
ip link add docker0 type bridge
ip addr add 10.233.14.129/25 dev docker0
ip addr add fd00:14::1/64 dev docker0 nodad
ip link set docker0 up

# NUMBER UID ADDRESS: leaves its pid in $pid
add_pod() {
  mkdir "/run/kubelet/pods/$2"
  : >"/run/kubelet/pods/$2/etc-hosts"
  unshare -n -m sh -c "mount --bind /run/kubelet/pods/$2/etc-hosts /etc/hosts; : >/run/ready.$1; exec sleep 60" >/dev/null 2>&1 &
  pid=$!
  while [ ! -e "/run/ready.$1" ]; do sleep 0.01; done
  : >"/run/docker/netns/ns$1"
  mount --bind "/proc/$pid/ns/net" "/run/docker/netns/ns$1"
  ip link add "vethd$1" type veth peer name eth0 netns "$pid"
  ip link set "vethd$1" master docker0 up
  nsenter -t "$pid" -n sh -c "ip link set lo up; ip addr add $3/25 dev eth0; ip addr add fd00:14::$1$1/64 dev eth0 nodad; ip link set eth0 up; ip route add default via 10.233.14.129"
}

add_pod 1 0b5f3a51-7b3c-4c52-9c6e-2f1f6a1e5d01 10.233.14.145
add_pod 2 1c5f3a51-7b3c-4c52-9c6e-2f1f6a1e5d02 10.233.14.146
add_pod 3 leaked 10.233.14.145
kill "$pid"
wait "$pid" 2>/dev/null || :

: >/run/netns/cni-vm
unshare --net=/run/netns/cni-vm ip link set lo up
record=/run/containerd/io.containerd.runtime.v2.task/k8s.io/0123456789ab
mkdir -p "$record"
printf '%s' '{"annotations":{"io.kubernetes.cri.sandbox-uid":"2c5f3a51-7b3c-4c52-9c6e-2f1f6a1e5d03"},"linux":{"namespaces":[{"type":"pid"},{"type":"network","path":"/var/run/netns/cni-vm"}]}}' >"$record/config.json"
"$@"
`;

import { sh } from '../../../../src/node/collector/sh.ts';

/**
 * A node in namespaces of its own, for `unshare -n -m -p -f --kill-child sh -s`: Open vSwitch with its userspace datapath, br-int with two pods and
 * br-ex, which speaks OpenFlow 1.3 alone, joined by patch ports. Three packets went from pod to pod; then five to the node itself, whose br-int was down.
 * Addresses are known beforehand, so that nobody asks for any. Then runs `"$@"`.
 */
export const switchedNode = sh`
set -e
mount -t proc proc /proc
# namespaces that this machine has pinned are none of this node
umount -R -l /run/netns 2>/dev/null || :
mount -t tmpfs tmpfs /run
mkdir -p /run/openvswitch /run/netns
sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1
ovsdb-tool create /run/conf.db /usr/share/openvswitch/vswitch.ovsschema
ovsdb-server /run/conf.db --remote=punix:/run/openvswitch/db.sock --pidfile=/run/openvswitch/ovsdb-server.pid </dev/null >/dev/null 2>&1 &
while [ ! -S /run/openvswitch/db.sock ]; do sleep 0.01; done
ovs-vsctl -t 10 --no-wait init
# Debian makes /usr/sbin/ovs-vswitchd of one of several by its alternatives
"$(command -v ovs-vswitchd || echo /usr/lib/openvswitch-switch/ovs-vswitchd)" unix:/run/openvswitch/db.sock --pidfile=/run/openvswitch/ovs-vswitchd.pid </dev/null >/dev/null 2>&1 &
ovs-vsctl -t 10 add-br br-int -- set Bridge br-int datapath_type=netdev -- set Interface br-int 'mac="02:00:00:00:00:fe"'
ovs-vsctl -t 10 add-br br-ex -- set Bridge br-ex datapath_type=netdev protocols=OpenFlow13
ovs-vsctl -t 10 add-port br-int to-ex -- set Interface to-ex type=patch options:peer=to-int -- add-port br-ex to-int -- set Interface to-int type=patch options:peer=to-ex
for n in 1 2; do
  ip netns add "pod$n"
  ip netns exec "pod$n" sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1
  ip link add "veth$n" type veth peer name eth0 netns "pod$n" address "02:00:00:00:00:0$n"
  ip -n "pod$n" addr add "10.16.0.$n/24" dev eth0
  ip -n "pod$n" link set eth0 up
  ip netns exec "pod$n" ethtool -K eth0 tx off >/dev/null
  ip link set "veth$n" up
  ovs-vsctl -t 10 add-port br-int "veth$n"
done
ip addr add 10.16.0.254/24 dev br-int
for n in 1 2; do ip -n pod1 neigh add "10.16.0.$n" lladdr "02:00:00:00:00:0$n" dev eth0 2>/dev/null || :; done
ip -n pod2 neigh add 10.16.0.1 lladdr 02:00:00:00:00:01 dev eth0
ip -n pod1 neigh add 10.16.0.254 lladdr 02:00:00:00:00:fe dev eth0
ip netns exec pod1 ping -q -c 3 -i 0.1 -W 1 10.16.0.2 >/dev/null
ip netns exec pod1 ping -q -c 5 -i 0.1 -W 1 10.16.0.254 >/dev/null || :
"$@"
`;

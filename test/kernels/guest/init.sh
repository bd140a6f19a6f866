#!/guest/busybox sh
# The guest's first process: mounts, the network device to the host, and a server of commands on it.
b=/guest/busybox
$b mount -t proc proc /proc
$b mount -t sysfs sysfs /sys
$b mount -t devtmpfs devtmpfs /dev
$b mkdir -p /dev/pts /dev/shm /run/netns
$b mount -t tmpfs tmpfs /run
$b mount -t tmpfs tmpfs /tmp
$b mount -t cgroup2 cgroup2 /sys/fs/cgroup
$b mount -t tracefs tracefs /sys/kernel/tracing
# the kernel loads modules by itself where it needs them
$b ln -s busybox /guest/modprobe
echo /guest/modprobe >/proc/sys/kernel/modprobe
for module in virtio_pci virtio_net veth vxlan bridge br_netfilter nf_conntrack; do /guest/modprobe $module; done
ip link set lo up
ip link set eth0 up
ip addr add 10.0.2.15/24 dev eth0
echo "guest: ready after $(cut -d' ' -f1 /proc/uptime) s"
exec socat -t 600 TCP4-LISTEN:5000,fork,reuseaddr,nodelay EXEC:'/guest/serve'

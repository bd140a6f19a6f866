#!/bin/sh
# First process of one lab machine, already in its own network, mount, pid and UTS namespaces.
# usage: machine-init.sh KIND NAME DIRECTORY CACHE   (KIND: node or plain)
# All it mounts lives in its own mount namespace, so killing it leaves nothing to unmount.
set -eu
kind=$1 name=$2 directory=$3 cache=$4

mount --make-rprivate /
hostname "$name"
ip link set lo up

# One place holds both an own copy-on-write view of the machine's file system and the node's own /proc, /sys, /run and /tmp.
enter_own_root() {
  mount -t tmpfs -o mode=755 node-root "$directory/root"
  cd "$directory/root"
  mkdir upper work merged
  mount -t overlay -o lowerdir=/,upperdir=upper,workdir=work node-root merged
  cd merged
  mount -t proc proc proc
  mount -t sysfs sysfs sys
  mount --rbind /sys/fs/cgroup sys/fs/cgroup
  mount -t bpf bpf sys/fs/bpf
  mount -t tracefs tracefs sys/kernel/tracing 2>/dev/null || true
  mount --rbind /dev dev
  mount -t tmpfs -o mode=755 run run
  mount -t tmpfs -o mode=1777 tmp tmp
  mkdir -p "./$cache" var/lib/containerd var/lib/kubelet var/lib/cni etc/cni/net.d opt/cni/bin var/log/pods var/log/lab lib/modules run/lab
  mount --rbind "$cache" "./$cache"
  mount --bind "$directory/containerd" var/lib/containerd
  mount --bind "$directory/kubelet" var/lib/kubelet
  mount --bind "$directory/log" var/log/lab
  cp -a "$directory/services" run/lab/services
  cp -a "$directory/files/." .
  mkdir -p run/old-root
  pivot_root . run/old-root
  cd /
  umount -l /run/old-root
  rmdir /run/old-root
  mount --make-rshared /
  ln -sf /usr/lib/cni/* /opt/cni/bin/
  own_kernel_settings
}

# kubelet and Cilium write these, and the kernel has only one of each for the whole machine: give the node private stand-ins.
own_kernel_settings() {
  for setting in vm/overcommit_memory vm/panic_on_oom kernel/panic kernel/panic_on_oops kernel/keys/root_maxkeys kernel/keys/root_maxbytes \
    kernel/unprivileged_bpf_disabled kernel/timer_migration; do
    [ -e "/proc/sys/$setting" ] || continue
    mkdir -p "/run/lab/sysctl/${setting%/*}"
    cat "/proc/sys/$setting" >"/run/lab/sysctl/$setting"
    mount --bind "/run/lab/sysctl/$setting" "/proc/sys/$setting"
  done
}

# Restarts every service of the machine like an init system, so that a killed kubelet comes back.
keep_services() {
  for service in "$1"/*; do
    [ -e "$service" ] || continue
    (
      while :; do
        sh "$service" >>"$2/${service##*/}.log" 2>&1 || true
        sleep 0.3
      done
    ) &
  done
}

if [ "$kind" = node ]; then
  enter_own_root
  keep_services /run/lab/services /var/log/lab
else
  # Copies of other people's pinned namespaces would keep those alive after their end.
  findmnt --list --noheadings --types nsfs --output TARGET | xargs --no-run-if-empty umount
  mount -t proc proc /proc
  mount -t sysfs sysfs /sys
  mount -t tmpfs -o mode=755 run /run
  keep_services "$directory/services" "$directory/log"
fi
touch /run/machine-is-up
while :; do
  wait
  sleep 1
done

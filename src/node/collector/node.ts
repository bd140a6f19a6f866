import { sh } from './sh.ts';

/** What belongs to the node as a whole, and which network namespaces there are. */
export const node = sh`
uid_pattern='pod[0-9a-f]{8}([-_][0-9a-f]{4}){3}[-_][0-9a-f]{12}|pod[0-9a-f]{32}'

inode_of() {
  stat -L -c %i "$1" 2>/dev/null
}

# SCOPE
read_meta() {
  open_section meta image
  printf 'reach %s\nscope %s\nclock %s\nkernel %s\nhost %s\nown %s\n' "$ND_REACH" "$1" "$(date +%s)" "$(uname -r)" "$ND_HOST" "$ND_OWN"
  find_tool ip && printf 'ip %s\n' "$($tool -V 2>&1 | head -n 1)"
  find_tool iptables-nft-save && printf 'iptables %s\n' "$($tool -V 2>&1)"
  find_tool nft && printf 'nft %s\n' "$($tool -v 2>&1)"
  close_section 0 ''
}

# Every namespace that a process lives in (P) or a mount pins, in the node's own mounts or a container daemon's (N).
list_namespaces() {
  processes=$(stat -L -c '%i %n' /proc/[0-9]*/ns/net 2>/dev/null | sed -E 's|^([0-9]+) /proc/([0-9]+)/.*|P \1 \2|')
  daemons=$(grep -sHE '^(kubelet|kube-proxy|flanneld|containerd|dockerd|crio|ovs-vswitchd|ovsdb-server|ovn-controller|ovnkube|kube-ovn-daemon|kube-ovn-cmd|calico-node|bird|bird6|cilium-agent|kube-router|kube-network-po|antrea-agent|kindnetd|weaver|coredns|node-cache|firewalld|NetworkManager|k3s|k3s-server|rke2|k0s|keepalived)$' /proc/[0-9]*/comm)
  pinners=$(printf '%s\n' "$daemons" | sed -nE 's,^(/proc/[0-9]+)/comm:(containerd|dockerd|crio|kubelet|k3s.*)$,\1/mountinfo,p')
  # shellcheck disable=SC2086
  pins=$(grep -sHF ' - nsfs ' /proc/1/mountinfo $pinners | sed -nE 's|^/proc/([0-9]+)/mountinfo:[0-9]+ [0-9]+ [0-9:]+ net:\[([0-9]+)\] ([^ ]+) .*|N \2 \1 \3|p')
}

# Which pod each process outside the host's namespace belongs to, by its cgroup's name, or by the /etc/hosts that the kubelet mounted over its own.
claim_namespaces() {
  strangers=$(printf '%s\n' "$processes" | awk -v host="$ND_HOST" '$2 != host { print $3 }')
  claims=$(printf '%s\n' "$strangers" | sed -n 's|^\(..*\)$|/proc/\1/cgroup|p' | xargs grep -m 1 -soHE "$uid_pattern" /dev/null |
    sed -nE 's|^/proc/([0-9]+)/cgroup:pod(.*)$|C \1 \2|p')
  unclaimed=$(printf '%s\n%s\n' "$claims" "$processes" | awk -v host="$ND_HOST" '
    $1 == "C" { claimed[$2] = 1 }
    $1 == "P" && $2 != host { if ($3 in claimed) done[$2] = 1; pids[$2] = pids[$2] " " $3 }
    END { for (inode in pids) if (!(inode in done)) print pids[inode] }')
  # shellcheck disable=SC2086
  mounted=$(printf '/proc/%s/mountinfo\n' $unclaimed | xargs grep -m 1 -soHE 'pods/[-0-9a-f]+/etc-hosts /etc/hosts' /dev/null |
    sed -nE 's|^/proc/([0-9]+)/mountinfo:pods/([^/]*)/.*$|C \1 \2|p')
  claims=$(printf '%s\n%s\n' "$claims" "$mounted")
}

# Pods whose namespace no process of theirs lives in (a VM's shim): containerd's and CRI-O's records name namespace file and pod. They may write
# /var/run where the mount is at /run.
read_sandboxes() {
  orphans=$(printf '%s\n%s\n%s\n' "$claims" "$processes" "$pins" | awk '
    $1 == "C" { claimed[$2] = 1 }
    $1 == "P" && ($3 in claimed) { done[$2] = 1 }
    $1 == "N" && !($2 in done) { sub(/^\/var/, "", $4); print $4 "\"" }')
  sandboxes=
  [ -n "$orphans" ] || return
  # shellcheck disable=SC2062
  files=$(printf '%s\n' "$orphans" | grep -s -l -F -f - "$node_root"/run/containerd/io.containerd.runtime.v2.task/k8s.io/*/config.json \
    "$node_root"/run/k3s/containerd/io.containerd.runtime.v2.task/k8s.io/*/config.json \
    "$node_root"/run/containers/storage/overlay-containers/*/userdata/config.json)
  [ -n "$files" ] || return
  found=$(printf '%s\n' "$files" | xargs grep -sHoE '"(io.kubernetes.cri.sandbox-uid|io.kubernetes.pod.uid)" *: *"[-0-9a-f]+"|"path" *: *"[^"]*netns/[^"]*"' /dev/null)
  sandboxes=$(printf '%s\n%s\n' "$pins" "$found" | awk -F '"' '
    /^N / { split($0, word, " "); sub(/^\/var/, "", word[4]); inode[word[4]] = word[2]; next }
    $2 == "path" { sub(/^\/var/, "", $4); path[$1] = $4; next }
    { uid[$1] = $4 }
    END { for (file in uid) if (path[file] in inode) print "S", inode[path[file]], uid[file] }')
}

list_addresses() {
  first=$(printf '%s\n' "$processes" | awk '!($2 in seen) { seen[$2] = 1; print "/proc/" $3 "/net/fib_trie"; print "/proc/" $3 "/net/if_inet6" }')
  nobody=$(printf '%s\n%s\n' "$processes" "$pins" | awk '$1 == "P" { live[$2] = 1 } $1 == "N" && !($2 in live) && !($2 in seen) { seen[$2] = 1; print $2, "/proc/" $3 "/root" $4 }')
  wanted_lines='\|-- |/32 host LOCAL|^[0-9a-f]{32} '
  addresses=$({
    printf '%s\n' "$processes"
    printf '%s\n' "$first" | xargs grep -sHE "$wanted_lines" /dev/null
    printf '%s\n' "$nobody" | while read -r inode file; do
      [ -n "$file" ] || continue
      printf '@ %s\n' "$inode"
      nsenter "--net=$file" grep -sHE "$wanted_lines" /proc/net/fib_trie /proc/net/if_inet6
    done
  } | awk "$ND_ADDRESSES" | sort -u)
}

# Gives each namespace its inode as an iproute2 name, in a mount namespace of our own, so that "ip netns list-id" tells which is which.
name_namespaces() {
  [ "$ND_PRIVATE" = yes ] || return
  # the node's own ip would write into the node's own /run/netns
  find_tool ip && [ "$by" = image ] && [ -n "$ND_DETAIL" ] || return
  # iproute2 looks in /var/run/netns or, of late, in /run/netns
  mount -t tmpfs netdoctor /run 2>/dev/null && mkdir /run/netns && mount --bind /run /var/run 2>/dev/null || return
  printf '%s\n' "$processes" | awk '!($2 in seen) { seen[$2] = 1; print "netns attach " $2 " " $3 }' | $tool -force -batch - 2>/dev/null
  printf '%s\n' "$pins" | while read -r _ inode pid path; do
    [ -z "$inode" ] || [ -e "/run/netns/$inode" ] || ln -s "/proc/$pid/root$path" "/run/netns/$inode"
  done
}

# SCOPE WANTED...
read_namespaces() {
  scope=$1
  shift
  asked=attach
  [ "$scope" = full ] && asked=full
  ND_NETNS=$ND_HOST
  enter "$asked" /proc/1/ns/net
  printf 'H %s\n%s\n%s\n%s\n%s\n%s\n%s\n' "$ND_HOST" "$processes" "$pins" "$claims" "$sandboxes" "$addresses" "$(printf 'W %s\n' "$@")" | sed 's/^W \([a-z]*\):/W \1 /' |
    awk "$ND_PLAN" | while read -r depth inode file; do
      ND_NETNS=$inode
      if [ "$depth" = asked ]; then
        enter "$asked" "$file"
      else
        read_links "$file" 2>/dev/null </dev/null
      fi
    done
  ND_NETNS=
}

# DEPTH FILE: this very script again, inside
enter() {
  export ND_NETNS
  if [ "$ND_NETNS" = "$ND_OWN" ]; then
    sh -c "$ND_SCRIPT" netdoctor netns "$1" "$ND_NETNS" </dev/null
    return
  fi
  nsenter "--net=$2" sh -c "$ND_SCRIPT" netdoctor netns "$1" "$ND_NETNS" </dev/null || skip_section namespace failed "cannot enter $2"
}

# The short way for the many: one process per namespace. ("ip -n" would copy all mounts each time: netns_switch, iproute2's lib/namespace.c.)
read_links() {
  find_tool ip || return
  open_section links "$by"
  # shellcheck disable=SC2086
  nsenter "--net=$1" $tool $ND_DETAIL $ND_JSON addr show
  status=$?
  why=
  [ "$status" = 0 ] || why=$(nsenter "--net=$1" true 2>&1)
  close_section "$status" "$why"
}

read_node() {
  list_namespaces
  read_meta "$1"
  claim_namespaces
  read_sandboxes
  list_addresses
  put_section "$processes" processes
  put_section "$pins" pins
  put_section "$(printf '%s\n%s\n' "$claims" "$sandboxes")" claims
  put_section "$addresses" addresses
  put_section "$daemons" daemons
  name_namespaces
  read_namespaces "$@"
  read_ovs
  [ "$1" = full ] || return
  read_files
  read_health
  read_ovs_ports
  read_ovn_flows
  read_ovn_acls
  read_cilium
}
`;

import { sh } from './sh.ts';

/**
 * What is read inside one network namespace. `links`: interfaces and addresses. `attach`: with routes, neighbours and FDB, all that says
 * where a pod hangs. `full`: everything that decides about packets. Nothing here loads a kernel module or writes anything.
 */
export const netns = sh`
# DEPTH
read_netns() {
  # shellcheck disable=SC2086
  section links ip $ND_DETAIL $ND_JSON addr show
  [ "$1" = links ] && return
  read_ethtool
  read_inet "$1" 4
  read_inet "$1" 6
  # shellcheck disable=SC2086
  section fdb bridge $ND_JSON -d fdb show
  if [ -n "$ND_DETAIL" ]; then section nsids ip netns list-id; else skip_section nsids absent; fi
  [ "$1" = attach ] && return
  # shellcheck disable=SC2086
  section vlans bridge $ND_JSON vlan show
  read_netfilter
  if [ -r /proc/net/ip_vs ]; then quick_section ipvs cat /proc/net/ip_vs; else skip_section ipvs absent; fi
  read_queues
  read_recent
  read_wireguard
  read_tc
  read_xdp
  quick_section conntrack grep -sH . /proc/sys/net/netfilter/nf_conntrack_count /proc/sys/net/netfilter/nf_conntrack_max /proc/net/stat/nf_conntrack
  quick_section counters grep -sh . /proc/net/snmp /proc/net/netstat /proc/net/snmp6
  read_sysctls
  read_sockets
}

# DEPTH FAMILY: in JSON one ip answers all, and each record tells what it is; text says so only by who was asked.
read_inet() {
  if [ "$2" = 6 ] && [ ! -e /proc/net/if_inet6 ]; then
    skip_section inet-6 absent
  elif [ -z "$ND_JSON" ]; then
    # shellcheck disable=SC2086
    section "routes-$2" ip "-$2" \${ND_DETAIL:+-d} route show table all
    section "neighbours-$2" ip "-$2" neigh show
    [ "$1" = attach ] && return
    section "rules-$2" ip "-$2" rule show
    # busybox's ip would list the neighbours again
    [ -n "$ND_DETAIL" ] && section "proxies-$2" ip "-$2" neigh show proxy
  elif [ "$1" = attach ]; then
    printf 'route show table all\nneigh show\n' | section "inet-$2" ip "-$2" -d -j -force -batch -
  else
    printf 'route show table all\nneigh show\nneigh show proxy\nrule show\n' | section "inet-$2" ip "-$2" -d -j -force -batch -
  fi
}

# peer_ifindex of each veth, the driver's own word (drivers/net/veth.c); only where there are few, for it is one process each
read_ethtool() {
  find_tool ethtool || { skip_section ethtool missing 'no ethtool in the image or on the node'; return; }
  [ "$ND_NETNS" = "$ND_HOST" ] && return
  open_section ethtool "$by"
  for path in /proc/sys/net/ipv4/conf/*; do
    device=\${path##*/}
    case $device in all | default | lo) continue ;; esac
    # shellcheck disable=SC2086
    guarded $tool -S "$device" 2>/dev/null | sed -n "s/^ *peer_ifindex: */$device /p"
  done
  close_section 0 ''
}

# What XDP programs have dropped, by the counters of those drivers that have some: \`DEVICE COUNTER VALUE\`
read_xdp() {
  find_tool ip || return
  # shellcheck disable=SC2086
  devices=$(guarded $tool -o link show 2>/dev/null | sed -n 's/^[0-9]*: \([^@: ]*\)[@:].* mtu [0-9]* xdp.*/\1/p')
  [ -n "$devices" ] || { skip_section xdp absent; return; }
  find_tool ethtool || { skip_section xdp missing 'no ethtool in the image or on the node'; return; }
  open_section xdp "$by"
  for device in $devices; do
    # shellcheck disable=SC2086
    guarded $tool -S "$device" 2>/dev/null | while read -r counter value; do
      case $counter in *xdp*drop*:) printf '%s %s %s\n' "$device" "\${counter%:}" "$value" ;; esac
    done
  done
  close_section 0 ''
}

# What is not there is said, too: whoever reads a collection that ended early can tell it from what was never read.
# iptables-legacy-save would load ip_tables, so the kernel's own list of tables is asked first (root may read it only); iptables-nft-save is
# asked only where nft says that there is a table of its. Sets matter only to rules.
read_netfilter() {
  tables=unknown
  if ! has_module nf_tables nft_do_chain; then
    tables=
    skip_section nft-tables absent
  elif find_tool nft; then
    # shellcheck disable=SC2086
    if tables=$(guarded $tool list tables 2>&1); then put_section "$tables" nft-tables; else
      skip_section nft failed "$tables"
      tables=unknown
    fi
  else
    skip_section nft missing 'no nft in the image or on the node'
  fi
  rules=
  read_iptables ip 4
  read_iptables ip6 6
  [ "$tables" = unknown ] || read_nft
  if [ -n "$rules$tables" ] && has_module ip_set ip_set_test; then section ipset ipset save; else skip_section ipset absent; fi
}

# ip|ip6 FAMILY
read_iptables() {
  legacy=
  [ -r "/proc/net/$1""_tables_names" ] && read -r legacy <"/proc/net/$1""_tables_names"
  if [ -n "$legacy" ]; then
    rules=yes
    section "iptables-legacy-$2" "$1""tables-legacy-save" -c
  else
    skip_section "iptables-legacy-$2" absent
  fi
  case $tables in
    unknown | *"table $1 filter"* | *"table $1 nat"* | *"table $1 mangle"* | *"table $1 raw"* | *"table $1 security"*) ;;
    *) return ;;
  esac
  rules=yes
  if find_tool "$1""tables-nft-save"; then
    run_section "iptables-nft-$2" -c
    # what an older program cannot read, the node's own may
    case $report in *ncompatible*) [ "$by" = image ] && read_iptables_of_node "$1""tables-nft-save" "$2" ;; esac
  else
    skip_section "iptables-nft-$2" missing "no $1""tables-nft-save in the image or on the node"
  fi
}

# PROGRAM FAMILY
read_iptables_of_node() {
  [ -h "$node_root/usr/sbin/$1" ] || [ -x "$node_root/usr/sbin/$1" ] || return
  tool="chroot $node_root /usr/sbin/$1"
  by=node
  run_section "iptables-nft-$2" -c
}

# Table by table: those that iptables-nft owns are read through it, in a tenth of the size.
read_nft() {
  find_tool nft || return
  printf '%s\n' "$tables" | while read -r _ family table; do
    case $family:$table in
      ip:filter | ip:nat | ip:mangle | ip:raw | ip:security | ip6:filter | ip6:nat | ip6:mangle | ip6:raw | ip6:security)
        if nft_table_is_of_iptables "$family" "$table"; then continue; fi
        ;;
      :*) continue ;;
    esac
    run_section nft -j list table "$family" "$table" </dev/null
  done
  # the JSON of nft 1.0 does not say on which devices a chain is
  for family in netdev inet; do
    case $tables in *"table $family "*) run_section nft-chains list chains "$family" </dev/null ;; esac
  done
}

# iptables-nft names its base chains in capitals, the kubelet its hint; a table of the same name that someone made with nft has neither.
nft_table_is_of_iptables() {
  for chain in OUTPUT KUBE-IPTABLES-HINT PREROUTING FORWARD INPUT POSTROUTING; do
    # shellcheck disable=SC2086
    guarded $tool -t list chain "$1" "$2" "$chain" >/dev/null 2>&1 </dev/null && return 0
  done
  return 1
}

# Filters are asked for only of devices with an ingress or clsact qdisc, all in one tc; that answers without naming the device, so the list
# travels too and each answer begins with the device's qdiscs.
read_tc() {
  find_tool tc || { skip_section tc-qdisc missing 'no tc in the image or on the node'; return; }
  # shellcheck disable=SC2086
  qdiscs=$(guarded $tool -s qdisc show 2>&1) || { skip_section tc-qdisc failed "$qdiscs"; return; }
  put_section "$qdiscs" tc-qdisc
  devices=
  case $qdiscs in
    *'qdisc ingress '* | *'qdisc clsact '*) devices=$(printf '%s\n' "$qdiscs" | sed -nE 's/^qdisc (ingress|clsact) .* dev ([^ ]*) .*/\1 \2/p') ;;
  esac
  [ -n "$devices" ] || return
  put_section "$devices" tc-devices
  for side in ingress egress; do
    printf '%s\n' "$devices" | while read -r kind device; do
      [ "$kind $side" = 'ingress egress' ] || printf 'qdisc show dev %s\nfilter show dev %s %s\n' "$device" "$device" "$side"
    done | run_section "tc-$side" -s -force -batch -
  done
}

# Which queues of packets a program reads; the file is there where nfnetlink_queue is, and without that nobody can
read_queues() {
  if [ -e /proc/net/netfilter/nfnetlink_queue ]; then
    quick_section nfqueue cat /proc/net/netfilter/nfnetlink_queue
  else
    skip_section nfqueue absent
  fi
}

# Which clients a Service with session affinity remembers
read_recent() {
  for file in /proc/net/xt_recent/*; do
    [ -e "$file" ] || return
    break
  done
  quick_section recent grep -sH . /proc/net/xt_recent/*
}

# Peers and their addresses; neither private nor preshared keys, which "wg show all dump" would tell
read_wireguard() {
  has_module wireguard wg_xmit && find_tool ip || return
  # shellcheck disable=SC2086
  [ -n "$(guarded $tool link show type wireguard 2>/dev/null)" ] || return
  find_tool wg || { skip_section wireguard missing 'no wg in the image or on the node'; return; }
  open_section wireguard "$by"
  for what in public-key listen-port fwmark endpoints allowed-ips latest-handshakes; do
    printf '@ %s\n' "$what"
    # shellcheck disable=SC2086
    guarded $tool show all "$what" 2>/dev/null
  done
  close_section 0 ''
}

read_sysctls() {
  quick_section sysctls grep -rsH . /proc/sys/net/ipv4/ip_forward /proc/sys/net/ipv4/ip_nonlocal_bind /proc/sys/net/ipv4/ip_local_port_range \
    /proc/sys/net/ipv4/icmp_echo_ignore_all /proc/sys/net/ipv4/fib_multipath_hash_policy /proc/sys/net/ipv4/fwmark_reflect \
    /proc/sys/net/ipv4/ip_default_ttl /proc/sys/net/ipv4/ip_forward_use_pmtu /proc/sys/net/ipv4/ip_no_pmtu_disc \
    /proc/sys/net/ipv4/fib_multipath_use_neigh /proc/sys/net/ipv6/fib_multipath_hash_policy /proc/sys/net/ipv6/icmp/echo_ignore_all \
    /proc/sys/net/ipv4/tcp_mtu_probing /proc/sys/net/ipv4/tcp_tw_recycle /proc/sys/net/ipv4/tcp_timestamps \
    /proc/sys/net/ipv4/neigh/default/gc_thresh1 /proc/sys/net/ipv4/neigh/default/gc_thresh2 /proc/sys/net/ipv4/neigh/default/gc_thresh3 \
    /proc/sys/net/ipv6/neigh/default/gc_thresh3 /proc/sys/net/ipv6/bindv6only /proc/sys/net/ipv6/route/max_size \
    /proc/sys/net/bridge /proc/sys/net/ipv4/vs /proc/sys/net/netfilter/nf_conntrack_max /proc/sys/net/netfilter/nf_conntrack_buckets \
    /proc/sys/net/netfilter/nf_conntrack_tcp_be_liberal /proc/sys/net/netfilter/nf_conntrack_tcp_loose \
    /proc/sys/net/netfilter/nf_conntrack_checksum /proc/sys/net/unix/max_dgram_qlen /proc/sys/net/core/rmem_max \
    /proc/sys/net/ipv4/conf/*/rp_filter /proc/sys/net/ipv4/conf/*/forwarding /proc/sys/net/ipv4/conf/*/proxy_arp \
    /proc/sys/net/ipv4/conf/*/accept_local /proc/sys/net/ipv4/conf/*/route_localnet /proc/sys/net/ipv4/conf/*/arp_ignore \
    /proc/sys/net/ipv4/conf/*/arp_announce /proc/sys/net/ipv4/conf/*/arp_filter /proc/sys/net/ipv4/conf/*/src_valid_mark \
    /proc/sys/net/ipv4/conf/*/disable_policy /proc/sys/net/ipv4/conf/*/ignore_routes_with_linkdown \
    /proc/sys/net/ipv4/conf/*/proxy_arp_pvlan /proc/sys/net/ipv4/conf/*/bc_forwarding /proc/sys/net/ipv6/conf/*/forwarding /proc/sys/net/ipv6/conf/*/disable_ipv6 \
    /proc/sys/net/ipv6/conf/*/proxy_ndp /proc/sys/net/ipv6/conf/*/accept_ra /proc/sys/net/ipv6/conf/*/force_forwarding /proc/sys/net/ipv6/conf/*/ignore_routes_with_linkdown \
    /proc/sys/net/ipv6/conf/all/hop_limit
}

# ss where the kernel can answer it without loading a module, else /proc/net, which cannot tell a dual socket or its process
read_sockets() {
  if has_module tcp_diag tcp_diag_dump && has_module udp_diag udp_diag_dump && find_tool ss; then
    # whose they are takes a walk through every process's descriptors: once, for the host, or where there are few processes
    if [ "$ND_NETNS" = "$ND_HOST" ] || [ "$ND_REACH" = pod ]; then run_section sockets -ltunp; else run_section sockets -ltun; fi
  else
    quick_section sockets-proc grep -sHE '^ *[0-9]+: [0-9A-F]+:[0-9A-F]{4} [0-9A-F]+:[0-9A-F]{4} (0A|07) ' /proc/net/tcp /proc/net/tcp6 /proc/net/udp /proc/net/udp6
  fi
  [ -r /proc/net/sctp/eps ] && quick_section sockets-sctp cat /proc/net/sctp/eps
}
`;

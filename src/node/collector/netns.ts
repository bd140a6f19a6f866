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
  for family in 4 6; do
    # shellcheck disable=SC2086
    section "routes-$family" ip "-$family" \${ND_DETAIL:+-d} $ND_JSON route show table all
    # shellcheck disable=SC2086
    section "neighbours-$family" ip "-$family" $ND_JSON neigh show
  done
  # shellcheck disable=SC2086
  section fdb bridge $ND_JSON -d fdb show
  [ -n "$ND_DETAIL" ] && section nsids ip netns list-id
  [ "$1" = attach ] && return
  for family in 4 6; do
    # shellcheck disable=SC2086
    section "rules-$family" ip "-$family" $ND_JSON rule show
    # busybox's ip would list the neighbours again
    # shellcheck disable=SC2086
    [ -n "$ND_DETAIL" ] && section "proxies-$family" ip "-$family" $ND_JSON neigh show proxy
  done
  # shellcheck disable=SC2086
  section vlans bridge $ND_JSON vlan show
  read_iptables
  read_nft
  if has_module ip_set ip_set_test; then section ipset ipset save; else skip_section ipset absent; fi
  if [ -r /proc/net/ip_vs ]; then section ipvs cat /proc/net/ip_vs; else skip_section ipvs absent; fi
  read_tc
  section conntrack grep -sH . /proc/sys/net/netfilter/nf_conntrack_count /proc/sys/net/netfilter/nf_conntrack_max /proc/net/stat/nf_conntrack
  read_sysctls
  read_sockets
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

# iptables-legacy-save would load ip_tables, so the kernel's own list of tables is asked first (root may read it only).
read_iptables() {
  for family in 4 6; do
    if [ "$family" = 4 ]; then word=ip; else word=ip6; fi
    tables=
    names=/proc/net/$word""_tables_names
    [ -r "$names" ] && read -r tables <"$names"
    if [ -n "$tables" ]; then
      section "iptables-legacy-$family" "$word""tables-legacy-save" -c
    else
      skip_section "iptables-legacy-$family" absent
    fi
    if ! has_module nf_tables nft_do_chain; then
      skip_section "iptables-nft-$family" absent
    elif find_tool "$word""tables-nft-save"; then
      run_section "iptables-nft-$family" -c
      # what an older program cannot read, the node's own may
      case $report in *ncompatible*) [ "$by" = image ] && read_iptables_of_node "$word""tables-nft-save" ;; esac
    else
      skip_section "iptables-nft-$family" missing "no $word""tables-nft-save in the image or on the node"
    fi
  done
}

read_iptables_of_node() {
  [ -h "$node_root/usr/sbin/$1" ] || [ -x "$node_root/usr/sbin/$1" ] || return
  tool="chroot $node_root /usr/sbin/$1"
  by=node
  run_section "iptables-nft-$family" -c
}

# Table by table: those that iptables-nft owns are read through it, in a tenth of the size.
read_nft() {
  has_module nf_tables nft_do_chain || { skip_section nft absent; return; }
  find_tool nft || { skip_section nft missing 'no nft in the image or on the node'; return; }
  # shellcheck disable=SC2086
  tables=$(guarded $tool list tables 2>&1) || { skip_section nft failed "$tables"; return; }
  printf '%s\n' "$tables" | while read -r _ family table; do
    case $family:$table in
      ip:filter | ip:nat | ip:mangle | ip:raw | ip:security | ip6:filter | ip6:nat | ip6:mangle | ip6:raw | ip6:security) ND_OWNER=iptables ;;
      :*) continue ;;
      *) ND_OWNER= ;;
    esac
    if [ -n "$ND_OWNER" ] && nft_table_is_of_iptables "$family" "$table"; then continue; fi
    run_section nft -j list table "$family" "$table" </dev/null
  done
}

# iptables-nft names its base chains in capitals; a table of the same name that someone made with nft does not.
nft_table_is_of_iptables() {
  for chain in FORWARD OUTPUT PREROUTING POSTROUTING INPUT; do
    # shellcheck disable=SC2086
    guarded $tool -t list chain "$1" "$2" "$chain" >/dev/null 2>&1 </dev/null && return 0
  done
  return 1
}

# Filters are asked for only of devices with an ingress or clsact qdisc, all in one tc; that answers without naming the device, so the list
# travels too and each answer begins with the device's qdiscs.
read_tc() {
  section tc-qdisc tc -s qdisc show
  find_tool tc || return
  # shellcheck disable=SC2086
  devices=$(guarded $tool qdisc show 2>/dev/null | sed -nE 's/^qdisc (ingress|clsact) .* dev ([^ ]*) .*/\1 \2/p')
  [ -n "$devices" ] || return
  put_section "$devices" tc-devices
  for side in ingress egress; do
    printf '%s\n' "$devices" | while read -r kind device; do
      [ "$kind $side" = 'ingress egress' ] || printf 'qdisc show dev %s\nfilter show dev %s %s\n' "$device" "$device" "$side"
    done | run_section "tc-$side" -s -force -batch -
  done
}

read_sysctls() {
  section sysctls grep -rsH . /proc/sys/net/ipv4/ip_forward /proc/sys/net/ipv4/ip_nonlocal_bind /proc/sys/net/ipv4/ip_local_port_range \
    /proc/sys/net/ipv4/icmp_echo_ignore_all /proc/sys/net/ipv4/fib_multipath_hash_policy /proc/sys/net/ipv4/fwmark_reflect \
    /proc/sys/net/ipv4/tcp_mtu_probing /proc/sys/net/ipv4/tcp_tw_recycle /proc/sys/net/ipv4/tcp_timestamps \
    /proc/sys/net/ipv4/neigh/default/gc_thresh1 /proc/sys/net/ipv4/neigh/default/gc_thresh2 /proc/sys/net/ipv4/neigh/default/gc_thresh3 \
    /proc/sys/net/ipv6/neigh/default/gc_thresh3 /proc/sys/net/ipv6/bindv6only /proc/sys/net/ipv6/route/max_size \
    /proc/sys/net/bridge /proc/sys/net/ipv4/vs /proc/sys/net/netfilter/nf_conntrack_max /proc/sys/net/netfilter/nf_conntrack_buckets \
    /proc/sys/net/netfilter/nf_conntrack_tcp_be_liberal /proc/sys/net/netfilter/nf_conntrack_tcp_loose \
    /proc/sys/net/netfilter/nf_conntrack_checksum /proc/sys/net/unix/max_dgram_qlen /proc/sys/net/core/rmem_max \
    /proc/sys/net/ipv4/conf/*/rp_filter /proc/sys/net/ipv4/conf/*/forwarding /proc/sys/net/ipv4/conf/*/proxy_arp \
    /proc/sys/net/ipv4/conf/*/accept_local /proc/sys/net/ipv4/conf/*/route_localnet /proc/sys/net/ipv4/conf/*/arp_ignore \
    /proc/sys/net/ipv4/conf/*/arp_announce /proc/sys/net/ipv4/conf/*/arp_filter /proc/sys/net/ipv4/conf/*/src_valid_mark \
    /proc/sys/net/ipv4/conf/*/disable_policy /proc/sys/net/ipv6/conf/*/forwarding /proc/sys/net/ipv6/conf/*/disable_ipv6 \
    /proc/sys/net/ipv6/conf/*/proxy_ndp /proc/sys/net/ipv6/conf/*/accept_ra
}

# ss where the kernel can answer it without loading a module, else /proc/net, which cannot tell a dual socket or its process
read_sockets() {
  if has_module tcp_diag tcp_diag_dump && has_module udp_diag udp_diag_dump && find_tool ss; then
    run_section sockets -Hltunp
  else
    section sockets-proc grep -sHE '^ *[0-9]+: [0-9A-F]+:[0-9A-F]{4} [0-9A-F]+:[0-9A-F]{4} (0A|07) ' /proc/net/tcp /proc/net/tcp6 /proc/net/udp /proc/net/udp6
  fi
  [ -r /proc/net/sctp/eps ] && section sockets-sctp cat /proc/net/sctp/eps
}
`;

import { sh } from './sh.ts';

/** What else of the node is evidence: CNI files, health endpoints, OVSDB, counters of switch ports. */
export const nodeState = sh`
# CNI configuration and state. Values whose names sound like a secret never leave the node; files that hold credentials are not opened.
read_files() {
  if [ ! -d "$node_root/etc" ]; then
    skip_section files missing "the node's file system cannot be seen through $node_root"
    return
  fi
  for file in "$node_root"/etc/cni/net.d/*.conf "$node_root"/etc/cni/net.d/*.conflist "$node_root"/etc/cni/net.d/*.json \
    "$node_root"/var/lib/rancher/k3s/agent/etc/cni/net.d/*.conf* "$node_root"/var/snap/microk8s/current/args/cni-network/*.conf* \
    "$node_root"/run/flannel/subnet.env "$node_root"/var/lib/calico/nodename "$node_root"/etc/docker/daemon.json; do
    [ -f "$file" ] || continue
    open_section file image
    printf '%s\n' "\${file#"$node_root"}"
    head -c 262144 "$file" | redact
    close_section 0 ''
  done
  section ipam grep -rsH . "$node_root/var/lib/cni/networks"
}

redact() {
  sed -E 's/("[^"]*([Tt][Oo][Kk][Ee][Nn]|[Pp][Aa][Ss][Ss][Ww]|[Ss][Ee][Cc][Rr][Ee][Tt]|[Cc][Rr][Ee][Dd][Ee][Nn]|[Kk][Ee][Yy]|-data)[^"]*"[[:space:]]*:[[:space:]]*)"([^"\\]|\\.)*"/\1"REDACTED"/g'
}

# NAME PORT PATH: HTTP status of a loopback health endpoint, 0 when nothing listens, nothing when it cannot be asked; then what kube-proxy says of its last update
ask_health() {
  hex=$(printf '%04X' "$2")
  listener=$(grep -hE "^ *[0-9]+: [0-9A-F]+:$hex [0-9A-F]+:0000 0A " /proc/net/tcp /proc/net/tcp6 2>/dev/null | head -n 1)
  if [ -z "$listener" ]; then
    printf '%s %s/%s 0\n' "$1" "$2" "$3"
    return
  fi
  address=127.0.0.1
  case $listener in
    *" 00000000:$hex "* | *" 0100007F:$hex "* | *" 00000000000000000000000000000000:$hex "*) ;;
    *" "????????":$hex 00000000:"*)
      little=$(printf '%s\n' "$listener" | sed -E 's/^ *[0-9]+: (..)(..)(..)(..):.*/0x\4 0x\3 0x\2 0x\1/')
      # shellcheck disable=SC2086
      address=$(printf '%d.%d.%d.%d' $little)
      ;;
    *) address='[::1]' ;;
  esac
  answer=
  if find_tool curl; then
    answer=$($tool -s -w '\n%{http_code}' --noproxy '*' --max-time 2 "http://$address:$2/$3" 2>/dev/null)
    status=$(printf '%s\n' "$answer" | tail -n 1)
  elif find_tool socat; then
    # shellcheck disable=SC2086
    answer=$(printf 'GET /%s HTTP/1.0\r\nHost: localhost\r\n\r\n' "$3" | guarded $tool -T 2 - "TCP:$address:$2" 2>/dev/null)
    status=$(printf '%s\n' "$answer" | sed -nE '1s|^HTTP/[0-9.]+ ([0-9]+).*|\1|p')
  elif find_tool bash; then
    # $1 to $3 are bash's
    # shellcheck disable=SC2016,SC2086
    status=$(guarded $tool -c 'exec 3<>"/dev/tcp/$1/$2" && printf "GET /%s HTTP/1.0\r\nHost: localhost\r\n\r\n" "$3" >&3 && read -r _ status _ <&3 && printf %s "$status"' bash "$address" "$2" "$3" 2>/dev/null)
  elif find_tool wget; then
    status=$($tool -S -q -T 2 -O /dev/null "http://$address:$2/$3" 2>&1 | sed -nE 's|^ *HTTP/[0-9.]+ ([0-9]+).*|\1|p' | tail -n 1)
  else
    return
  fi
  # it listens and does not speak: 599 is nobody's answer
  case $status in '' | 000) status=599 ;; esac
  printf '%s %s/%s %s%s\n' "$1" "$2" "$3" "$status" "$(printf '%s\n' "$answer" | sed -n 's/^{"lastUpdated".*/ &/p' | head -n 1 | cut -c 1-600)"
}

read_health() {
  open_section health image
  ask_health kube-proxy 10256 healthz
  ask_health kubelet 10248 healthz
  case $daemons in *:calico-node*) ask_health felix 9099 liveness ;; esac
  case $daemons in *:cilium-agent*) ask_health cilium-agent 9879 healthz ;; esac
  case $daemons in *:kube-router*) ask_health kube-router 20244 healthz ;; esac
  close_section 0 ''
}

# OVSDB through the node's socket, else with the program of the very container that runs it.
read_ovs() {
  vswitchd=$(printf '%s\n' "$daemons" | sed -nE 's,^/proc/([0-9]+)/comm:ovs-vswitchd$,\1,p' | head -n 1)
  socket=
  for candidate in "$node_root/run/openvswitch/db.sock" "$node_root/var/run/openvswitch/db.sock"; do
    [ -S "$candidate" ] && socket=$candidate
  done
  if [ -z "$socket" ] && [ -z "$vswitchd" ]; then
    skip_section ovs absent
    return
  fi
  if [ -n "$socket" ] && find_tool ovs-vsctl; then
    [ "$by" = node ] && socket=\${socket#"$node_root"}
    set -- "--db=unix:$socket"
  elif [ -n "$vswitchd" ] && [ -x "/proc/$vswitchd/root/usr/bin/ovs-vsctl" ]; then
    by=node
    tool="chroot /proc/$vswitchd/root /usr/bin/ovs-vsctl"
    set --
  else
    skip_section ovs missing 'no ovs-vsctl in the image, on the node or beside ovs-vswitchd'
    return
  fi
  run_section ovs "$@" -t 5 --no-wait --format=json -- --columns=_uuid,name,ports,datapath_type list Bridge \
    -- --columns=_uuid,name,interfaces,tag list Port -- --columns=_uuid,name,type,ofport,ifindex,external_ids,options,error list Interface
}

# What every port of every switch has counted by now (OVSDB's own figures are up to 5 s old). "@ NAME" stands before what a switch says. Switches
# are known by the sockets that ovs-vswitchd listens on for each: one that it left behind is none.
read_ovs_ports() {
  beside ovs-vswitchd ovs-ofctl || { skip_section ovs-ports absent; return; }
  open_section ovs-ports "$by"
  report=$({ sed -nE 's,^[^ ]+ [0-9A-F]+ [0-9A-F]+ 00010000 .* (/.*\.mgmt)$,\1,p' "/proc/$pid/net/unix" | sort | {
    failed=0
    while read -r path; do
      bridge=\${path##*/}
      printf '@ %s\n' "\${bridge%.mgmt}"
      # shellcheck disable=SC2086
      guarded $tool -t 4 -O "$openflow" dump-ports "unix:$path" 2>&3 </dev/null || failed=$?
      # ended by its own alarm, or by ours: whoever hangs is not asked again
      [ "$failed" -lt 124 ] || { failed=124; break; }
    done
    printf '\nrc=%s' "$failed" >&3
  } | head -c "$ND_LIMIT" >&4; } 3>&1)
  close_section "\${report##*rc=}" "\${report%rc=*}"
}
`;

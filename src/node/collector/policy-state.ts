import { sh } from './sh.ts';

/** What of network policies lies beside netfilter: OVN's rules with the flows made of them, and Cilium's maps. */
export const policyState = sh`
# A switch may speak only some of these (column protocols of table Bridge), and ovs-ofctl offers only the first where it is not told.
openflow=OpenFlow10,OpenFlow11,OpenFlow12,OpenFlow13,OpenFlow14,OpenFlow15

# PROCESS PROGRAM: sets $tool and $by to the program of the container that this process runs in
beside() {
  pid=$(printf '%s\n' "$daemons" | sed -nE "s,^/proc/([0-9]+)/comm:$1\$,\1,p" | head -n 1)
  [ -n "$pid" ] || return 1
  for dir in /usr/bin /bin /usr/local/bin /usr/sbin; do
    if [ -x "/proc/$pid/root$dir/$2" ]; then
      by=node
      tool="chroot /proc/$pid/root $dir/$2"
      return 0
    fi
  done
  return 1
}

# Flows that drop (or log, which is how a logged drop looks), and those of table 0, which say whose port is whose: a switch has thousands of others.
read_ovn_flows() {
  # /var/run may be a link, which would lead out of that root
  if beside ovs-vswitchd ovs-ofctl && { [ -S "/proc/$pid/root/run/openvswitch/br-int.mgmt" ] || [ -S "/proc/$pid/root/var/run/openvswitch/br-int.mgmt" ]; }; then
    open_section ovn-flows "$by"
    # shellcheck disable=SC2086
    guarded $tool -O "$openflow" dump-flows br-int 2>/dev/null | grep -E 'table=0,|actions=(drop|controller)' | head -c "$ND_LIMIT"
    close_section 0 ''
  else
    skip_section ovn-flows absent
  fi
}

# The northbound database, where this node has one: with one zone per node (OVN-Kubernetes) that is every node, else the masters.
read_ovn_acls() {
  for candidate in $(printf '%s\n' "$daemons" | sed -nE 's,^/proc/([0-9]+)/comm:ovsdb-server$,\1,p'); do
    for socket in /var/run/ovn/ovnnb_db.sock /run/ovn/ovnnb_db.sock; do
      if [ -S "/proc/$candidate/root$socket" ] && [ -x "/proc/$candidate/root/usr/bin/ovn-nbctl" ]; then
        by=node
        tool="chroot /proc/$candidate/root /usr/bin/ovn-nbctl --db=unix:$socket --no-leader-only -t 5 --format=json"
        run_section ovn-acls --columns=_uuid,name,direction,priority,action,match,external_ids list ACL -- --columns=name,acls,external_ids list Port_Group
        return
      fi
    done
  done
  skip_section ovn-acls absent
}

read_cilium() {
  if beside cilium-agent cilium-dbg || beside cilium-agent cilium; then
    # it looks for maps by its own /proc/self/mountinfo, which there is none of for a process of another pid namespace
    tool="nsenter -t $pid -m -p -- \${tool##* }"
    run_section cilium-metrics bpf metrics list -o json
    run_section cilium-policy bpf policy get --all -o json
    # these ask the agent, which may hang
    (
      ND_GUARD="\${ND_GUARD:+\${ND_GUARD% *} 4}"
      run_section cilium-endpoints endpoint list -o json
      run_section cilium-identities identity list -o json
    )
  else
    skip_section cilium-metrics absent
  fi
}
`;

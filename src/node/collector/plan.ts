import { sh } from './sh.ts';

/**
 * awk program: which network namespaces to read, and how deep. Input lines:
 *
 *     H inode            the host's        P inode pid        a process lives there
 *     N inode pid path   pinned at path of that process's root
 *     C pid uid          its cgroup or /etc/hosts names this pod
 *     S inode uid        the runtime's record names this pod
 *     A inode address    a local address
 *     W kind value       wanted: `pod UID`, `ip ADDRESS`, `netns INODE`, `all -`
 *
 * Output: `depth inode file`. Besides what is wanted, each namespace that no pod claims or that shares an address with another is
 * read for its links: a leaked one holds a live pod's address (two that never meet on one bridge are told apart later).
 */
export const plan = sh`
# a cgroup writes the dashes of a UID as underscores under systemd; a visitor's claim beside the owner's does no harm
function claim(inode, uid) { gsub(/_/, "-", uid); claimed[inode] = 1; claims[inode, ++count_of[inode]] = uid }
$1 == "H" { host = $2 }
$1 == "P" { inode_of[$3] = $2; if (!($2 in pid) || $3 + 0 < pid[$2]) { pid[$2] = $3 + 0; file[$2] = "/proc/" $3 "/ns/net" } }
$1 == "N" && !($2 in file) { file[$2] = "/proc/" $3 "/root" $4 }
$1 == "C" && ($2 in inode_of) { claim(inode_of[$2], $3) }
$1 == "S" { claim($2, $3) }
$1 == "A" && $3 !~ /^(127\.|169\.254\.|fe80:|0000:0000:0000:0000:0000:0000:0000:0001)/ && !(($2, $3) in has) { has[$2, $3] = 1; holders[$3]++; last[$2] = last[$2] " " $3 }
$1 == "W" { want[$2, $3] = 1 }
END {
  for (inode in file) {
    if (inode == host) continue
    depth = (("all", "-") in want) || !(inode in claimed) ? "links" : "listed"
    count = split(last[inode], addresses, " ")
    for (i = 1; i <= count; i++) {
      if (holders[addresses[i]] > 1) depth = "links"
    }
    if (("netns", inode) in want) depth = "asked"
    for (i = 1; i <= count_of[inode]; i++) if (("pod", claims[inode, i]) in want) depth = "asked"
    for (i = 1; i <= count; i++) if (("ip", addresses[i]) in want) depth = "asked"
    if (depth != "listed") print depth, inode, file[inode]
  }
}
`;

/**
 * awk program: `A INODE ADDRESS` for every local address. Input: `P inode pid` lines, then what grep -H found in /proc/PID/net/fib_trie
 * (an address, and below it `/32 host LOCAL`) and /proc/PID/net/if_inet6; after a line `@ inode` the same without a pid, for that inode.
 */
export const localAddresses = sh`
$1 == "P" { inode_of[$3] = $2; next }
$1 == "@" { inode = $2; next }
/^\/proc\/[0-9]+\// { split($0, part, "/"); inode = inode_of[part[3]] }
/\|-- / { address = $NF }
/host LOCAL/ { print "A", inode, address }
/if_inet6:/ {
  hex = $1
  sub(/^.*:/, "", hex)
  text = ""
  for (i = 1; i <= 32; i += 4) text = text (i > 1 ? ":" : "") substr(hex, i, 4)
  print "A", inode, text
}
`;

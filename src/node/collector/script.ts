import { frame } from './frame.ts';
import { netns } from './netns.ts';
import { node } from './node.ts';
import { nodeState } from './node-state.ts';
import { localAddresses, plan } from './plan.ts';
import { policyState } from './policy-state.ts';
import { quote, sh } from './sh.ts';

const main = sh`
case $1 in
  start)
    # MARK LIMIT REACH SCOPE WANTED...
    ND_MARK=$2 ND_LIMIT=$3 ND_REACH=$4 ND_NETNS='' ND_POOR='' ND_GUARD=''
    timeout 1 true 2>/dev/null 4>&- && find_tool timeout && ND_GUARD="$tool 10"
    choose_iproute
    shift 4
    export ND_MARK ND_LIMIT ND_REACH ND_POOR ND_JSON ND_DETAIL ND_GUARD
    ND_OWN=$(inode_of /proc/self/ns/net)
    export ND_OWN
    if [ "$ND_REACH" = node ]; then
      # an agent pod is on the host's network; without CAP_SYS_PTRACE that is all there is to know it by
      ND_HOST=$(inode_of /proc/1/ns/net)
      : "\${ND_HOST:=$ND_OWN}"
      export ND_HOST
      if unshare -m true 2>/dev/null; then
        ND_PRIVATE=yes
        export ND_PRIVATE
        exec unshare -m sh -c "$ND_SCRIPT" netdoctor node "$@"
      fi
      exec sh -c "$ND_SCRIPT" netdoctor node "$@"
    fi
    ND_HOST=none
    export ND_HOST
    read_meta full
    ND_NETNS=$ND_OWN
    read_netns full
    ;;
  node)
    shift
    read_node "$@"
    ;;
  netns)
    # DEPTH INODE; the process may have died and its number have been taken since the list was made
    if [ "$(inode_of /proc/self/ns/net)" = "$3" ]; then
      read_netns "$2"
      # what the last test in there said is no news
      exit 0
    else
      skip_section namespace failed 'it was gone when its turn came'
    fi
    ;;
esac
`;

/** All that runs inside, as one text: it runs itself again in each namespace it enters. */
export const inner = [frame, netns, nodeState, policyState, node, main].join('\n');

/**
 * The collector, for `sh -s -- start MARK LIMIT REACH SCOPE WANTED…`: reads, writes nothing, ends by itself. What it prints is compressed
 * where gzip is there. Stdin is the script's own, so all that runs inside gets none.
 */
export const collectorScript = `ND_SCRIPT=${quote(inner)}
ND_PLAN=${quote(plan)}
ND_ADDRESSES=${quote(localAddresses)}
export ND_SCRIPT ND_PLAN ND_ADDRESSES
if command -v gzip >/dev/null 2>&1; then
  sh -c "$ND_SCRIPT" netdoctor "$@" </dev/null | gzip -1
else
  exec sh -c "$ND_SCRIPT" netdoctor "$@" </dev/null
fi
`;

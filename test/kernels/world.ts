import type { NodeDoor } from '../../src/doctor/ports.ts';
import { collectNode } from '../../src/node/collect.ts';
import { runProbes } from '../../src/probe/live/run-probes.ts';
import type { SessionMark } from '../../src/probe/live/session-mark.ts';
import { armRuleTrace } from '../../src/probe/rules/arm-rule-trace.ts';
import { armTaps } from '../../src/probe/tap/arm-taps.ts';
import { armWatch } from '../../src/probe/watch/arm-watch.ts';
import { node, pod } from '../unit/cluster/sample.ts';
import { LINKS } from '../unit/probe/netlab.ts';
import type { Guest } from './guest.ts';

const uids = { a: '6f0a1c52-0000-4000-8000-00000000000a', b: '6f0a1c52-0000-4000-8000-00000000000b' } as const;

/**
 * Two nodes with a pod each, as processes with namespaces of their own: a node has its own pids, too, and a pod is known by its cgroup.
 * Prints the pids of the nodes.
 */
const UP = `
child() { until found=$(cat /proc/$1/task/$1/children) && [ -n "$found" ]; do sleep 0.1; done; }
node() {
  unshare -n -m -p -u -f --mount-proc sleep 100000 >/dev/null 2>&1 </dev/null &
  child $!; pid=$found
  ip netns attach $1 $pid
}
pod() {
  nsenter -t $2 -m -p unshare -n sleep 100000 >/dev/null 2>&1 </dev/null &
  child $!; ip netns attach $1 $found
  mkdir -p /sys/fs/cgroup/kubepods/pod$3/main; echo $found >/sys/fs/cgroup/kubepods/pod$3/main/cgroup.procs
}
node n1; one=$pid
node n2; two=$pid
pod a $one ${uids.a}
pod b $two ${uids.b}
for n in m x; do ip netns add $n; done
(${LINKS}) >/dev/null
ip netns exec b socat TCP6-LISTEN:8080,fork,reuseaddr,ipv6only=0 EXEC:true >/dev/null 2>&1 </dev/null &
until ip netns exec b ss -Hltn | grep -q :8080; do sleep 0.1; done
echo $one $two`;

/** Makes it all in a freshly booted guest. */
export const makeWorld = async (guest: Guest): Promise<{ node1: number; node2: number }> => {
  const [node1 = 0, node2 = 0] = (await guest.sh(UP)).trim().split(' ').map(Number);
  return { node1, node2 };
};

/** The same two nodes as an API server would tell of them. */
export const apiObjects = () => {
  const withUid = (name: keyof typeof uids, on: string, ip: string) => {
    const { metadata, ...rest } = pod({ name, node: on, ip, ports: [{ name: 'web', containerPort: 8080 }] });
    return { ...rest, metadata: { ...metadata, uid: uids[name] } };
  };
  return {
    // the guest itself is a node, too: one that has its kernel to itself
    nodes: [node('node0', '10.0.2.15', '10.244.0.0/24'), node('node1', '10.33.0.1', '10.244.1.0/24'), node('node2', '10.33.0.2', '10.244.2.0/24')],
    pods: [withUid('a', 'node1', '10.244.1.4'), withUid('b', 'node2', '10.244.2.5')],
  };
};

/** The agent's side of one node, in the guest. */
export const doorInto = (guest: Guest, name: string, pid: number, mark: SessionMark): NodeDoor => {
  const session = guest.session(name, pid);
  return {
    node: name,
    reach: 'node',
    collect: (request) => collectNode(session, request),
    probe: (requests) => runProbes(session, requests, { mark }),
    tap: (requests, filter, lengths) => armTaps(session, requests, { filter, lengths, maxSeconds: 120 }),
    watchDrops: (request) => armWatch(session, { ...request, maxSeconds: 120 }),
    traceRules: () => armRuleTrace(session, mark.number, 120),
  };
};

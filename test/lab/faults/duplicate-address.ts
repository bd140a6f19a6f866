import type { Lab } from '../handle.ts';
import { findPod, type PodLink } from '../pods.ts';
import { type Fault, nodePlan, onBridge, podGateway, victim } from './fault.ts';

/** Where Docker pins what it starts; nothing runs in this one. */
const netns = '/run/docker/netns/1f0c5d2a9b7e';
const bridgePort = 'vethleaked';
const leakedMac = '02:42:ac:11:00:02';

const isV6 = (address: string): boolean => address.includes(':');

/** Both holders answer for the address; the leaked one, last on the bridge, gets each question first and so wins for whoever asks anew. */
const leak = async (lab: Lab): Promise<PodLink> => {
  const pod = await findPod(lab, victim.pod);
  const node = nodePlan(lab, pod.node);
  const own = pod.ips.map((ip) =>
    isV6(ip)
      ? `address add ${ip}/64 dev eth0 nodad\nroute add default via ${podGateway(node, 6)}`
      : `address add ${ip}/24 dev eth0\nroute add default via ${podGateway(node, 4)}`,
  );
  const script = `set -e
mkdir -p /run/docker/netns
touch ${netns}
unshare --net=${netns} true
ip link add ${bridgePort} type veth peer name eth0 address ${leakedMac} netns ${netns}
ip link set ${bridgePort} master cni0 up
nsenter --net=${netns} ip -batch - <<EOF
link set lo up
link set eth0 up
${own.join('\n')}
EOF
${pod.ips.map((ip) => `ip neighbour del ${ip} dev cni0 2>/dev/null || true`).join('\n')}`;
  await lab.nodeExec(pod.node, ['sh', '-c', script]);
  return pod;
};

/** There as long as `alternate` runs. */
const alternating = '/run/docker/alternating';

const undo = async (lab: Lab): Promise<void> => {
  const script = `set -e
if ip link show dev ${bridgePort} >/dev/null 2>&1; then ip link del ${bridgePort}; fi
if grep -q ' ${netns} ' /proc/self/mountinfo; then umount ${netns}; fi
rm -f ${netns}
while [ -e ${alternating} ]; do sleep 0.05; done
rm -rf /run/docker
ip neighbour flush dev cni0`;
  await lab.nodeExec(victim.node, ['sh', '-c', script]);
};

export const duplicateAddress: Fault = {
  name: 'duplicate-address',
  title: "a leaked network namespace on the pod's bridge holds the pod's address",
  appliesTo: onBridge,
  inject: async (lab) => {
    await leak(lab);
  },
  undo,
};

/** Stands in for the race that a quiet lab always decides in the same way; it ends with the leaked namespace. */
const alternate = async (lab: Lab, pod: PodLink): Promise<void> => {
  const believe = (mac: string) => pod.ips.map((ip) => `ip neighbour replace ${ip} lladdr ${mac} dev cni0 nud reachable`).join('; ');
  const loop = `while [ -e ${netns} ]; do ${believe(leakedMac)}; sleep 0.05; ${believe(pod.mac)}; sleep 0.15; done; rm ${alternating}`;
  await lab.nodeExec(pod.node, ['sh', '-c', `touch ${alternating}; setsid sh -c '${loop}' >/dev/null 2>&1 </dev/null &`]);
};

export const duplicateAddressIntermittent: Fault = {
  name: 'duplicate-address-intermittent',
  title: "a leaked network namespace holds the pod's address and gets about one connection in four",
  appliesTo: onBridge,
  inject: async (lab) => alternate(lab, await leak(lab)),
  undo,
};

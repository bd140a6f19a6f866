import type { Lab } from '../handle.ts';
import { enforcing, type LabOptions } from '../options.ts';
import { type Fault, onBridge, withTunnel } from './fault.ts';
import { takeAway } from './take-away.ts';

/** Linux's own number for VXLAN, from before it had one (flannel, Cilium), and the one it has (Calico). */
const tunnelPort = ({ backend }: LabOptions): number => (backend === 'felix' ? 4789 : 8472);

const tableOf = (udpPort: number): string => `lab_drop_${udpPort}`;

/** Drops one UDP port between the nodes, where they share a switch (bridge) and where a router is between them (inet). */
export const underlayDrop = async (lab: Lab, { udpPort }: { readonly udpPort: number }): Promise<() => Promise<void>> => {
  const drop = `{ chain forward { type filter hook forward priority 0; udp dport ${udpPort} drop; }; }`;
  await lab.underlayExec(['nft', '-f', '-'], { input: ['bridge', 'inet'].map((family) => `table ${family} ${tableOf(udpPort)} ${drop}\n`).join('') });
  return () => underlayPass(lab, { udpPort });
};

export const underlayPass = async (lab: Lab, { udpPort }: { readonly udpPort: number }): Promise<void> => {
  for (const family of ['bridge', 'inet']) await takeAway(lab, 'underlay', ['nft', 'delete', 'table', family, tableOf(udpPort)]);
};

export const underlayDropsTunnel: Fault = {
  name: 'underlay-drops-tunnel',
  title: 'the network between the nodes drops VXLAN',
  appliesTo: (options) => withTunnel(options) || enforcing(options.backend) !== undefined,
  inject: async (lab) => {
    await underlayDrop(lab, { udpPort: tunnelPort(lab.plan.options) });
  },
  undo: (lab) => underlayPass(lab, { udpPort: tunnelPort(lab.plan.options) }),
};

const TABLE = 'lab_drop_pods';

/** As networks do that check what a machine sends for the machine's own addresses (port security, source/destination check). */
export const underlayDropsPods: Fault = {
  name: 'underlay-drops-pods',
  title: "the network between the nodes drops packets with pods' addresses",
  appliesTo: (options) => onBridge(options) && !withTunnel(options),
  inject: async (lab) => {
    const { families, clusterCidr } = lab.plan;
    const rules = families.map((family) => `${family === 4 ? 'ip' : 'ip6'} saddr ${clusterCidr[family]} drop;`).join(' ');
    const drop = `{ chain forward { type filter hook forward priority 0; ${rules} }; }`;
    await lab.underlayExec(['nft', '-f', '-'], { input: ['bridge', 'inet'].map((family) => `table ${family} ${TABLE} ${drop}\n`).join('') });
  },
  undo: async (lab) => {
    for (const family of ['bridge', 'inet']) await takeAway(lab, 'underlay', ['nft', 'delete', 'table', family, TABLE]);
  },
};

import { execIn, type Machine } from '../machine.ts';
import type { Family } from '../options.ts';
import type { LabPlan, NodePlan } from '../plan.ts';

const anywhere: Readonly<Record<Family, string>> = { 4: '0.0.0.0/0', 6: '::/0' };

const conflist = ({ families }: LabPlan, node: NodePlan): string =>
  JSON.stringify({
    cniVersion: '1.0.0',
    name: 'bridge',
    plugins: [
      {
        type: 'bridge',
        bridge: 'cni0',
        isGateway: true,
        ipMasq: false,
        hairpinMode: true,
        ipam: {
          type: 'host-local',
          ranges: families.map((family) => [{ subnet: node.podCidr[family] }]),
          routes: families.map((family) => ({ dst: anywhere[family] })),
        },
      },
      { type: 'portmap', capabilities: { portMappings: true } },
    ],
  });

/** The routes that an administrator without a network agent adds by hand. */
const routesToOthers = ({ nodes, families }: LabPlan, self: NodePlan): readonly string[] =>
  nodes
    .filter(({ name }) => name !== self.name)
    .flatMap((other) => families.map((family) => `route replace ${other.podCidr[family]} via ${other.address[family]}`));

/** Pods keep their address inside the cluster and take the node's towards everything else. */
export const masquerade = ({ families, clusterCidr }: LabPlan, self: NodePlan, action: '-A' | '-D'): readonly (readonly string[])[] =>
  families.map((family) => [
    family === 4 ? 'iptables' : 'ip6tables',
    ...['-w', '-t', 'nat', action, 'POSTROUTING', '-s', self.podCidr[family] ?? '', '!', '-d', clusterCidr[family] ?? ''],
    ...['-m', 'comment', '--comment', 'pods to the outside', '-j', 'MASQUERADE'],
  ]);

/** The plain bridge plugin with static routes between the nodes: a cluster whose network has no agent. */
export const configureBridge = async (plan: LabPlan, machine: Machine): Promise<void> => {
  const node = plan.nodes.find(({ name }) => name === machine.name);
  if (!node) throw new Error(`${machine.name} is no node of lab ${plan.options.name}`);
  await execIn(machine, ['ip', '-batch', '-'], { input: `${routesToOthers(plan, node).join('\n')}\n` });
  for (const rule of masquerade(plan, node, '-A')) await execIn(machine, rule);
  await execIn(machine, ['sh', '-c', 'cat >/etc/cni/net.d/10-bridge.conflist'], { input: conflist(plan, node) });
};

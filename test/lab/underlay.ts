import { execa } from 'execa';
import { execIn, type Machine } from './machine.ts';
import type { Family } from './options.ts';
import type { Addresses, LabPlan } from './plan.ts';

/** The underlay's end of a node's link; 15 bytes are all that a name may have. */
const portOf = (machine: string): string => `to-${machine}`;

const ip = (machine: Machine, commands: readonly string[]) => execIn(machine, ['ip', '-batch', '-'], { input: `${commands.join('\n')}\n` });

const address = (device: string, addresses: Addresses, prefix: Readonly<Record<Family, number>>): readonly string[] => [
  ...(addresses[4] ? [`address add ${addresses[4]}/${prefix[4]} dev ${device}`] : []),
  ...(addresses[6] ? [`address add ${addresses[6]}/${prefix[6]} dev ${device} nodad`] : []),
];

const defaultRoute = (gateway: Addresses): readonly string[] => [
  ...(gateway[4] ? [`route add default via ${gateway[4]}`] : []),
  ...(gateway[6] ? [`route add default via ${gateway[6]}`] : []),
];

const connect = async (underlay: Machine, machine: Machine): Promise<void> => {
  await execa('nsenter', [
    '--target',
    String(underlay.init.pid),
    '--net',
    '--',
    'ip',
    'link',
    'add',
    portOf(machine.name),
    'type',
    'veth',
    'peer',
    'name',
    'eth0',
    'netns',
    String(machine.init.pid),
  ]);
  await ip(underlay, [`link set ${portOf(machine.name)} up`]);
  await ip(machine, ['link set eth0 up']);
};

const forwardPackets = (machine: Machine) =>
  execIn(machine, [
    'sysctl',
    '-q',
    '-w',
    'net.ipv4.ip_forward=1',
    'net.ipv6.conf.all.forwarding=1',
    'net.ipv4.conf.all.rp_filter=0',
    'net.ipv4.conf.default.rp_filter=0',
  ]);

/** The only thing a lab has in the root network namespace: one link, for kubectl. It goes when the underlay goes. */
const connectRoot = async (plan: LabPlan, underlay: Machine): Promise<void> => {
  const { access, accessInterface } = plan;
  await execa('ip', ['link', 'add', accessInterface, 'type', 'veth', 'peer', 'name', 'to-root', 'netns', String(underlay.init.pid)]);
  await ip(underlay, [`address add ${access[4].gateway} dev to-root`, `address add ${access[6].gateway} dev to-root nodad`, 'link set to-root up']);
  const commands = [
    `link set ${accessInterface} up`,
    `address add ${access[4].address} dev ${accessInterface}`,
    `route add ${access[4].lab} via ${access[4].gateway.replace(/\/.*/, '')}`,
    `address add ${access[6].address} dev ${accessInterface} nodad`,
    `route add ${access[6].lab} via ${access[6].gateway.replace(/\/.*/, '')}`,
  ];
  await execa('ip', ['-batch', '-'], { input: `${commands.join('\n')}\n` });
};

/** A switch with all nodes on it, or (`routed`) a router with each node on a subnet of its own. */
const connectNodes = async (plan: LabPlan, underlay: Machine, nodes: readonly Machine[]): Promise<void> => {
  const switched = plan.options.subnets === 'one';
  if (switched) await ip(underlay, ['link add lan type bridge', 'link set lan up', ...address('lan', plan.api, { 4: 24, 6: 64 })]);
  else await ip(underlay, address('lo', plan.api, { 4: 32, 6: 128 }));
  for (const node of plan.nodes) {
    const machine = nodes.find(({ name }) => name === node.name);
    if (!machine) throw new Error(`${node.name} has no machine`);
    await connect(underlay, machine);
    await ip(underlay, switched ? [`link set ${portOf(node.name)} master lan`] : address(portOf(node.name), node.gateway, node.prefix));
    await ip(machine, [...address('eth0', node.address, node.prefix), ...defaultRoute(node.gateway)]);
    await execIn(machine, ['sysctl', '-q', '-w', 'net.ipv4.ip_forward=1', 'net.ipv6.conf.all.forwarding=1']);
  }
};

const connectExternalHost = async ({ external }: LabPlan, underlay: Machine, machine: Machine): Promise<void> => {
  await connect(underlay, machine);
  await ip(underlay, address(portOf(machine.name), external.gateway, external.prefix));
  await ip(machine, [...address('eth0', external.address, external.prefix), ...defaultRoute(external.gateway)]);
};

export interface UnderlayMachines {
  readonly underlay: Machine;
  readonly nodes: readonly Machine[];
  readonly external: Machine;
}

export const connectUnderlay = async (plan: LabPlan, { underlay, nodes, external }: UnderlayMachines): Promise<void> => {
  await forwardPackets(underlay);
  await connectRoot(plan, underlay);
  await connectNodes(plan, underlay, nodes);
  await connectExternalHost(plan, underlay, external);
};

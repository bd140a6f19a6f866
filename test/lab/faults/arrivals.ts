import type { Lab } from '../handle.ts';
import { findPod } from '../pods.ts';
import { victim, withTunnel } from './fault.ts';
import { tunnelDevice } from './vtep.ts';

/** Its neighbour on the victim's own node: what it asks crosses the bridge and nothing else. */
export const neighbour = `client-${victim.node}`;

/** Devices by which packets for the victim come in on its node: from other nodes, and from its neighbour there. */
export const arrivals = async (lab: Lab): Promise<readonly string[]> => {
  const fromAfar = lab.plan.families.map((family) => (withTunnel(lab.plan.options) ? tunnelDevice[family] : 'eth0'));
  return [...new Set(fromAfar), (await findPod(lab, neighbour)).hostInterface];
};

/** What the victim's clients send it, by their addresses: a rule for each counts what one of them asked and nothing else. */
export const flows = async (lab: Lab): Promise<readonly { readonly source: string; readonly destination: string }[]> => {
  const { ips } = await findPod(lab, victim.pod);
  const clients = await Promise.all([`client-${victim.peer}`, neighbour].map((name) => findPod(lab, name)));
  return clients.flatMap((client) =>
    client.ips.flatMap((source) => ips.filter((ip) => ip.includes(':') === source.includes(':')).map((destination) => ({ source, destination }))),
  );
};

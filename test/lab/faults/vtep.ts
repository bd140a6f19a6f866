import type { Lab } from '../handle.ts';
import type { Family } from '../options.ts';
import { nodePlan } from './fault.ts';

/** flannel makes one VXLAN device per address family. */
export const tunnelDevice = { 4: 'flannel.1', 6: 'flannel-v6.1' } as const;

export const devices = (lab: Lab): readonly string[] => lab.plan.families.map((family) => tunnelDevice[family]);

const published = { 4: 'flannel.alpha.coreos.com/backend-data', 6: 'flannel.alpha.coreos.com/backend-v6-data' } as const;

/** One end of the tunnel, as other nodes know it. */
export interface Vtep {
  readonly family: Family;
  readonly device: string;
  readonly mac: string;
  /** The gateway that the route to the node's pods names, and the neighbour entry answers for. */
  readonly gateway: string;
  readonly address: string;
}

/** What flanneld on this node has published, and so what its peers should have programmed. */
export const vteps = async (lab: Lab, node: string): Promise<readonly Vtep[]> => {
  const annotations = await lab.kubectl(['get', 'node', node, '-o', 'jsonpath={.metadata.annotations}']);
  const { podCidr, address } = nodePlan(lab, node);
  return lab.plan.families.map((family) => {
    const data = (JSON.parse(annotations) as Readonly<Record<string, string>>)[published[family]];
    const { VtepMAC } = JSON.parse(data ?? '{}') as { readonly VtepMAC?: string };
    if (!VtepMAC) throw new Error(`${node} has published no VXLAN endpoint`);
    const gateway = (podCidr[family] ?? '').replace(/\/.*/, '');
    return { family, device: tunnelDevice[family], mac: VtepMAC, gateway, address: address[family] ?? '' };
  });
};

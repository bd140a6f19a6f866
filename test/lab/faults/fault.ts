import type { Lab } from '../handle.ts';
import { enforcing, type LabOptions } from '../options.ts';
import type { NodePlan } from '../plan.ts';

/** One way in which a cluster breaks, and the way back to a healthy one. */
export interface Fault {
  readonly name: string;
  /** What is wrong afterwards, in the words of a report. */
  readonly title: string;
  /** False for a lab that lacks what this fault breaks. */
  readonly appliesTo: (options: LabOptions) => boolean;
  /** What keeps this machine from it, where not every one can. */
  readonly refusal?: (lab: Lab) => Promise<string | undefined>;
  readonly inject: (lab: Lab) => Promise<void>;
  /** Works without memory of inject, also twice, so that a killed test can be cleaned up after. */
  readonly undo: (lab: Lab) => Promise<void>;
}

/** What the faults break: the way from clients on `peer` to `pod` on `node`. */
export const victim = { pod: 'server-node2', node: 'node2', peer: 'node1' } as const;

/** Undoes a fault and returns when the cluster carries traffic everywhere again. */
export const heal = async (lab: Lab, fault: Fault): Promise<void> => {
  await fault.undo(lab);
  await lab.waitUntilHealthy();
};

export const anywhere = (): boolean => true;

/** Pods hang on cni0, and what they send takes the kernel's own way. */
export const onBridge = ({ backend }: LabOptions): boolean => !enforcing(backend);

export const withFlannel = ({ backend }: LabOptions): boolean => backend !== 'bridge' && !enforcing(backend);

export const withTunnel = ({ backend, subnets }: LabOptions): boolean =>
  backend === 'vxlan' || (backend === 'vxlan-directrouting' && subnets === 'routed');

export const nodePlan = (lab: Lab, name: string): NodePlan => {
  const found = lab.plan.nodes.find((node) => node.name === name);
  if (!found) throw new Error(`${name} is not part of lab ${lab.name}`);
  return found;
};

/** The first address of a node's pod CIDR, which its bridge holds. */
export const podGateway = (node: NodePlan, family: 4 | 6): string =>
  (node.podCidr[family] ?? '').replace(/\/.*/, '').replace(/\.0$/, '.1').replace(/::$/, '::1');

import type { Manifest } from '../kubectl.ts';
import type { Machine } from '../machine.ts';
import type { Backend } from '../options.ts';
import type { LabPlan } from '../plan.ts';
import { waitForFile } from '../readiness.ts';
import { configureBridge } from './bridge-cni.ts';
import { cilium, giveCgroup } from './cilium.ts';
import { felix } from './felix.ts';
import { flannel } from './flannel.ts';

/** How one backend connects pods. */
export interface Network {
  readonly manifests: (plan: LabPlan) => readonly Manifest[] | Promise<readonly Manifest[]>;
  /** On each node, before its kubelet starts. */
  readonly prepare?: (plan: LabPlan, node: Machine) => Promise<void>;
  /** On each Ready node, before pods are made that would wait for kubelet's next try. */
  readonly ready?: (node: Machine) => Promise<void>;
}

/** The plugin is configured before flanneld has a subnet for it. */
const flannelNetwork: Network = { manifests: flannel, ready: waitForFile('/run/flannel/subnet.env', "flanneld's subnet") };

export const networks: Readonly<Record<Backend, Network>> = {
  vxlan: flannelNetwork,
  'vxlan-directrouting': flannelNetwork,
  'host-gw': flannelNetwork,
  bridge: { manifests: () => [], prepare: configureBridge },
  felix: { manifests: felix, ready: waitForFile('/var/lib/calico/podcidr', "the agent's range") },
  cilium: { manifests: cilium, prepare: giveCgroup },
};

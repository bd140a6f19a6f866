import { duplicateAddress, duplicateAddressIntermittent } from './duplicate-address.ts';
import type { Fault } from './fault.ts';
import { forwardingOff, forwardPolicyDrop, forwardRuleDrop, forwardRuleReject, masqueradeMissing } from './firewall.ts';
import { kubeProxyHung, kubeProxyMissing } from './kube-proxy.ts';
import { bridgeDown, hostVethDown, podVethDown, vethOffBridge } from './links.ts';
import { podRouteMissing, podRouteWrong } from './routes.ts';
import { underlayDropsTunnel } from './underlay.ts';
import { fdbMissing, fdbWrong, vtepNeighbourMissing, vtepNeighbourWrong, vxlanDeviceDeleted, vxlanDeviceDown } from './vxlan.ts';

export const faults: readonly Fault[] = [
  podVethDown,
  hostVethDown,
  vethOffBridge,
  bridgeDown,
  podRouteMissing,
  podRouteWrong,
  vtepNeighbourMissing,
  vtepNeighbourWrong,
  fdbMissing,
  fdbWrong,
  vxlanDeviceDeleted,
  vxlanDeviceDown,
  forwardingOff,
  forwardPolicyDrop,
  forwardRuleDrop,
  forwardRuleReject,
  masqueradeMissing,
  underlayDropsTunnel,
  kubeProxyHung,
  kubeProxyMissing,
  duplicateAddress,
  duplicateAddressIntermittent,
];

export const faultNamed = (name: string): Fault => {
  const found = faults.find((fault) => fault.name === name);
  if (!found) throw new Error(`no fault is named ${name}; there are ${faults.map((fault) => fault.name).join(', ')}`);
  return found;
};

import { duplicateAddress, duplicateAddressIntermittent } from './duplicate-address.ts';
import type { Fault } from './fault.ts';
import {
  forwardingOff,
  forwardPolicyDrop,
  forwardRuleDrop,
  forwardRuleReject,
  legacyRuleDrop,
  legacyRuleReject,
  masqueradeMissing,
  queueUnread,
  replyRuleDrop,
} from './firewall.ts';
import { hopLimitSmall, routingLoop } from './hop-limit.ts';
import { kubeProxyHung, kubeProxyMissing } from './kube-proxy.ts';
import { bridgeDown, hostVethDown, podVethDown, vethOffBridge } from './links.ts';
import { mtuBlackHole, narrowTunnel, podMtuSmaller } from './mtu.ts';
import { neighbourSilent, podMacWrong } from './neighbours.ts';
import { bridgeRuleDrop, nftForwardDrop, nftForwardDropUncounted, nftForwardReject, nftIngressDrop, podInputDrop, randomDrop } from './nft-rules.ts';
import { receivingVxlanMissing, vniMismatch, vtepChangeUnheard, vtepMacStale } from './receiving-vtep.ts';
import { blackholeRoute, ownPodRouteMissing, podWithoutRoutes, prohibitRoute, unreachableRoute } from './route-types.ts';
import { podRouteMissing, podRouteWrong } from './routes.ts';
import { kubeProxyBehind, serviceEndpointStale, serviceEndpointUnwritten } from './service-rules.ts';
import { reversePathFilter, sourceIsLocal } from './source-checks.ts';
import { queueFull, queueShaper, tcEgressDrop, tcIngressDrop, tcRedirectNowhere } from './traffic-control.ts';
import { underlayDropsPods, underlayDropsTunnel } from './underlay.ts';
import { fdbMissing, fdbWrong, vtepNeighbourMissing, vtepNeighbourWrong, vxlanDeviceDeleted, vxlanDeviceDown } from './vxlan.ts';
import { xdpDrop, xdpDropNative } from './xdp.ts';

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
  legacyRuleDrop,
  legacyRuleReject,
  queueUnread,
  replyRuleDrop,
  nftForwardDrop,
  nftForwardDropUncounted,
  nftForwardReject,
  nftIngressDrop,
  bridgeRuleDrop,
  podInputDrop,
  randomDrop,
  tcIngressDrop,
  tcEgressDrop,
  tcRedirectNowhere,
  xdpDrop,
  xdpDropNative,
  queueFull,
  queueShaper,
  reversePathFilter,
  sourceIsLocal,
  ownPodRouteMissing,
  podWithoutRoutes,
  blackholeRoute,
  unreachableRoute,
  prohibitRoute,
  routingLoop,
  hopLimitSmall,
  narrowTunnel,
  mtuBlackHole,
  podMtuSmaller,
  neighbourSilent,
  podMacWrong,
  vtepMacStale,
  vtepChangeUnheard,
  vniMismatch,
  receivingVxlanMissing,
  masqueradeMissing,
  underlayDropsTunnel,
  underlayDropsPods,
  kubeProxyHung,
  kubeProxyBehind,
  serviceEndpointUnwritten,
  serviceEndpointStale,
  kubeProxyMissing,
  duplicateAddress,
  duplicateAddressIntermittent,
];

export const faultNamed = (name: string): Fault => {
  const found = faults.find((fault) => fault.name === name);
  if (!found) throw new Error(`no fault is named ${name}; there are ${faults.map((fault) => fault.name).join(', ')}`);
  return found;
};

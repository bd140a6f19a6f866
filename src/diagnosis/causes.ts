import type { Cause } from './cause.ts';
import { hopLimit, kernelDrop, queueFull, tooBig, trafficControl } from './causes/device-drops.ts';
import { duplicateAddress } from './causes/duplicate-address.ts';
import { policyDrop, ruleDrop, ruleReject } from './causes/firewall.ts';
import { flannelEntries } from './causes/flannel-entries.ts';
import { forwardingOff, noRoute, reversePath, routeRefuses } from './causes/forwarding.ts';
import { fullSizeVanishes } from './causes/full-size.ts';
import { keptAddress } from './causes/kept-address.ts';
import { leftoverService } from './causes/leftover-service.ts';
import { linkDown } from './causes/link-down.ts';
import { listensElsewhere, noListener } from './causes/listener.ts';
import { lost } from './causes/lost.ts';
import { missingMasquerade } from './causes/masquerade.ts';
import { noLocalEndpoint } from './causes/no-local-endpoint.ts';
import { noService } from './causes/no-service.ts';
import { nobodysAddress } from './causes/nobodys-address.ts';
import { misaddressed, replyNotTranslated, tunnelWithoutEntry } from './causes/not-translated.ts';
import { nobodyAnswers, offBridge, portClosed } from './causes/off-bridge.ts';
import { policyDenies } from './causes/policy.ts';
import { dropsAllowed, leftoverDrops, passesDenied } from './causes/policy-disagrees.ts';
import { notProgrammed } from './causes/policy-not-programmed.ts';
import { enforcesNone } from './causes/policy-unenforced.ts';
import { proxyNotProgramming, rulesIncomplete, staleEndpoint } from './causes/proxy.ts';
import { queueUnread } from './causes/queue.ts';
import { noEndpoints, wrongTargetPort } from './causes/service.ts';
import { nodeNotReady, podNotReady } from './causes/states.ts';
import { nodesUnreachable, underlayDropsTunnel } from './causes/underlay.ts';
import { underlayDropsPods } from './causes/underlay-pods.ts';
import { wrongAnswerer } from './causes/wrong-answerer.ts';
import { xdpDrop } from './causes/xdp.ts';

/** Every known cause; where two are equally sure, the one further up is shown first. */
export const causes: Cause[] = [
  duplicateAddress,
  keptAddress,
  wrongAnswerer,
  ...linkDown,
  offBridge,
  portClosed,
  ...flannelEntries,
  forwardingOff,
  routeRefuses,
  notProgrammed,
  policyDenies,
  leftoverDrops,
  dropsAllowed,
  queueUnread,
  policyDrop,
  ruleDrop,
  ruleReject,
  xdpDrop,
  trafficControl,
  queueFull,
  hopLimit,
  tooBig,
  fullSizeVanishes,
  kernelDrop,
  noEndpoints,
  noLocalEndpoint,
  wrongTargetPort,
  proxyNotProgramming,
  staleEndpoint,
  leftoverService,
  noService,
  rulesIncomplete,
  nobodysAddress,
  listensElsewhere,
  noListener,
  replyNotTranslated,
  nodesUnreachable,
  missingMasquerade,
  reversePath,
  noRoute,
  misaddressed,
  tunnelWithoutEntry,
  nobodyAnswers,
  underlayDropsTunnel,
  underlayDropsPods,
  podNotReady,
  nodeNotReady,
  passesDenied,
  enforcesNone,
];

/** All codes a report can carry, in the order of their numbers. */
export const allCauses: Cause[] = [...causes, lost].sort((a, b) => a.code.localeCompare(b.code));

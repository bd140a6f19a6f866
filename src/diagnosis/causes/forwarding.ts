import type { Cause } from '../cause.ts';
import { draftOf } from '../draft.ts';
import { packetEnd } from '../end.ts';
import { onNode } from '../remedy.ts';

export const forwardingOff: Cause = {
  code: 'ND3001',
  summary: 'IP forwarding is switched off on a node.',
  recognise: (evidence) => {
    const end = packetEnd(evidence, 'forwarding-off');
    if (!end) return undefined;
    const { sysctl = 'net.ipv4.ip_forward', interface: name = '' } = end.stop.facts;
    const { node } = end.hop;
    return draftOf(evidence, end, {
      title: `IP forwarding is off on ${node} (${sysctl} = 0).`,
      evidence: [`${sysctl} is 0; the packet comes in by ${name} and would have to be forwarded`],
      fix: [
        onNode(node, `sysctl -w ${sysctl}=1`),
        `To keep it over a reboot, put ${sysctl}=1 into a file in /etc/sysctl.d of ${node}, and find what set it to 0 (hardening scripts, a container engine).`,
      ],
    });
  },
};

export const reversePath: Cause = {
  code: 'ND3005',
  summary: 'Reverse-path filtering (rp_filter) or source validation of a node drops the packet.',
  recognise: (evidence) => {
    const end = packetEnd(evidence, 'reverse-path', 'martian-source');
    if (!end) return undefined;
    const { source = '', interface: name = '' } = end.stop.facts;
    const { node } = end.hop;
    const martian = end.stop.reason === 'martian-source';
    return draftOf(evidence, end, {
      title: martian
        ? `${node} drops packets from ${source}, because it holds that address itself.`
        : `rp_filter on ${node} drops packets from ${source} that come in by ${name}.`,
      evidence: [end.stop.message],
      fix: martian
        ? [`Find which of the two owners of ${source} is wrong and remove the address there.`]
        : [
            `Correct the route to ${source} on ${node}, or, if the asymmetry is wanted:`,
            onNode(node, `sysctl -w net.ipv4.conf.${name.replaceAll('.', '/')}.rp_filter=2`),
          ],
    });
  },
};

export const routeRefuses: Cause = {
  code: 'ND3006',
  summary: 'A blackhole, unreachable or prohibit route or rule refuses the destination.',
  recognise: (evidence) => {
    const end = packetEnd(evidence, 'blackhole', 'unreachable', 'prohibit');
    if (!end) return undefined;
    const { node } = end.hop;
    const { route, table, rule, destination = '' } = end.stop.facts;
    const command =
      route === undefined
        ? `ip rule del priority ${rule}`
        : `ip route del ${end.stop.decidedBy}${table === 'main' || table === undefined ? '' : ` table ${table}`}`;
    return draftOf(evidence, end, {
      title: `${end.stop.reason === 'unreachable' ? 'An' : 'A'} ${end.stop.reason} ${route === undefined ? 'rule' : 'route'} on ${node} (${end.hop.where}) refuses ${destination}.`,
      evidence: [`${end.stop.decidedBy ?? end.stop.message}${table === undefined ? '' : ` in table ${table}`}`],
      fix: end.hop.where === 'host' ? [onNode(node, command)] : [`In ${end.hop.where}: ${command}`],
    });
  },
};

export const noRoute: Cause = {
  code: 'ND3007',
  summary: 'A node or pod on the way has no route to the destination.',
  recognise: (evidence) => {
    const end = packetEnd(evidence, 'no-route', 'no-device');
    if (!end) return undefined;
    const { node, where } = end.hop;
    const inPod = where !== 'host';
    const { destination } = end.hop.packet;
    const { owner } = end.stop.facts;
    return draftOf(evidence, end, {
      title:
        owner === undefined
          ? `${inPod ? where : node} has no route to ${destination}.`
          : `${node} has no route to ${destination}, a pod of ${owner}, that leads there.`,
      evidence: [end.stop.message],
      fix: inPod
        ? ['Delete the pod so that its network is set up anew; its default route is gone.']
        : [`Restore the route on ${node}: the network plugin's agent owns the routes to pods, the node's own configuration all others.`],
    });
  },
};

import type { ServiceFacts } from '../../cluster/facts.ts';
import { backendText } from '../../cni/kube-proxy/frontend.ts';
import type { Programmed } from '../../cni/kube-proxy/rules.ts';
import { familyOf, hostPort } from '../../forwarding/address.ts';
import { answered } from '../../probe/probe.ts';
import type { Cause } from '../cause.ts';
import { probeWords } from '../draft.ts';
import { type Evidence, type Leg, legOf, mainProbe, nodeOf, snapshotOf } from '../evidence.ts';
import { agentHealth } from '../health.ts';
import { askedService, proxyOn } from '../proxy-check.ts';
import { restartAgent } from '../remedy.ts';

interface Leftover {
  leg: Leg;
  node: string;
  at: string;
  /** `namespace/name`, as the rules say. */
  name: string;
  rule: Programmed;
  /** The Service as it is now; absent when it is gone. */
  service?: ServiceFacts;
}

/** Only of a namespace whose Services were read can be said that one is not there. */
const wereRead = ({ facts, from }: Evidence, namespace: string): boolean =>
  (from.pod?.namespace === namespace || facts.services.some((service) => service.namespace === namespace)) &&
  !facts.notRead.some((text) => text.startsWith('services:') || text.startsWith(`services in ${namespace}:`));

const find = (evidence: Evidence): Leftover | undefined => {
  const main = mainProbe(evidence);
  const { destination, port, protocol } = main?.request ?? {};
  const snapshot = snapshotOf(evidence, nodeOf(evidence.from));
  if (!main || destination === undefined || port === undefined || protocol === undefined || !snapshot) return undefined;
  if (evidence.to.kind !== 'external' || askedService(evidence)) return undefined;
  const check = proxyOn(evidence, snapshot);
  if (check.skipped !== undefined) return undefined;
  const [rule] = check.lookup({ kind: 'cluster IP', family: familyOf(destination), address: destination, port, protocol });
  const [namespace = '', name] = rule?.service?.split('/') ?? [];
  if (!rule || name === undefined || namespace === 'kube-system' || !wereRead(evidence, namespace)) return undefined;
  const service = evidence.facts.services.find((one) => one.namespace === namespace && one.name === name);
  return {
    leg: legOf(evidence, main),
    node: snapshot.node,
    at: hostPort(destination, port),
    name: `${namespace}/${name}`,
    rule,
    ...(service ? { service } : {}),
  };
};

/** Where what other Services lead to still answers behind it, the rules do no harm. */
const leadsToEndpoints = ({ facts }: Evidence, { targets }: Programmed): boolean => {
  const served = facts.endpoints.filter(({ service }) =>
    facts.services.some((one) => one.namespace === service.namespace && one.name === service.name),
  );
  return targets.length > 0 && targets.every((target) => served.some(({ ip, ports }) => ports.some(({ port }) => backendText(ip, port) === target)));
};

/** Rules for a Service that was deleted, or got another address: whoever remembers the old one is served by what is left. */
export const leftoverService: Cause = {
  code: 'ND4011',
  summary: 'kube-proxy still has rules for an address that its Service does not have any more.',
  implies: ['ND1007', 'ND2112', 'ND3004', 'ND4001', 'ND4008'],
  recognise: (evidence) => {
    const found = find(evidence);
    const snapshot = snapshotOf(evidence, found?.node);
    if (!found || !snapshot) return undefined;
    const { leg, node, at, name, rule, service } = found;
    const isLosing = answered(leg.probe) < leg.probe.attempts.length && !leadsToEndpoints(evidence, rule);
    const now = service ? `Service ${name}, which has ${service.clusterIps.join(', ') || 'no address'} now` : `Service ${name}, which is gone`;
    return {
      severity: isLosing ? 'problem' : 'warning',
      confidence: isLosing ? 'likely' : 'possible',
      title: `kube-proxy on ${node} still has rules for ${at}: of ${now}.`,
      place: { node },
      evidence: [
        probeWords(leg),
        `on the node: ${rule.text}`,
        ...(rule.targets.length > 0 ? [`it leads to ${rule.targets.join(', ')}`] : []),
        ...agentHealth(evidence, snapshot, 'kube-proxy').words,
      ],
      fix: ['Ask for the Service by its name, whose address DNS knows.', ...restartAgent(evidence.facts, 'kube-proxy', node)],
      notes: [],
    };
  },
};

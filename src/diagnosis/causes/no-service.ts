import type { ServiceFacts } from '../../cluster/facts.ts';
import { familyOf, hostPort, sameAddress } from '../../forwarding/address.ts';
import { answered } from '../../probe/probe.ts';
import type { Cause, Draft } from '../cause.ts';
import { probeWords } from '../draft.ts';
import { packetEnd } from '../end.ts';
import { type Evidence, failingLegs, type Leg } from '../evidence.ts';
import { askedService } from '../proxy-check.ts';

/** The chain that ends what is for the range of Services and for none of them (pkg/proxy/nftables/proxier.go). */
const CHECK = 'cluster-ips-check';

const draft = (leg: Leg, title: string, evidence: string[], fix: string[]): Draft => ({
  severity: 'problem',
  confidence: 'certain',
  title,
  evidence: [probeWords(leg), ...evidence],
  fix,
  notes: [],
});

const portsOf = ({ ports }: ServiceFacts): string => ports.map(({ port, protocol }) => `${port}/${protocol.toUpperCase()}`).join(', ') || 'none';

const holding = ({ facts }: Evidence, address: string): ServiceFacts | undefined =>
  facts.services.find(({ clusterIps }) => clusterIps.some((ip) => sameAddress(ip, address)));

/** Services are found by their first address wherever they are; by a second one only where their namespace was read. */
const wouldBeKnown = ({ facts }: Evidence, address: string): boolean =>
  facts.services.some(({ clusterIps: [first] }) => first !== undefined && familyOf(first) === familyOf(address));

export const noService: Cause = {
  code: 'ND4012',
  summary: 'No Service has the address, or its Service does not have the port.',
  implies: ['ND3003', 'ND3004'],
  recognise: (evidence) => {
    const [leg] = failingLegs(evidence);
    const { destination, port, protocol } = leg?.probe.request ?? {};
    if (!leg || destination === undefined || port === undefined || answered(leg.probe) > 0 || askedService(evidence)) return undefined;
    const service = holding(evidence, destination);
    if (service) {
      const { namespace, name } = service;
      return draft(
        leg,
        `Service ${namespace}/${name} has no port ${port}/${protocol?.toUpperCase()}.`,
        [`its ports: ${portsOf(service)}`],
        ['Ask at one of its ports (--port), or add this one to the Service:', `$ kubectl -n ${namespace} edit service ${name}`],
      );
    }
    const end = packetEnd(evidence, 'rule', 'reject');
    if (end?.stop.facts.chain !== CHECK || !wouldBeKnown(evidence, destination)) return undefined;
    return draft(
      leg,
      `No Service has the address ${hostPort(destination, port)}, which lies in the range of Services.`,
      [`${end.hop.node}: ${end.stop.decidedBy ?? end.stop.message}`],
      ['Whoever asks for it remembers a Service that is gone: use its name, whose address DNS knows.', '$ kubectl get services -A'],
    );
  },
};

import { answered } from '../../probe/probe.ts';
import type { Cause } from '../cause.ts';
import { probeWords } from '../draft.ts';
import { type Evidence, nodeOf } from '../evidence.ts';
import { type AskedProxy, askedProxy, servedBy } from '../proxy-check.ts';

type Policy = 'internalTrafficPolicy' | 'externalTrafficPolicy';

/**
 * The field by which this node drops what it may not send elsewhere. From outside that is externalTrafficPolicy; the node's own pods and processes
 * are let through by it (pkg/proxy/iptables/proxier.go, "short-circuit").
 */
const policyOf = (evidence: Evidence, { asked, expected, check }: AskedProxy): Policy | undefined => {
  const { service, snapshot } = asked;
  // IPVS uses the endpoints of other nodes then
  if (check.skipped !== undefined || check.mode === 'ipvs' || !expected || servedBy(evidence, snapshot) !== undefined) return undefined;
  if (expected.frontend.kind === 'cluster IP') return expected.verdict === 'drop' ? 'internalTrafficPolicy' : undefined;
  const isOutside = nodeOf(evidence.from) !== snapshot.node;
  return service.externalTrafficPolicy === 'Local' && isOutside && expected.verdict === 'forward' && expected.required.length === 0
    ? 'externalTrafficPolicy'
    : undefined;
};

const MOST = 5;

export const noLocalEndpoint: Cause = {
  code: 'ND4010',
  summary: 'The Service is for endpoints of the same node only (traffic policy Local), and the node has none.',
  implies: ['ND3003', 'ND3004', 'ND4005', 'ND4009'],
  recognise: (evidence) => {
    const proxy = askedProxy(evidence);
    const policy = proxy && policyOf(evidence, proxy);
    if (!proxy || policy === undefined || answered(proxy.asked.leg.probe) > 0) return undefined;
    const { service, snapshot, endpoints, leg } = proxy.asked;
    const { namespace, name } = service;
    const elsewhere = [...new Set(endpoints.filter(({ ready }) => ready).flatMap(({ node }) => node ?? []))];
    return {
      severity: 'problem',
      confidence: proxy.faults.length === 0 ? 'certain' : 'likely',
      title: `Service ${namespace}/${name} has no endpoint on ${snapshot.node}, and its ${policy} is Local: the node drops what it is sent.`,
      place: { node: snapshot.node },
      evidence: [
        probeWords(leg),
        `${policy}: Local; ready endpoints on: ${elsewhere.slice(0, MOST).join(', ')}${elsewhere.length > MOST ? ` and ${elsewhere.length - MOST} more nodes` : ''}`,
      ],
      fix: [
        `Run a pod of the Service on ${snapshot.node} (a DaemonSet does on every node), or let it be served from everywhere:`,
        `$ kubectl -n ${namespace} patch service ${name} -p '{"spec":{"${policy}":"Cluster"}}'`,
        ...(policy === 'externalTrafficPolicy' ? ["With Cluster the pods no longer see the client's address."] : []),
      ],
      notes: [],
    };
  },
};

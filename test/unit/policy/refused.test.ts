import { expect } from 'chai';
import { checkPolicies } from '../../../src/policy/manifest/check.ts';
import { parseManifests } from '../../../src/policy/manifest/parse.ts';

/** What is said of a policy before anybody applies it: field and reason. */
const faultsOf = (apiVersion: string, kind: string, spec: string, name = 'p', namespace = 'shop'): string[] => {
  const where = namespace === '' ? '' : `, namespace: ${namespace}`;
  const text = `apiVersion: ${apiVersion}\nkind: ${kind}\nmetadata: {name: ${name}${where}}\nspec: ${spec}\n`;
  return checkPolicies(parseManifests([{ file: 'p.yaml', text }]).manifests).map(({ field, reason }) => `${field?.replace('spec.', '')}: ${reason}`);
};

type Case = [spec: string, fault?: string];

const judgeAll = (faults: (spec: string) => string[], cases: readonly Case[]): void => {
  for (const [spec, fault] of cases)
    it(`${spec} is ${fault === undefined ? 'taken' : 'refused'}`, () => expect(faults(spec)).to.deep.equal(fault === undefined ? [] : [fault]));
};

describe('does the API server take this NetworkPolicy?', () => {
  const block = (cidr: string): string => `{ingress: [{from: [{ipBlock: {cidr: "${cidr}"}}]}]}`;
  judgeAll(
    (spec) => faultsOf('networking.k8s.io/v1', 'NetworkPolicy', spec),
    [
      ['{policyTypes: [Ingress, Ingress]}'],
      ['{policyTypes: [Ingress, Egress, Ingress]}', 'policyTypes: at most two types are allowed'],
      [
        '{podSelector: {matchExpressions: [{key: a, operator: In, values: ["b c"]}]}}',
        'podSelector.matchExpressions[0].values[0]: "b c" is no label value',
      ],
      [block('10.0.0.0/8')],
      [block('fe80::1%eth0/64'), 'ingress[0].from[0].ipBlock.cidr: "fe80::1%eth0/64" is no network: ADDRESS/LENGTH is expected'],
      [block('10.0.0.0/255.0.0.0'), 'ingress[0].from[0].ipBlock.cidr: "10.0.0.0/255.0.0.0" is no network: ADDRESS/LENGTH is expected'],
    ],
  );
});

describe('does the API server take this policy of the administrators?', () => {
  const egress = (rule: string): string => `{tier: Admin, priority: 1, subject: {namespaces: {}}, egress: [{action: Accept, ${rule}}]}`;
  const many = Array.from({ length: 26 }, (_, index) => `10.0.${index}.0/24`).join(', ');
  judgeAll(
    (spec) => faultsOf('policy.networking.k8s.io/v1alpha2', 'ClusterNetworkPolicy', spec, 'p', ''),
    [
      [egress('to: [{domainNames: ["*.example.org"]}]')],
      [egress('to: [{domainNames: ["*"]}]'), 'egress[0].to[0].domainNames[0]: "*" is no domain name'],
      [egress('to: [{networks: []}]'), 'egress[0].to[0].networks: 1 to 25 items are expected'],
      [egress(`to: [{networks: [${many}]}]`), 'egress[0].to[0].networks: 1 to 25 items are expected'],
    ],
  );

  it('by name in a baseline, which only the newer one knows', () => {
    const spec = '{subject: {namespaces: {}}, egress: [{action: Allow, to: [{domainNames: [example.org]}]}]}';
    expect(faultsOf('policy.networking.k8s.io/v1alpha1', 'BaselineAdminNetworkPolicy', spec, 'default', '')).to.deep.equal([
      'egress[0].to[0].domainNames: a baseline policy of this version knows no names',
    ]);
  });
});

describe("does Calico's API take this policy?", () => {
  const ingress = (rule: string): string => `{ingress: [{action: Allow, ${rule}}]}`;
  const egress = (rule: string): string => `{egress: [{action: Allow, ${rule}}]}`;
  judgeAll(
    (spec) => faultsOf('projectcalico.org/v3', 'GlobalNetworkPolicy', spec, 'p', ''),
    [
      [ingress('destination: {ports: [web]}')],
      [ingress('source: {notPorts: [web]}')],
      [ingress('protocol: 7, source: {ports: []}')],
      [ingress('protocol: "132", destination: {ports: ["100:200"]}')],
      [ingress('destination: {ports: [80]}'), 'ingress[0].destination.ports: ports need protocol TCP, UDP or SCTP'],
      [
        ingress('protocol: TCP, destination: {ports: ["0:80"]}'),
        'ingress[0].destination.ports[0]: "0:80" is no port: a number, FIRST:LAST or a name is expected',
      ],
      [ingress('protocol: tcp'), 'ingress[0].protocol: tcp is written in capitals'],
      [ingress('ipVersion: 5'), 'ingress[0].ipVersion: 4 or 6 is expected, not 5'],
      [ingress('protocol: ICMPv6, ipVersion: 4'), 'ingress[0].ipVersion: ICMPv6 is of IPv6'],
      [ingress('icmp: {type: 8}'), 'ingress[0].icmp: it needs protocol ICMP or ICMPv6'],
      [ingress('protocol: UDP, http: {methods: [GET]}'), 'ingress[0].http: it needs protocol TCP, or none'],
      [egress('http: {methods: [GET]}'), 'egress[0].http: only ingress rules may have it'],
      [ingress('source: {nets: [10.0.0.0/8, "fd00::/8"]}'), 'ingress[0]: networks of both families in one rule never match together'],
      [ingress('ipVersion: 6, source: {nets: [10.0.0.0/8]}'), 'ingress[0].ipVersion: its networks are of IPv4'],
      [ingress('source: {nets: [10.0.0.1]}'), 'ingress[0].source.nets: "10.0.0.1" is an address: ADDRESS/LENGTH is expected'],
      [ingress('source: {nets: [10.0.0.1/8]}'), 'ingress[0].source.nets: "10.0.0.1/8" has bits behind its length'],
      [ingress('source: {notNets: ["::/0"]}'), 'ingress[0].source.notNets: a rule that takes out every address matches nothing'],
      [ingress('source: {namespaceSelector: global()}')],
      [ingress('source: {namespaceSelector: global() || has(a)}'), 'ingress[0].source.namespaceSelector: global() stands alone'],
      [ingress('source: {selector: global()}'), 'ingress[0].source.selector: global() may stand in the namespaceSelector of a rule only'],
      ['{selector: global()}', 'selector: global() may stand in the namespaceSelector of a rule only'],
      [egress('destination: {services: {name: db, namespace: shop}}')],
      [egress('destination: {services: {name: db}}'), 'egress[0].destination.services.namespace: a global policy has to say it'],
      [egress('source: {services: {name: db, namespace: shop}}'), 'egress[0].source.services: an egress rule has Services in its destination only'],
      [
        egress('destination: {selector: all(), services: {name: db, namespace: shop}}'),
        'egress[0].destination.services: it stands alone: selector is not allowed beside it',
      ],
      ['{types: [Ingress, Ingress]}', 'types: a type is named twice'],
      ['{doNotTrack: true}', 'applyOnForward: it must be true where preDNAT or doNotTrack is'],
      ['{preDNAT: true, applyOnForward: true, egress: [{action: Allow}]}', 'egress: a preDNAT policy has no egress rules'],
      ['{performanceHints: [AssumeNeededOnEveryNode]}'],
      ['{performanceHints: [fast]}', 'performanceHints: AssumeNeededOnEveryNode is the only hint there is'],
    ],
  );

  it('is asked what becomes of a staged one', () => {
    const staged = (spec: string): string[] => faultsOf('projectcalico.org/v3', 'StagedNetworkPolicy', spec);
    expect(staged('{stagedAction: Delete}')).to.deep.equal([]);
    expect(staged('{stagedAction: Drop}')).to.deep.equal(['stagedAction: Set, Delete, Learn, Ignore is expected, not "Drop"']);
    expect(staged('{stagedAction: Delete, selector: all()}')).to.deep.equal(['stagedAction: what is to be deleted has no other fields']);
  });
});

describe('does Cilium apply this policy?', () => {
  const ingress = (rule: string): string => `{endpointSelector: {}, ingress: [{${rule}}]}`;
  const egress = (rule: string): string => `{endpointSelector: {}, egress: [{${rule}}]}`;
  const ports = (port: string, rules = ''): string => `toPorts: [{ports: [{${port}}]${rules}}]`;
  judgeAll(
    (spec) => faultsOf('cilium.io/v2', 'CiliumNetworkPolicy', spec),
    [
      ['{endpointSelector: {}}', 'spec: rules are expected: ingress, ingressDeny, egress, egressDeny'],
      [
        ingress('fromEndpoints: [{}], fromCIDR: [10.0.0.0/8]'),
        'ingress[0]: fromEndpoints and fromCIDR in one rule are not allowed: two rules are expected',
      ],
      [
        `{endpointSelector: {}, egress: [{${ports('port: "80"')}, icmps: [{fields: [{type: 8}]}]}]}`,
        'egress[0]: toPorts and icmps in one rule are not allowed: two rules are expected',
      ],
      [ingress(ports('port: 80')), 'ingress[0].toPorts[0].ports[0].port: a text is expected: "80"'],
      [ingress(ports('port: "80-90"')), 'ingress[0].toPorts[0].ports[0].port: "80-90" is no port: a number from 0 to 65535 or a name is expected'],
      [ingress(ports('port: "80"', ', rules: {http: [{}]}')), 'ingress[0].toPorts[0].ports[0]: HTTP rules need protocol TCP'],
      [ingress(ports('port: "80", protocol: TCP', ', rules: {http: [{}]}'))],
      [ingress(ports('port: "53"', ', rules: {dns: [{matchPattern: "*"}]}')), 'ingress[0].toPorts[0].rules: DNS rules are for egress only'],
      [egress(ports('port: "53"', ', rules: {dns: [{matchPattern: "*"}]}'))],
      [egress('toFQDNs: [{matchName: a.org, matchPattern: "*.org"}]'), 'egress[0].toFQDNs[0]: either matchName or matchPattern is expected'],
      [egress('toCIDR: [10.0.0.1]')],
      [egress('toCIDRSet: [{cidr: 10.0.0.1}]'), 'egress[0].toCIDRSet[0].cidr: "10.0.0.1" is no network: ADDRESS/LENGTH is expected'],
      [egress('toCIDRSet: [{cidr: 10.0.0.0/8, except: [11.0.0.0/8]}]'), 'egress[0].toCIDRSet[0].except[0]: 11.0.0.0/8 is not in 10.0.0.0/8'],
      [
        egress('toCIDRSet: [{cidr: 10.0.0.0/8, cidrGroupRef: g}]'),
        'egress[0].toCIDRSet[0]: one of cidr, cidrGroupRef and cidrGroupSelector is expected',
      ],
    ],
  );
});

describe('does an API server take what policies refer to?', () => {
  const calico =
    (kind: string, name: string) =>
    (spec: string): string[] =>
      faultsOf('projectcalico.org/v3', kind, spec, name, '');
  judgeAll(calico('Tier', 'first'), [
    ['{}'],
    ['{order: 10, defaultAction: Pass}'],
    ['{defaultAction: Allow}', 'defaultAction: Deny, Pass is expected, not "Allow"'],
  ]);
  judgeAll(calico('Tier', 'default'), [
    ['{order: 1000000, defaultAction: Deny}'],
    ['{order: 1000000, defaultAction: Pass}', 'defaultAction: the defaultAction of tier default is Deny'],
  ]);
  judgeAll(calico('GlobalNetworkSet', 's'), [
    ['{nets: [10.0.0.0/8, 10.0.0.1, "fd00::/8"]}'],
    ['{nets: [10.0.0.0/33]}', 'nets[0]: "10.0.0.0/33" is no network and no address'],
  ]);
  judgeAll(calico('HostEndpoint', 'h'), [
    ['{node: n, interfaceName: "*"}'],
    ['{node: n, expectedIPs: [10.0.0.1]}'],
    ['{node: n}', 'spec: interfaceName or expectedIPs is expected'],
    ['{interfaceName: eth0}', 'node: it is required'],
  ]);
  judgeAll(
    (spec) => faultsOf('cilium.io/v2', 'CiliumCIDRGroup', spec, 'g', ''),
    [['{externalCIDRs: [10.0.0.0/8]}'], ['{externalCIDRs: [ten]}', 'externalCIDRs[0]: "ten" is no network and no address']],
  );
});

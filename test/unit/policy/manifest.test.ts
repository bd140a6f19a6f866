import { expect } from 'chai';
import { checkPolicies, countUnread } from '../../../src/policy/manifest/check.ts';
import { parseManifests } from '../../../src/policy/manifest/parse.ts';
import { checkShapes } from '../../../src/policy/manifest/shape.ts';

const problemsIn = (text: string): string[] => {
  const { manifests, problems } = parseManifests([{ file: 'p.yaml', text }]);
  return [...problems, ...checkPolicies(manifests)].map(
    ({ file, line, object, field, reason }) => `${file}:${line}: ${[object, field].filter(Boolean).join(' ')}: ${reason}`,
  );
};

const HEAD = 'apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata:\n  name: web\n  namespace: shop\nspec:\n';

describe('a file of manifests', () => {
  it('gives every object of every document and every list, each with its line', () => {
    const { manifests, problems } = parseManifests([
      {
        file: 'all.yaml',
        text: `# first\n${HEAD}  podSelector: {}\n---\n---\napiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: Pod\n  metadata: {name: a}\n- apiVersion: v1\n  kind: PodList\n  items:\n  - metadata: {name: b}\n`,
      },
      { file: 'one.json', text: '{"apiVersion":"v1","kind":"Namespace","metadata":{"name":"shop"}}' },
    ]);
    expect(problems).to.deep.equal([]);
    expect(
      manifests.map(({ object, file, lineOf }) => `${file}:${lineOf([])} ${object.apiVersion} ${object.kind} ${object.metadata.name}`),
    ).to.deep.equal([
      'all.yaml:2 networking.k8s.io/v1 NetworkPolicy web',
      'all.yaml:14 v1 Pod a',
      'all.yaml:20 v1 Pod b',
      'one.json:1 v1 Namespace shop',
    ]);
  });

  it('says what is no object', () => {
    expect(problemsIn('a: [b\n')).to.have.length(1);
    expect(problemsIn('just words')).to.deep.equal(['p.yaml:1: (the object): no API object: apiVersion, kind and metadata are expected']);
    expect(problemsIn('apiVersion: v1\nkind: Pod\nmetadata:\n  labels: {}\n')).to.deep.equal(['p.yaml:3: Pod metadata.name: it is required']);
    expect(problemsIn('apiVersion: v1\nkind: Pod\nmetadata:\n  name: a\n  labels:\n    app: 1\n')).to.deep.equal([
      'p.yaml:6: Pod a metadata.labels.app: a text is expected, not 1',
    ]);
  });

  it('counts what nothing reads', () => {
    const { manifests } = parseManifests([
      { file: 'x', text: 'apiVersion: v1\nkind: Secret\nmetadata: {name: a}\n---\napiVersion: v1\nkind: Secret\nmetadata: {name: b}\n' },
    ]);
    expect(
      countUnread(
        manifests.map(({ object }) => object),
        () => false,
      ),
    ).to.deep.equal([{ apiVersion: 'v1', kind: 'Secret', count: 2 }]);
  });
});

describe('a manifest that is wrong', () => {
  const wrong: [what: string, spec: string, expected: string[]][] = [
    ['a field that does not exist', '  podSelector: {}\n  ingres: []\n', ['p.yaml:8: NetworkPolicy shop/web spec.ingres: unknown field']],
    [
      'a misspelt peer',
      '  ingress:\n  - from:\n    - podselector: {}\n',
      [
        'p.yaml:9: NetworkPolicy shop/web spec.ingress[0].from[0].podselector: unknown field',
        'p.yaml:9: NetworkPolicy shop/web spec.ingress[0].from[0]: a peer is expected: podSelector, namespaceSelector or ipBlock',
      ],
    ],
    [
      'a block beside a selector',
      '  ingress:\n  - from:\n    - podSelector: {}\n      ipBlock: {cidr: 10.0.0.0/8}\n',
      ['p.yaml:9: NetworkPolicy shop/web spec.ingress[0].from[0]: ipBlock stands alone: another selector is not allowed beside it'],
    ],
    [
      'an exception outside of its block',
      '  ingress:\n  - from:\n    - ipBlock:\n        cidr: 10.0.0.0/8\n        except: [11.0.0.0/16, 10.0.0.0/8]\n',
      [
        'p.yaml:11: NetworkPolicy shop/web spec.ingress[0].from[0].ipBlock.except[0]: 11.0.0.0/16 is not a part of 10.0.0.0/8',
        'p.yaml:11: NetworkPolicy shop/web spec.ingress[0].from[0].ipBlock.except[1]: 10.0.0.0/8 is not a part of 10.0.0.0/8',
      ],
    ],
    [
      'no network',
      '  ingress:\n  - from:\n    - ipBlock: {cidr: 10.0.0.300/8}\n',
      ['p.yaml:9: NetworkPolicy shop/web spec.ingress[0].from[0].ipBlock.cidr: "10.0.0.300/8" is no network: ADDRESS/LENGTH is expected'],
    ],
    [
      'ports that are none',
      '  ingress:\n  - ports:\n    - {port: 70000}\n    - {port: "80"}\n    - {port: 80, endPort: 79}\n    - {endPort: 80}\n    - {port: http, endPort: 80}\n    - {protocol: ICMP}\n',
      [
        'p.yaml:9: NetworkPolicy shop/web spec.ingress[0].ports[0].port: a whole number from 1 to 65535 is expected, not 70000',
        'p.yaml:10: NetworkPolicy shop/web spec.ingress[0].ports[1].port: "80" is no port name',
        'p.yaml:11: NetworkPolicy shop/web spec.ingress[0].ports[2].endPort: it must not be less than port, which is 80',
        'p.yaml:12: NetworkPolicy shop/web spec.ingress[0].ports[3].endPort: it needs port',
        'p.yaml:13: NetworkPolicy shop/web spec.ingress[0].ports[4].endPort: it needs a port that is a number',
        'p.yaml:14: NetworkPolicy shop/web spec.ingress[0].ports[5].protocol: TCP, UDP, SCTP is expected, not "ICMP"',
      ],
    ],
    [
      'selectors that are none',
      '  podSelector:\n    matchLabels: {app: [a]}\n    matchExpressions:\n    - {key: a, operator: In}\n    - {key: a, operator: Is}\n    - {operator: Exists}\n    - {key: "-", operator: Exists, values: [x]}\n',
      [
        'p.yaml:8: NetworkPolicy shop/web spec.podSelector.matchLabels.app: a text is expected, not ["a"]',
        'p.yaml:10: NetworkPolicy shop/web spec.podSelector.matchExpressions[0]: In needs at least one value',
        'p.yaml:11: NetworkPolicy shop/web spec.podSelector.matchExpressions[1].operator: In, NotIn, Exists, DoesNotExist is expected, not "Is"',
        'p.yaml:12: NetworkPolicy shop/web spec.podSelector.matchExpressions[2].key: it is required',
        'p.yaml:13: NetworkPolicy shop/web spec.podSelector.matchExpressions[3].values: Exists takes no values',
        'p.yaml:13: NetworkPolicy shop/web spec.podSelector.matchExpressions[3].key: "-" is no label key',
      ],
    ],
    [
      'types that are none',
      '  policyTypes: [ingress]\n',
      ['p.yaml:7: NetworkPolicy shop/web spec.policyTypes[0]: Ingress, Egress is expected, not "ingress"'],
    ],
    ['a list that is none', '  ingress: {}\n', ['p.yaml:7: NetworkPolicy shop/web spec.ingress: a list is expected']],
  ];
  for (const [what, spec, expected] of wrong)
    it(`with ${what} is said with line and field`, () => expect(problemsIn(HEAD + spec)).to.deep.equal(expected));

  it('and has an object twice is said with both places', () => {
    const other = `${HEAD}  podSelector: {}\n`.replace('namespace: shop', 'namespace: ops');
    expect(problemsIn(`${HEAD}  podSelector: {}\n---\n${other}`)).to.deep.equal([]);
    expect(problemsIn(`${HEAD}  podSelector: {}\n---\n${HEAD}  ingress: []\n`)).to.deep.equal([
      'p.yaml:12: NetworkPolicy shop/web metadata.name: it is written twice: p.yaml:4 has it, too',
    ]);
  });

  it('of another kind is, too', () => {
    expect(
      problemsIn(
        'apiVersion: policy.networking.k8s.io/v1alpha2\nkind: ClusterNetworkPolicy\nmetadata: {name: c}\nspec:\n  tier: Middle\n  priority: 1001\n  subject: {}\n  ingress:\n  - action: Allow\n    from: []\n',
      ),
    ).to.deep.equal([
      'p.yaml:5: ClusterNetworkPolicy c spec.tier: Admin, Baseline is expected, not "Middle"',
      'p.yaml:6: ClusterNetworkPolicy c spec.priority: a whole number from 0 to 1000 is expected, not 1001',
      'p.yaml:7: ClusterNetworkPolicy c spec.subject: exactly one of its fields is expected',
      'p.yaml:9: ClusterNetworkPolicy c spec.ingress[0].action: Accept, Deny, Pass is expected, not "Allow"',
      'p.yaml:10: ClusterNetworkPolicy c spec.ingress[0].from: at least one peer is expected',
    ]);
    expect(
      problemsIn(
        'apiVersion: projectcalico.org/v3\nkind: GlobalNetworkPolicy\nmetadata: {name: g}\nspec:\n  selector: app = "x"\n  ingress:\n  - action: Maybe\n    destination: {ports: [80]}\n',
      ),
    ).to.deep.equal([
      'p.yaml:5: GlobalNetworkPolicy g spec.selector: selector "app = \\"x\\"": an operator is expected after label "app"',
      'p.yaml:7: GlobalNetworkPolicy g spec.ingress[0].action: Allow, Deny, Log, Pass is expected, not "Maybe"',
      'p.yaml:8: GlobalNetworkPolicy g spec.ingress[0].destination.ports: ports need protocol TCP, UDP or SCTP',
    ]);
    expect(
      problemsIn('apiVersion: cilium.io/v2\nkind: CiliumNetworkPolicy\nmetadata: {name: c, namespace: shop}\nspec:\n  ingress: [{}]\n'),
    ).to.deep.equal(['p.yaml:4: CiliumNetworkPolicy shop/c spec: endpointSelector or nodeSelector is expected']);
  });
});

describe('a pod of a manifest that cannot be read', () => {
  const faultsOf = (text: string): string[] =>
    checkShapes(parseManifests([{ file: 'p.yaml', text }]).manifests).map(
      ({ line, object, field, reason }) => `${line}: ${object} ${field}: ${reason}`,
    );

  it('is said with line and field', () => {
    const pod =
      'apiVersion: v1\nkind: Pod\nmetadata: {name: web}\nspec:\n  containers:\n  - name: a\n    ports: {}\n  - ports: [{containerPort: http}]\n';
    expect(faultsOf(pod)).to.deep.equal([
      '7: Pod web spec.containers[0].ports: a list is expected',
      '8: Pod web spec.containers[1].ports[0].containerPort: a whole number from 1 to 65535 is expected, not "http"',
    ]);
  });

  it('is said of the template that makes it, too, and of what else is read', () => {
    expect(faultsOf('apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec: {template: {spec: {containers: nginx}}}\n')).to.deep.equal([
      '4: Deployment web spec.template.spec.containers: a list is expected',
    ]);
    expect(faultsOf('apiVersion: v1\nkind: Service\nmetadata: {name: web}\nspec: {selector: web, ports: 80}\n')).to.have.length(2);
    expect(faultsOf('apiVersion: v1\nkind: Service\nmetadata: {name: web}\nspec: {selector: {app: web}, ports: [{port: 80}]}\n')).to.deep.equal([]);
  });
});

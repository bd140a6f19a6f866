import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { POLICY_EXPECTED } from '../../e2e/policy-expected.ts';
import { replayPath } from './replay.ts';

const directory = join(import.meta.dirname, '../../fixtures/policies');

/** Of the incidents of the lab with Felix, those with Cilium's own words for them. */
const ON_CILIUM: Record<string, RegExp> = {
  'namespace-isolated':
    /^cilium on node2 denies it by policy map of endpoint \d+: "no entry allows identity \d+ \(k8s:app=ingress-nginx\); drop reason Policy denied, ingress"; its counter rose by 22 while the probes ran/m,
  // its agent was silent: the maps and counters of its programs are there all the same
  'policy-of-yesterday-on-node': /^node2 drops it by the programs' policy maps: "drop reason Policy denied, ingress"; its counter rose by 22 while/m,
};

/** Those of which the kernel told every drop: what the rule counted are the probes, to the packet. */
const COUNTED_EXACTLY = ['namespace-isolated', 'policy-of-yesterday-on-node', 'policy-deleted-rules-stay', 'pod-not-programmed'];

const OVER_IPV6 = 'felix-namespace-isolated-service-ipv6';

describe('an incident that has to do with policies, recorded where they are enforced, judged again', () => {
  for (const [name, { found, title, evidence }] of Object.entries(POLICY_EXPECTED)) {
    it(`${name}: ${found}, and nothing else`, async () => {
      const { findings, disagreements } = await replayPath(join(directory, `felix-${name}.tgz`));
      const [first] = findings;
      const lines = first?.evidence ?? [];
      expect(findings.map(({ code, confidence }) => `${code} ${confidence}`)).to.deep.equal([found]);
      expect(first?.title).to.match(title);
      for (const pattern of evidence)
        expect(
          lines.some((line) => pattern.test(line)),
          `${pattern} in\n${lines.join('\n')}`,
        ).to.equal(true);
      if (COUNTED_EXACTLY.includes(name))
        expect(lines.join('\n')).to.match(/its counter rose by exactly the 5 probes, some sent twice and the checks/);
      expect(disagreements).to.deep.equal([]);
    });
  }

  for (const [name, evidence] of Object.entries(ON_CILIUM)) {
    it(`${name}, on Cilium: the same, in its own words`, async () => {
      const { findings, disagreements, hops } = await replayPath(join(directory, `cilium-${name}.tgz`));
      expect(findings.map(({ code, confidence }) => `${code} ${confidence}`)).to.deep.equal([POLICY_EXPECTED[name]?.found]);
      expect(findings[0]?.title).to.match(POLICY_EXPECTED[name]?.title ?? /$./);
      expect(findings[0]?.evidence.join('\n')).to.match(evidence);
      expect(disagreements).to.deep.equal([]);
      // the tunnel's number is the identity of who sent it
      const wrapped = hops
        .filter(({ tunnel }) => tunnel !== undefined)
        .map(({ node, interface: link, seen }) => `${node} ${link} ${seen?.k}/${seen?.n}`);
      expect(wrapped).to.deep.equal(['node1 eth0 5/5', 'node2 eth0 5/5']);
    });
  }

  it('a namespace that is isolated: the smallest policy that lets the controller in, and what proves nothing', async () => {
    const { findings, hops } = await replayPath(join(directory, 'felix-namespace-isolated.tgz'));
    expect(findings[0]?.fix[1]).to.equal(
      '$ kubectl netdoctor policy ingress-nginx/controller demo/web-node2 --port 8080 --suggest | kubectl apply -f -',
    );
    expect(findings[0]?.manifest).to.equal(LETS_CONTROLLER_IN);
    expect(findings[0]?.notes).to.have.length(2);
    expect(hops.at(-1)?.stop?.message).to.match(
      /^dropped by filter cali-tw-\w+ #7: "cali:\S+" "End of tier default\. Drop if no policies passed packet" -m mark --mark 0x0\/0x20000 -j DROP$/,
    );
  });

  it("behind a Service the other endpoints' denials are no disagreement, and are named", async () => {
    const { findings } = await replayPath(join(directory, 'felix-namespace-isolated-service.tgz'));
    expect(findings[0]?.evidence.at(-1)).to.match(/^policies deny it at the Service's other endpoints, too: demo\/web-\S+/);
  });

  it('over IPv6 it is the same, by the rules of ip6tables', async () => {
    const { findings, disagreements, hops } = await replayPath(join(directory, `${OVER_IPV6}.tgz`));
    const [first] = findings;
    expect(findings.map(({ code, confidence }) => `${code} ${confidence}`)).to.deep.equal(['ND5001 certain']);
    expect(first?.title).to.match(POLICY_EXPECTED['namespace-isolated-service']?.title ?? /$./);
    expect(first?.evidence.join('\n'))
      .to.match(
        /^calico on node\d denies it by ip6tables filter cali-tw-cali\w+ #\d+: "End of tier default\. Drop if no policies passed packet"; its counter rose by/m,
      )
      .and.match(/^policies deny it at the Service's other endpoints, too: demo\/web-\S+/m);
    expect(first?.manifest).to.equal(LETS_CONTROLLER_IN.replace('web-node2-8080', 'web-8080'));
    expect(hops.at(-1)?.packet.destination).to.match(/^fd00:/);
    expect(disagreements).to.deep.equal([]);
  });

  it('covers every recording there is', () => {
    const recorded = readdirSync(directory).map((file) => file.replace('.tgz', ''));
    const felix = Object.keys(POLICY_EXPECTED).map((name) => `felix-${name}`);
    expect(recorded.sort()).to.deep.equal([OVER_IPV6, ...felix, ...Object.keys(ON_CILIUM).map((name) => `cilium-${name}`)].sort());
  });
});

const LETS_CONTROLLER_IN = `apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: allow-controller-to-web-node2-8080
  namespace: demo
spec:
  podSelector:
    matchLabels:
      app: web
  policyTypes:
    - Ingress
  ingress:
    - from:
        - namespaceSelector:
            matchLabels:
              kubernetes.io/metadata.name: ingress-nginx
          podSelector:
            matchLabels:
              app: ingress-nginx
      ports:
        - protocol: TCP
          port: 8080
`;

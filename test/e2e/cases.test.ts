import { expect } from 'chai';
import { faultNamed } from '../lab/faults/index.ts';
import { lab } from './cluster.ts';
import { during, HEALING_TIMEOUT } from './heal.ts';
import { netdoctor, path } from './netdoctor.ts';

const whileBroken = async <Answer>(name: string, ask: () => Promise<Answer>): Promise<Answer> => {
  if (!lab) throw new Error('only on the lab');
  return during(lab, name, ask);
};

const skips = (name: string): boolean => !lab || !faultNamed(name).appliesTo(lab.plan.options);

describe('case 1: the network between the nodes drops VXLAN', function () {
  this.timeout(HEALING_TIMEOUT);

  it('is certain, shows where the probes ended, clears the nodes, and advises only what can work', async function () {
    if (skips('underlay-drops-tunnel')) return this.skip();
    const { findings, hops, verdict } = await whileBroken('underlay-drops-tunnel', () => path(['-n', 'demo', 'client-node1', 'server-node2']));
    const [first, ...others] = findings;
    expect(first).to.include({ code: 'ND2101', confidence: 'certain' });
    expect(others).to.deep.equal([]);
    expect(verdict).to.equal('broken');
    const underlay = hops.filter(({ tunnel }) => tunnel !== undefined).map(({ node, seen }) => `${node} ${seen?.k}/${seen?.n}`);
    expect(underlay).to.deep.equal(['node1 5/5', 'node2 0/5']);
    expect(first?.evidence.join('\n'))
      .to.match(/5 of 5 probes left node1 eth0 as UDP 8472, 0 arrived on node2 eth0/)
      .and.match(/node node1 → node node2: 3 of 3 answered/)
      .and.match(/VTEP MAC agree/);
    const advice = first?.fix.join('\n') ?? '';
    if (lab?.plan.options.subnets === 'routed') expect(advice).to.not.include('DirectRouting');
    else expect(advice).to.include('DirectRouting');
    return undefined;
  });
});

describe('case 4: two namespaces hold the same address', function () {
  this.timeout(HEALING_TIMEOUT);

  it('names the leaked namespace, its veth, and who sent the refusals', async function () {
    if (skips('duplicate-address-intermittent')) return this.skip();
    const { findings, verdict } = await whileBroken('duplicate-address-intermittent', () => path(['-n', 'demo', 'client-node1', 'server-node2']));
    const [first] = findings;
    expect(verdict).to.equal('intermittent');
    expect(first).to.include({ code: 'ND1101', confidence: 'certain' });
    const text = [first?.title, ...(first?.evidence ?? [])].join('\n');
    expect(text)
      .to.match(/\/run\/docker\/netns\/1f0c5d2a9b7e/)
      .and.match(/no process/)
      .and.match(/02:42:ac:11:00:02/)
      .and.match(/vethleaked/)
      .and.match(/\d+ of 20 answered/);
    expect(first?.fix.join('\n')).to.include('ip link del');
    return undefined;
  });
});

describe('Services', function () {
  this.timeout(60_000);
  before(function () {
    if (!lab) this.skip();
  });

  it('one without endpoints is named, with the reason', async () => {
    const { findings } = await path(['-n', 'demo', 'client-node1', 'svc/nobody']);
    expect(findings[0]).to.include({ code: 'ND4003', confidence: 'certain' });
    expect(findings[0]?.title).to.include('app=nobody');
  });

  it('one with a wrong targetPort is named', async () => {
    await lab?.kubectl(
      ['-n', 'demo', 'apply', '-f', '-'],
      JSON.stringify({
        apiVersion: 'v1',
        kind: 'Service',
        metadata: { name: 'wrong-port' },
        spec: { selector: { app: 'web' }, ports: [{ port: 80, targetPort: 8099 }] },
      }),
    );
    try {
      const { findings } = await path(['-n', 'demo', 'client-node1', 'svc/wrong-port']);
      expect(`${findings[0]?.code} ${findings[0]?.title}`).to.match(/^ND4004 .*8099/);
    } finally {
      await lab?.kubectl(['-n', 'demo', 'delete', 'service', 'wrong-port', '--wait=true']);
    }
  });

  it('a port nobody listens on is named', async () => {
    const { findings } = await path(['-n', 'demo', 'client-node1', 'server-node2', '--port', '9']);
    expect(findings[0]).to.include({ code: 'ND4001', confidence: 'certain' });
  });

  it('ends with exit code 1 for a problem and 0 without', async () => {
    expect((await netdoctor(['path', '-n', 'demo', 'client-node1', 'svc/nobody'])).exitCode).to.equal(1);
    expect((await netdoctor(['path', '-n', 'demo', 'client-node1', 'svc/web'])).exitCode).to.equal(0);
  });
});

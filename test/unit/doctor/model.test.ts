import { expect } from 'chai';
import { renderPath } from '../../../src/report/path.ts';
import type { PathReport } from '../../../src/report/report.ts';
import { EXPECTED } from '../../e2e/expected.ts';
import { matchSnapshot } from '../snapshot.ts';
import { replay, replayModel } from './replay.ts';

/** What cannot be told from what nodes say of themselves. */
const BEYOND: Record<string, PathReport['verdict']> = {
  // a firewall between the nodes
  'underlay-drops-tunnel': 'healthy',
  'underlay-drops-pods': 'healthy',
  // whoever has the address that the FDB names
  'fdb-wrong': 'unknown',
  // two answer for one address, and who answers last wins
  'duplicate-address': 'unknown',
  'duplicate-address-intermittent': 'unknown',
};

describe('an incident recorded on the lab, predicted without its probes', () => {
  for (const name of ['healthy', 'healthy-service', ...Object.keys(EXPECTED)]) {
    it(`${name}: as it was`, async () => {
      const [was, predicted] = [await replay(name), await replayModel(name)];
      expect(predicted.verdict).to.equal(BEYOND[name] ?? was.verdict);
      if (name in BEYOND) return;
      expect(predicted.findings.map(({ code, place }) => ({ code, place }))).to.deep.equal(was.findings.map(({ code, place }) => ({ code, place })));
      expect(predicted.findings.filter(({ confidence }) => confidence === 'certain')).to.deep.equal([]);
      expect(predicted.checks.every((check) => check.predicted)).to.equal(true);
    });
  }
});

/** The fix each report names, as it would be typed on the node. */
const FIXES: Record<string, string[]> = {
  'forward-rule-drop': ['node2: iptables -D FORWARD 1'],
  'forward-rule-reject': ['node2: iptables -D FORWARD 1'],
  'forward-policy-drop': ['node1: iptables -P FORWARD ACCEPT', 'node2: iptables -P FORWARD ACCEPT'],
  'ip-forward-off': ['node1: sysctl -w net.ipv4.ip_forward=1', 'node2: sysctl -w net.ipv4.ip_forward=1'],
  'vtep-neighbour-missing': ['node1: ip neigh replace 10.244.2.0 dev flannel.1 lladdr 6a:60:5f:69:2f:33 nud permanent'],
  'veth-off-bridge': ['node2: ip link set veth7a7ad003 master cni0'],
};

describe('a fix, tried on a recorded incident', () => {
  for (const [name, fixes] of Object.entries(FIXES)) {
    it(`${name}: ${fixes.join(', ')} is predicted to help`, async () => {
      const { verdict, model, findings } = await replayModel(name, ...fixes);
      expect({ verdict, findings }).to.deep.equal({ verdict: 'healthy', findings: [] });
      expect(model?.before?.ok).to.equal(0);
    });
  }

  it('that is typed wrong is answered with one line', async () => {
    let said = '';
    await replayModel('healthy', 'node1: iptables -D FORWARD 99').catch((error: Error) => {
      said = error.message;
    });
    expect(said).to.match(/^error: --what-if "node1: iptables -D FORWARD 99": FORWARD has \d+ rules, and no rule 99$/);
  });

  it('reads well', async () => {
    const report = await replayModel('forward-rule-drop', 'node2: iptables -D FORWARD 1');
    const canvas = { columns: 200, colour: false, unicode: true };
    matchSnapshot('report/path-what-if', renderPath(report, canvas, { wide: false, noHeaders: false }));
  });
});

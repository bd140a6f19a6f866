import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { certain, predict } from '../../../../src/forwarding/predict.ts';
import { ruleExpressions } from '../../../../src/forwarding/what-if/nft-statement.ts';
import { cursorOn } from '../../../../src/forwarding/what-if/nft-words.ts';
import { rehearse } from '../../../../src/forwarding/what-if/rehearse.ts';
import type { World } from '../../../../src/forwarding/world.ts';
import { type FlannelCluster, flannelCluster } from '../world.ts';

/** Rules as typed, and what `nft -j list ruleset` (1.0.6) said of them afterwards. */
const vectors = JSON.parse(readFileSync(new URL('../fixtures/nft-as-typed.json', import.meta.url), 'utf8')) as [string, unknown[]][];

describe('a rule in nft’s words', () => {
  for (const [text, expr] of vectors) {
    it(`${text}: is read as nft reads it`, () => {
      expect(ruleExpressions(cursorOn(text)).expr).to.deep.equal(expr);
    });
  }
});

const withTable = (): FlannelCluster => {
  const cluster = flannelCluster();
  const match = { match: { op: '==', left: { payload: { protocol: 'ip', field: 'daddr' } }, right: '@blocked' } };
  cluster.host('node1').netfilter.nft.push({
    family: 'inet',
    name: 'guard',
    chains: [{ name: 'fwd', type: 'filter', hook: 'forward', priority: 0, policy: 'accept', rules: [{ handle: 4, expr: [match, { drop: null }] }] }],
    sets: [{ name: 'blocked', map: false, type: 'ipv4_addr', flags: [], elements: ['10.244.1.5'] }],
    objects: [],
  });
  return cluster;
};

const answerOf = (world: World, cluster: FlannelCluster): string =>
  certain(
    predict(
      { source: '', destination: '10.244.1.5', protocol: 'tcp', destinationPort: 8080 },
      { node: 'node1', netns: cluster.pod('web-0').inode },
      world,
    ).forecast,
  );

describe('nft, tried', () => {
  const tries: [string[], string][] = [
    [[], 'timeout'],
    [['node1: nft delete rule inet guard fwd handle 4'], 'ok'],
    [['node1: nft delete element inet guard blocked { 10.244.1.5 }'], 'ok'],
    [['node1: nft flush set inet guard blocked'], 'ok'],
    [['node1: nft insert rule inet guard fwd ip daddr 10.244.0.0/16 accept'], 'ok'],
    [["node1: nft 'insert rule inet guard fwd tcp dport { 8080, 9090 } accept'"], 'ok'],
    [['node1: nft replace rule inet guard fwd handle 4 tcp dport 8080 reject with tcp reset'], 'refused'],
    [['node1: nft delete table inet guard'], 'ok'],
    [['node1: nft flush chain inet guard fwd', 'node1: nft add rule inet guard fwd tcp dport 8080 counter drop'], 'timeout'],
    [['node1: nft flush ruleset'], 'ok'],
  ];
  for (const [commands, answer] of tries) {
    it(`${commands.join(', ') || 'nothing'}: ${answer}`, () => {
      const cluster = withTable();
      expect(answerOf(rehearse(cluster, commands), cluster)).to.equal(answer);
    });
  }

  const wrong: [string, RegExp][] = [
    ['node1: nft delete rule inet guard fwd handle 9', /no rule with handle 9; it has 4/],
    ['node1: nft delete rule inet guard fwd', /expected "handle N"/],
    ['node1: nft add rule inet guard fwd frobnicate drop', /"frobnicate" begins nothing/],
    ['node1: nft add rule inet guard nowhere drop', /no chain nowhere/],
    ['node1: nft list ruleset', /list ruleset cannot be tried/],
    ['node1: nft delete element inet guard blocked { 10.9.9.9 }', /no such element/],
  ];
  for (const [command, says] of wrong) {
    it(`${command}: says why`, () => {
      expect(() => rehearse(withTable(), [command])).to.throw(says);
    });
  }
});

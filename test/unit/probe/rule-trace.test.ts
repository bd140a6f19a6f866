import { expect } from 'chai';
import { runProbes } from '../../../src/probe/live/run-probes.ts';
import { createSessionMark } from '../../../src/probe/live/session-mark.ts';
import type { ProbeRequest } from '../../../src/probe/probe.ts';
import { armRuleTrace } from '../../../src/probe/rules/arm-rule-trace.ts';
import { parseRuleTrace, type RuleTrace } from '../../../src/probe/rules/rule-trace.ts';
import { localSession } from './local-session.ts';
import { createNetlab, labRefusal, type Netlab } from './netlab.ts';

const b4 = '10.244.2.5';
const b6 = 'fd44:2::5';
const n2 = 'ip netns exec $P"n2"';

const request = (id: string, protocol: ProbeRequest['protocol'], destination: string, port?: number): ProbeRequest => ({
  id,
  purpose: 'main',
  node: 'n1',
  from: { netns: 'host' },
  fromLabel: 'a',
  toLabel: destination,
  destination,
  protocol,
  ...(port === undefined ? {} : { port }),
  count: 3,
  timeoutMs: 300,
});

const requests = [
  request('udp', 'udp', b4, 9999),
  request('icmp', 'icmp', b4),
  request('tcp', 'tcp', b4, 8080),
  request('udp6', 'udp', b6, 9999),
  request('icmp6', 'icmp', b6),
];

/** Rulesets that drop all probes, and what the trace has to say. */
const rulesets: { name: string; begin: string; end: string; check: (trace: RuleTrace) => void }[] = [
  {
    name: 'an nft rule without a counter',
    begin: `${n2} nft 'table inet t { chain f { type filter hook forward priority 0; ip daddr ${b4} drop comment "why not"; ip6 daddr ${b6} drop; }; }'`,
    end: `${n2} nft delete table inet t`,
    check: ({ ends }) => {
      const rule = ends.find(({ ref }) => ref.text.includes('why not'));
      expect(rule).to.deep.include({ node: 'n2', does: 'drop' });
      expect(rule?.ref).to.include({ backend: 'nft', table: 'inet t', chain: 'f' });
      expect(rule?.ref.number).to.be.a('number');
      expect(rule?.packets).to.be.at.least(9);
      expect(ends.some(({ ref }) => ref.text.startsWith(`ip6 daddr ${b6}`))).to.equal(true);
    },
  },
  {
    name: 'an nft policy',
    begin: `${n2} nft 'table inet t { chain f { type filter hook forward priority 0; policy drop; }; }'`,
    end: `${n2} nft delete table inet t`,
    check: ({ ends }) => expect(ends.map(({ ref }) => `${ref.table} ${ref.chain} ${ref.text}`)).to.deep.equal(['inet t f policy drop of f']),
  },
  {
    name: 'rules of iptables-nft, in their own words',
    begin: `${n2} iptables-nft -A FORWARD -d ${b4} -m comment --comment "pod fw deny" -j DROP; ${n2} ip6tables-nft -A FORWARD -d ${b6} -j REJECT`,
    end: `${n2} nft delete table ip filter; ${n2} nft delete table ip6 filter`,
    check: ({ ends }) => {
      expect(ends.find(({ does }) => does === 'drop')?.ref).to.deep.equal({
        backend: 'iptables-nft',
        table: 'filter',
        chain: 'FORWARD',
        text: `-A FORWARD -d ${b4}/32 -m comment --comment "pod fw deny" -j DROP`,
      });
      expect(ends.find(({ does }) => does === 'reject')?.ref.text).to.match(/^-A FORWARD -d fd44:2::5\/128 -j REJECT/);
    },
  },
  {
    name: 'rules of iptables-legacy, by their numbers',
    begin: `${n2} iptables-legacy -A FORWARD -s 192.0.2.1 -j DROP; ${n2} iptables-legacy -A FORWARD -d ${b4} -j DROP`,
    end: `${n2} iptables-legacy -F FORWARD`,
    check: ({ legacy }) => {
      const [step] = legacy;
      expect(step).to.include({ table: 'filter', chain: 'FORWARD', number: 2 });
      expect(step?.packets).to.be.at.least(9);
    },
  },
];

const refusal = labRefusal();

describe(`rules that the kernel names${refusal === undefined ? '' : ` (skipped: ${refusal})`}`, function () {
  this.timeout(30_000);
  let lab: Netlab;
  before(async function () {
    if (refusal !== undefined) this.skip();
    lab = await createNetlab();
  });
  after(() => lab?.remove());

  const left = (): string =>
    lab.sh(`${n2} nft list tables | grep netdoctor_ || true; ${n2} cat /proc/sys/net/netfilter/nf_log/2 /proc/sys/net/netfilter/nf_log/10`);

  for (const { name, begin, end, check } of rulesets) {
    it(name, async () => {
      const before = left();
      lab.sh(begin);
      try {
        const mark = createSessionMark();
        const armed = await armRuleTrace(localSession('n2', lab.inside('n2')), mark.number, 20);
        await runProbes(localSession('n1', lab.inside('a')), requests, { mark });
        const trace = parseRuleTrace(await armed.stop());
        expect(trace.failed).to.equal(undefined);
        check(trace);
        expect(left()).to.equal(before);
      } finally {
        lab.sh(end);
      }
    });
  }

  it('says why it cannot', async () => {
    const session = localSession('n2', [...lab.inside('n2'), 'env', 'PATH=/nowhere:/bin']);
    const trace = parseRuleTrace(await (await armRuleTrace(session, 1, 5)).stop());
    expect(trace.failed).to.match(/^no nft on this node/);
  });
});

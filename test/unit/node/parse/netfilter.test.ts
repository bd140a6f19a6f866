import { expect } from 'chai';
import type { IptablesChain } from '../../../../src/node/netfilter-state.ts';
import { parseIpset } from '../../../../src/node/parse/ipset.ts';
import { parseIptables } from '../../../../src/node/parse/iptables.ts';
import { parseNft, withDevices, withoutIptables } from '../../../../src/node/parse/nft.ts';
import { splitWords } from '../../../../src/node/parse/words.ts';
import { fixture } from '../recorded.ts';

describe('iptables-save', () => {
  const { value: tables, unparsed } = parseIptables(fixture('recordings/calico-healthy/host/iptables-nft-4'), 'nft', 4);
  const chain = (table: string, name: string): IptablesChain | undefined =>
    tables.find((one) => one.table === table)?.chains.find((one) => one.name === name);

  it('of a Calico node is understood to the last line', () => {
    expect(unparsed).to.deep.equal([]);
    expect(tables.map(({ table }) => table)).to.have.members(['mangle', 'raw', 'filter', 'nat']);
  });

  it('has policies on built-in chains only', () => {
    expect(chain('filter', 'FORWARD')?.policy).to.equal('ACCEPT');
    expect(chain('filter', 'cali-FORWARD')).not.to.have.property('policy');
  });

  it('numbers rules within their chain and keeps their text', () => {
    const rules = chain('filter', 'cali-tw-cali44c7791d104')?.rules ?? [];
    expect(rules.map(({ number }) => number)).to.deep.equal(rules.map((_, at) => at + 1));
    expect(rules.at(-1)?.text).to.match(/^-m comment --comment "cali:/);
  });

  it('joins the two comments Calico writes', () => {
    const comments = chain('filter', 'cali-tw-cali44c7791d104')?.rules.map(({ comment }) => comment);
    expect(comments?.some((comment) => /^cali:\S+; Drop if no profiles matched$/.test(comment ?? ''))).to.equal(true);
  });

  const one = (line: string) => parseIptables(`*filter\n:F - [0:0]\n${line}\nCOMMIT\n`, 'legacy', 4);

  it('reads counters', () =>
    expect(one('[17:1564] -A F -j DROP').value[0]?.chains[0]?.rules[0]).to.deep.include({ packets: 17, bytes: 1564, target: 'DROP' }));
  it('reads a rule without counters', () =>
    expect(one('-A F -j ACCEPT').value[0]?.chains[0]?.rules[0]).to.deep.include({ packets: 0, target: 'ACCEPT' }));
  it('takes a goto for a target', () => expect(one('-A F -g OTHER').value[0]?.chains[0]?.rules[0]?.target).to.equal('OTHER'));
  it('is not fooled by a target in a comment', () =>
    expect(one('-A F -m comment --comment "-j" -m comment --comment "-j DROP" -j ACCEPT').value[0]?.chains[0]?.rules[0]).to.deep.include({
      target: 'ACCEPT',
      comment: '-j; -j DROP',
    }));
  it('counts what it does not know', () => expect(one('gibberish').unparsed).to.deep.equal(['gibberish']));
  it('reports a table that only nft can read', () =>
    expect(parseIptables("# Table `nat' is incompatible, use 'nft' tool.\n", 'nft', 4).unparsed).to.have.length(1));
});

describe('words of a rule', () => {
  it('keep quoted blanks and escaped quotes', () =>
    expect(splitWords(String.raw`-m comment --comment "a \"b\" \\ c"  -j X`)).to.deep.equal([
      '-m',
      'comment',
      '--comment',
      String.raw`a "b" \ c`,
      '-j',
      'X',
    ]));
  it('keep an empty string', () => expect(splitWords('--prefix "" -x')).to.deep.equal(['--prefix', '', '-x']));
});

describe('nft -j', () => {
  const { value: tables, unparsed } = parseNft(fixture('recordings/calico-nft/host/nft'));
  const calico = tables.find(({ family, name }) => family === 'ip' && name === 'calico');

  it('of a Calico node in nftables mode is understood', () => {
    expect(unparsed).to.deep.equal([]);
    expect(calico?.chains.find(({ name }) => name === 'filter-cali-FORWARD')?.rules).not.to.have.length(0);
  });

  it('keeps hooks and priorities of base chains', () => {
    const base = calico?.chains.filter(({ hook }) => hook !== undefined) ?? [];
    expect(base.map(({ hook }) => hook)).to.include.members(['prerouting', 'forward', 'input', 'output', 'postrouting']);
    for (const { priority } of base) expect(priority).to.be.a('number');
  });

  it('keeps verdict maps with their elements', () => {
    const map = calico?.sets.find(({ name }) => name === 'filter-cali-to-wl-dispatch');
    expect(map).to.deep.include({ map: true });
    expect(map?.elements).not.to.have.length(0);
  });

  it('leaves iptables-nft its tables', () => {
    const all = parseNft(fixture('recordings/calico-healthy/host/nft')).value;
    const iptables = parseIptables(fixture('recordings/calico-healthy/host/iptables-nft-4'), 'nft', 4).value;
    expect(all.some(({ family, name }) => family === 'ip' && name === 'filter')).to.equal(true);
    expect(
      withoutIptables(all, iptables)
        .filter(({ family }) => family === 'ip')
        .map(({ name }) => name),
    ).not.to.include.members(['filter']);
  });

  it('learns the devices of chains from the text, which nft 1.0 leaves out of its JSON', () => {
    const chain = (name: string): object => ({ chain: { family: 'netdev', table: 'f', name, hook: 'ingress', prio: 10 } });
    const { value } = parseNft(JSON.stringify({ nftables: [{ table: { family: 'netdev', name: 'f' } }, chain('one'), chain('two'), chain('none')] }));
    const text = `table netdev f {
\tchain one {
\t\ttype filter hook ingress device "cali1" priority filter + 10; policy accept;
\t}
\tchain two {
\t\ttype filter hook ingress devices = { d1, "d2" } priority 11; policy accept;
\t}
}`;
    expect(withDevices(value, text)[0]?.chains.map(({ device }) => device)).to.deep.equal(['cali1', 'd1,d2', undefined]);
  });

  it('joins the answers of several runs', () => {
    const answer = (name: string): string => JSON.stringify({ nftables: [{ metainfo: {} }, { table: { family: 'inet', name, handle: 1 } }] });
    expect(parseNft(`${answer('a')}\n\n${answer('b')}`).value.map(({ name }) => name)).to.deep.equal(['a', 'b']);
  });
});

describe('ipset save', () => {
  it('keeps entries and what they do not match', () => {
    const text =
      'create s hash:net family inet hashsize 1024 maxelem 65536\nadd s 10.0.0.0/8\nadd s 10.1.0.0/16 nomatch timeout 0\ncreate v6 hash:ip family inet6\n';
    expect(parseIpset(text)).to.deep.equal({
      value: [
        { name: 's', type: 'hash:net', family: 4, entries: ['10.0.0.0/8', '10.1.0.0/16 nomatch'] },
        { name: 'v6', type: 'hash:ip', family: 6, entries: [] },
      ],
      unparsed: [],
    });
  });

  it('of a Calico node is understood', () => {
    const { value, unparsed } = parseIpset(fixture('recordings/calico-healthy/host/ipset'));
    expect(unparsed).to.deep.equal([]);
    expect(value.map(({ name }) => name)).to.include('cali40masq-ipam-pools');
  });
});

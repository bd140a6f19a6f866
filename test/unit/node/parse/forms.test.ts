import { expect } from 'chai';
import { parseFdb } from '../../../../src/node/parse/fdb.ts';
import type { Parsed } from '../../../../src/node/parse/json.ts';
import { parseLinks } from '../../../../src/node/parse/links.ts';
import { parseNeighbours } from '../../../../src/node/parse/neighbours.ts';
import { parseRoutes } from '../../../../src/node/parse/routes.ts';
import { parseRules } from '../../../../src/node/parse/rules.ts';
import { fixture } from '../recorded.ts';

/** fixtures/node/iproute2-*: one namespace asked twice, with and without -j, by the same iproute2 (Debian 12's and 13's). */
const forms: Record<string, (text: string) => Parsed<unknown[]>> = {
  links: parseLinks,
  'routes-4': (text) => parseRoutes(text, 4),
  'routes-6': (text) => parseRoutes(text, 6),
  'rules-4': (text) => parseRules(text, 4),
  'rules-6': (text) => parseRules(text, 6),
  'neighbours-4': parseNeighbours,
  'neighbours-6': parseNeighbours,
  'proxies-4': parseNeighbours,
  fdb: parseFdb,
};

for (const version of ['6.1', '6.15']) {
  describe(`the text of iproute2 ${version} without JSON`, () => {
    for (const [name, parse] of Object.entries(forms)) {
      it(`says the same of ${name} as its JSON`, () => {
        const text = parse(fixture(`iproute2-${version}/${name}.txt`));
        const json = parse(fixture(`iproute2-${version}/${name}.json`));
        expect(json.value).not.to.have.length(0);
        expect(text.unparsed).to.deep.equal([]);
        expect(json.unparsed).to.deep.equal([]);
        expect(text.value).to.deep.equal(json.value);
      });
    }
  });
}

describe('a link with an XDP program', () => {
  it('is told by JSON, by text, and by the text of old programs', () => {
    const json = [
      { ifindex: 2, ifname: 'eth0', flags: ['UP'], mtu: 1500, xdp: { mode: 1, prog: { id: 4450, name: 'drop', tag: '41f7', jited: 1 } } },
    ];
    const xdpOf = (text: string) => parseLinks(text).value.map(({ xdp }) => xdp);
    expect(xdpOf(JSON.stringify(json))).to.deep.equal([{ mode: 'native', id: 4450, name: 'drop' }]);
    const text = (word: string) => `2: eth0@if2: <BROADCAST,UP,LOWER_UP> mtu 1500 ${word} qdisc noqueue state UP group default qlen 1000\n`;
    expect(xdpOf(text('xdpgeneric'))).to.deep.equal([{ mode: 'generic' }]);
    expect(xdpOf(text('xdp'))).to.deep.equal([{ mode: 'native' }]);
    expect(xdpOf(text('xdp/id:7'))).to.deep.equal([{ mode: 'native', id: 7 }]);
    expect(xdpOf(text('xdpmulti'))).to.deep.equal([{ mode: 'several' }]);
    expect(xdpOf(text(''))).to.deep.equal([undefined]);
  });
});

describe('links', () => {
  const links = new Map(parseLinks(fixture('iproute2-6.1/links.json')).value.map((link) => [link.name, link]));

  it('of a pair inside one namespace name each other and no nsid', () => {
    expect(links.get('v0')).to.deep.include({ kind: 'veth', peerIfindex: links.get('v1')?.ifindex });
    expect(links.get('v0')).not.to.have.property('linkNsid');
  });

  it('of a pair into another namespace carry its nsid and their alias', () => {
    expect(links.get('vfar')).to.deep.include({ kind: 'veth', linkNsid: 0, alias: 'to the pod' });
    expect(links.get('vfar')?.peerIfindex).to.be.a('number');
  });

  it('that are bridge ports name their bridge and state', () => {
    expect(links.get('v0')?.master).to.deep.equal({ ifindex: links.get('br0')?.ifindex, name: 'br0' });
    expect(links.get('v0')?.bridgePort).to.deep.equal({
      state: 'forwarding',
      hairpin: false,
      learning: true,
      flood: true,
      isolated: false,
      guard: false,
    });
  });

  it('keep what a VXLAN is made of', () => {
    expect(links.get('vx0')?.vxlan).to.deep.equal({ vni: 7, port: 4789, local: '10.1.0.1', underlay: 'br0', learning: false, external: false });
  });

  it('keep the peer of a point-to-point address', () => {
    expect(links.get('v1')?.addresses[0]).to.deep.include({ address: '10.2.0.1', peer: '10.2.0.2', prefix: 32 });
  });

  it('count frames for another MAC, in text and JSON (case 3)', () => {
    for (const form of ['txt', 'json'])
      expect(parseLinks(fixture(`otherhost/links.${form}`)).value[0]?.stats, form).to.deep.include({ rxOtherhost: 3, rxDropped: 0, rxPackets: 6 });
  });

  it('tell a macvlan from its parent', () => {
    expect(links.get('mv0')).to.deep.include({ kind: 'macvlan', macvlanMode: 'bridge', peerIfindex: links.get('v1')?.ifindex });
  });
});

describe('routes', () => {
  const routes = parseRoutes(fixture('iproute2-6.1/routes-4.json'), 4).value;
  const to = (destination: string) => routes.find((route) => route.destination === destination);

  it('write the default route as a prefix', () =>
    expect(to('0.0.0.0/0')).to.deep.include({ gateway: '10.1.0.254', metric: 50, type: 'unicast', table: 'main' }));
  it('keep all next hops', () =>
    expect(to('10.6.0.0/16')?.nexthops.map(({ gateway, weight }) => [gateway, weight])).to.deep.equal([
      ['10.1.0.3', 2],
      ['10.1.0.4', 1],
    ]));
  it('keep a gateway of the other family and the MTU', () => expect(to('10.7.0.0/16')).to.deep.include({ gateway: 'fe80::5', mtu: 1400 }));
  it('keep tables and flags', () =>
    expect(routes.find(({ table }) => table === '77')).to.deep.include({ destination: '10.8.0.0/16', flags: ['onlink'] }));
  it('keep what ends packets', () => expect(to('10.5.0.0/16')?.type).to.equal('blackhole'));
  it('give hosts their full prefix', () => expect(to('10.1.0.1/32')).to.deep.include({ type: 'local', table: 'local' }));
  it('translate the numbers of ip -N', () => {
    const [route] = parseRoutes(fixture('recordings/calico-healthy/host/routes-4'), 4).value;
    expect(route).to.deep.include({ type: 'unicast', table: 'main', protocol: 'boot', scope: 'global', destination: '0.0.0.0/0' });
  });
});

describe('rules', () => {
  const rules = parseRules(fixture('iproute2-6.1/rules-4.txt'), 4).value;
  const at = (priority: number) => rules.find((rule) => rule.priority === priority);

  it('keep every selector', () =>
    expect(at(99)).to.deep.equal({
      family: 4,
      priority: 99,
      not: true,
      from: '10.9.0.0/16',
      to: '0.0.0.0/0',
      iif: 'br0',
      fwmark: '0x1/0xff',
      ipproto: 'tcp',
      dport: '80-90',
      table: '100',
      action: 'lookup',
    }));
  it('keep an action that is no lookup', () => expect(at(98)).to.deep.include({ action: 'unreachable', to: '10.8.0.0/16' }));
  it('keep the suppressed prefix length', () => expect(at(97)).to.deep.include({ table: 'main', suppressPrefixLength: 0 }));
});

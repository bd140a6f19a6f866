import { expect } from 'chai';
import fc from 'fast-check';
import { contains, parseAddress, parsePrefix } from '../../../src/forwarding/address.ts';
import { lookupRoute, type RouteDecision } from '../../../src/forwarding/route/lookup.ts';
import type { RouteQuery } from '../../../src/forwarding/route/rules.ts';
import { selectSource } from '../../../src/forwarding/route/source.ts';
import type { Netns, Route, Rule } from '../../../src/node/snapshot.ts';
import { address, emptyNetns, found, makeLink, route } from './world.ts';

const netnsWith = (routes: Route[], rules: Rule[] = []): Netns => ({
  ...emptyNetns('1', 'host'),
  links: ['eth0', 'eth1', 'eth2'].map((name, index) => makeLink(index + 2, name, '', { addresses: [address(`192.0.2.${index + 1}/32`)] })),
  routes,
  rules,
});

const to = (destination: string, mark = 0): RouteQuery => ({ family: 4, destination, source: '192.0.2.1', mark, iif: 'lo', protocol: 6 });

/** The device it leaves by, or why it does not. */
const outcome = (decision: RouteDecision): string => {
  if (decision.kind === 'refused') return decision.reason;
  return decision.kind === 'local'
    ? 'local'
    : decision.paths.map(({ device, gateway }) => `${device}${gateway === undefined ? '' : ` via ${gateway}`}`).join(' or ');
};

const rule = (priority: number, more: Partial<Rule>): Rule => ({
  family: 4,
  priority,
  not: false,
  from: 'all',
  to: 'all',
  action: 'lookup',
  ...more,
});

describe('a route look-up', () => {
  it('takes what a search through all routes takes', () => {
    const prefix = fc.tuple(fc.nat({ max: 255 }), fc.integer({ min: 0, max: 32 })).map(([octet, length]) => `10.${octet % 4}.${octet}.0/${length}`);
    const one = fc.record({ prefix, metric: fc.nat({ max: 3 }), device: fc.constantFrom('eth0', 'eth1', 'eth2') });
    fc.assert(
      fc.property(
        fc.uniqueArray(one, { selector: ({ prefix: text, metric }) => `${canonical(text)} ${metric}` }),
        fc.nat({ max: 255 }),
        (table, octet) => {
          const destination = `10.${octet % 4}.${octet}.7`;
          const routes = table.map(({ prefix: text, metric, device }) => ({ ...route(`${text} dev ${device}`), metric }));
          const decision = lookupRoute(netnsWith(routes), to(destination));
          const best = bruteForce(routes, destination);
          expect(decision.kind === 'unicast' ? decision.route : undefined).to.equal(best);
        },
      ),
    );
  });

  it('asks the rules by priority, with mark, source and refusals', () => {
    const routes = [route('default dev eth0'), route('default dev eth1 table 100'), route('10.9.0.0/16 type throw table 100')];
    const rules = [
      rule(0, { table: 'local' }),
      rule(50, { to: '10.66.0.0/16', action: 'prohibit' }),
      rule(100, { fwmark: '0x1/0x1', table: '100' }),
      rule(32766, { table: 'main' }),
    ];
    const netns = netnsWith(routes, rules);
    const device = (destination: string, mark: number): string => outcome(lookupRoute(netns, to(destination, mark)));
    expect(device('10.1.1.1', 0)).to.equal('eth0');
    expect(device('10.1.1.1', 3)).to.equal('eth1');
    expect(device('10.9.1.1', 1)).to.equal('eth0');
    expect(device('10.66.1.1', 0)).to.equal('prohibit');
    expect(device('192.0.2.3', 0)).to.equal('local');
  });

  it('does not count the default route of a table whose rule suppresses it', () => {
    const rules = [rule(10, { table: 'main', suppressPrefixLength: 0 }), rule(20, { table: '51820' })];
    const netns = netnsWith([route('default dev eth0'), route('10.1.0.0/16 dev eth2'), route('default dev eth1 table 51820')], rules);
    expect(outcome(lookupRoute(netns, to('10.1.0.1')))).to.equal('eth2');
    expect(outcome(lookupRoute(netns, to('8.8.8.8')))).to.equal('eth1');
  });

  it('skips dead paths of a multipath route', () => {
    const multipath = {
      ...route('10.0.0.0/8'),
      nexthops: [
        { gateway: '192.0.2.9', device: 'eth0', weight: 1, flags: ['dead', 'linkdown'] },
        { gateway: '192.0.2.10', device: 'eth1', weight: 1, flags: [] },
      ],
    };
    expect(outcome(lookupRoute(netnsWith([multipath]), to('10.1.1.1')))).to.equal('eth1 via 192.0.2.10');
  });

  it('chooses the source on the subnet of the next hop', () => {
    const netns = netnsWith([route('default via 198.51.100.1 dev eth0')]);
    found(netns.links[0]).addresses.push(address('198.51.100.20/24'));
    const decision = lookupRoute(netns, to('203.0.113.1'));
    if (decision.kind !== 'unicast') throw new Error('refused');
    expect(selectSource(netns, decision, decision.paths[0], '203.0.113.1')).to.equal('198.51.100.20');
  });
});

const canonical = (text: string): string => {
  const prefix = found(parsePrefix(text));
  return `${prefix.network}/${prefix.length}`;
};

const bruteForce = (routes: Route[], destination: string): Route | undefined => {
  const target = found(parseAddress(destination));
  const matching = routes.filter((candidate) => contains(found(parsePrefix(candidate.destination)), target));
  const longest = Math.max(...matching.map((candidate) => found(parsePrefix(candidate.destination)).length));
  return matching.filter((candidate) => found(parsePrefix(candidate.destination)).length === longest).sort((a, b) => a.metric - b.metric)[0];
};

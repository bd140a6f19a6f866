import { expect } from 'chai';
import fc from 'fast-check';
import { parseFdb } from '../../../../src/node/parse/fdb.ts';
import { parseIpset } from '../../../../src/node/parse/ipset.ts';
import { parseIptables } from '../../../../src/node/parse/iptables.ts';
import { parseIpvs } from '../../../../src/node/parse/ipvs.ts';
import { parseLinks } from '../../../../src/node/parse/links.ts';
import { parseNeighbours } from '../../../../src/node/parse/neighbours.ts';
import { parseQueues } from '../../../../src/node/parse/nfqueue.ts';
import { parseNft } from '../../../../src/node/parse/nft.ts';
import { parseOvs } from '../../../../src/node/parse/ovs.ts';
import { parseOvsPorts } from '../../../../src/node/parse/ovs-ports.ts';
import { parseConntrack, parseSysctls } from '../../../../src/node/parse/proc.ts';
import { parseRoutes } from '../../../../src/node/parse/routes.ts';
import { parseRules } from '../../../../src/node/parse/rules.ts';
import { parseProcSockets, parseSctpEndpoints, parseSockets } from '../../../../src/node/parse/sockets.ts';
import { parseFilters, parseQdiscs } from '../../../../src/node/parse/tc.ts';
import { parseVlans } from '../../../../src/node/parse/vlans.ts';
import { splitWords } from '../../../../src/node/parse/words.ts';
import { parseXdpDrops } from '../../../../src/node/parse/xdp.ts';
import { parseCollection } from '../../../../src/node/parse-collection.ts';
import { readFrames } from '../../../../src/node/raw.ts';
import { fixture, section } from '../recorded.ts';

const parsers: Record<string, (text: string) => unknown> = {
  links: parseLinks,
  routes: (text) => parseRoutes(text, 4),
  rules: (text) => parseRules(text, 6),
  neighbours: parseNeighbours,
  fdb: parseFdb,
  vlans: parseVlans,
  iptables: (text) => parseIptables(text, 'legacy', 4),
  nft: parseNft,
  ipset: parseIpset,
  ipvs: parseIpvs,
  queues: parseQueues,
  qdiscs: parseQdiscs,
  filters: (text) => parseFilters(text, 'ingress', 'clsact eth0'),
  sysctls: parseSysctls,
  conntrack: parseConntrack,
  sockets: parseSockets,
  'proc sockets': parseProcSockets,
  'sctp endpoints': parseSctpEndpoints,
  ovs: parseOvs,
  'ovs ports': parseOvsPorts,
  xdp: parseXdpDrops,
};

const seeds = [
  'iproute2-6.1/links.txt',
  'iproute2-6.1/routes-4.txt',
  'iproute2-6.1/rules-4.txt',
  'iproute2-6.1/fdb.txt',
  'iproute2-6.1/links.json',
  'iproute2-6.1/routes-6.json',
  'recordings/ovn-peerpod/peer/tc-ingress',
  'recordings/kube-ovn/host/ovs',
  'ovs-ports/names',
  'recordings/calico-healthy/host/ipset',
].map(fixture);

/** Real output with a piece cut out, doubled or replaced: what a full disk, a signal or another version would make of it. */
const mangled = fc
  .tuple(
    fc.constantFrom(...seeds),
    fc.nat(),
    fc.nat(400),
    fc.oneof(fc.constant(''), fc.string({ maxLength: 20 }), fc.constant('null'), fc.constant('\n')),
  )
  .map(([text, at, length, instead]) => {
    const start = at % (text.length + 1);
    return text.slice(0, start) + instead + text.slice(start + length);
  });

/** Any JSON, in the places where iproute2 puts its own. */
const json = fc.oneof(
  fc.jsonValue().map((value) => JSON.stringify(value)),
  fc
    .array(
      fc.dictionary(
        fc.constantFrom(
          'ifindex',
          'ifname',
          'dst',
          'dev',
          'flags',
          'linkinfo',
          'addr_info',
          'nftables',
          'data',
          'headings',
          'vlans',
          'priority',
          'metrics',
          '__proto__',
        ),
        fc.jsonValue(),
      ),
    )
    .map((value) => JSON.stringify(value)),
);

describe('parsers', () => {
  for (const [name, parse] of Object.entries(parsers)) {
    it(`of ${name} never throw`, () =>
      fc.assert(
        fc.property(fc.oneof(mangled, json, fc.string()), (text) => void parse(text)),
        { numRuns: 300 },
      ));
  }

  it('of a collection never throw', () => {
    const names = [
      'meta',
      'processes',
      'pins',
      'claims',
      'addresses',
      'links',
      'routes-4',
      'nft',
      'ovs',
      'ovs-ports',
      'file',
      'ipam',
      'health',
      'daemons',
      'nsids',
      'ethtool',
      'tc-ingress',
      'sysctls',
      'constructor',
    ];
    const sections = fc.array(
      fc
        .tuple(fc.constantFrom(...names), fc.oneof(mangled, fc.string()), fc.option(fc.constantFrom('1', '2'), { nil: undefined }))
        .map(([name, text, netns]) => section(name, text, netns)),
    );
    fc.assert(
      fc.property(sections, (all) => void parseCollection({ node: 'n', reach: 'node', sections: all })),
      { numRuns: 200 },
    );
  });
});

describe('words', () => {
  /** As xtables_save_string prints it. */
  const save = (word: string): string => (/^[\w.:/,-]+$/.test(word) ? word : `"${word.replace(/["\\]/g, String.raw`\$&`)}"`);

  it('come back as they were saved', () =>
    fc.assert(
      fc.property(fc.array(fc.string()), (words) => {
        expect(splitWords(words.map(save).join(' '))).to.deep.equal(words);
      }),
    ));
});

describe('frames', () => {
  it('come back whatever their content is', () => {
    const mark = 'f00d';
    const content = fc.oneof(fc.string(), fc.constant(`\n@other end 0\n`), fc.constant(''), fc.constant('\n\n'));
    fc.assert(
      fc.property(fc.array(fc.record({ text: content, stderr: content, status: fc.nat(255) })), (all) => {
        const output = all
          .map(({ text, stderr, status }) => `@${mark} begin links 7 image\n${text}\n@${mark} end ${status}\n${stderr}\n@${mark} close\n`)
          .join('');
        expect(readFrames(output, mark).map(({ text, stderr, status }) => ({ text, stderr, status }))).to.deep.equal(
          all.map(({ text, stderr, status }) => ({ text, stderr: stderr.trim(), status })),
        );
      }),
    );
  });

  it('that end early are told apart', () => {
    const [section] = readFrames('@m begin links 7 image\n[{"ifindex":1', 'm');
    expect(section).to.deep.include({ name: 'links', netns: '7', status: 'cut', text: '[{"ifindex":1' });
  });
});

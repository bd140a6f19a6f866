import { expect } from 'chai';
import { type Carriers, carriedLengths, EVERY_CARRIER, lengthFilter, probeLengths } from '../../../src/probe/drops/lengths.ts';
import type { ProbeRequest } from '../../../src/probe/probe.ts';

const request = (protocol: ProbeRequest['protocol'], destination: string, query?: string): ProbeRequest => ({
  id: '1',
  purpose: 'main',
  node: 'n',
  from: { netns: 'host' },
  fromLabel: '',
  toLabel: '',
  destination,
  protocol,
  ...(query === undefined ? {} : { query }),
  count: 1,
  timeoutMs: 1,
});

/** What the kernel would say of a length. */
const passes = (filter: string, length: number): boolean =>
  filter.split('||').some((term) => {
    const [low = 0, high = low] = [...term.matchAll(/\d+/g)].map(Number);
    return length >= low && length <= high;
  });

const carried = (lengths: number[], carriers: Carriers = EVERY_CARRIER): string => lengthFilter(carriedLengths(lengths, carriers));

describe('the lengths a trace looks for', () => {
  it('are only those that the tunnels of these nodes make', () => {
    // a ping of the usual size, and datagrams of 92 bytes that others send through VXLAN
    const vxlan = { ipip: false, vxlan: true, geneve: false, over6: false };
    for (const length of [84, 98, 134, 148]) expect(passes(carried([84], vxlan), length), `${length}`).to.equal(true);
    for (const length of [92, 106, 142, 156]) expect(passes(carried([84], vxlan), length), `${length}`).to.equal(false);
    expect(passes(carried([84]), 142)).to.equal(true);
    expect(passes(carried([84], { ...vxlan, over6: true }), 168)).to.equal(true);
    expect(passes(carried([84], { ...vxlan, vxlan: false }), 134)).to.equal(false);
  });

  it('are those of a SYN, bare, on Ethernet and in VXLAN', () => {
    const filter = carried(probeLengths(request('tcp', '10.0.0.1'), { timestamps: true }));
    for (const length of [60, 74, 110, 124]) expect(passes(filter, length), `${length}`).to.equal(true);
    for (const length of [1500, 1514, 576, 52, 66]) expect(passes(filter, length), `${length}`).to.equal(false);
  });

  it('take in shorter SYNs where there are no time stamps', () => {
    const filter = carried(probeLengths(request('tcp', '10.0.0.1'), { timestamps: false }));
    for (const length of [52, 66]) expect(passes(filter, length), `${length}`).to.equal(true);
  });

  it('count the question of a DNS query', () => {
    // 20 + 8 + 12 + (1+3+1+7+0) + 4
    expect(probeLengths(request('udp', '10.0.0.1', 'web.example.'), { timestamps: true })).to.deep.equal([20 + 8 + 12 + 13 + 4]);
  });

  it('stay within the page that a filter may have, with many requests of every kind', () => {
    const requests = ['10.0.0.1', 'fd00::1'].flatMap((destination) =>
      (['tcp', 'udp', 'icmp', 'sctp'] as const).map((protocol) => request(protocol, destination)),
    );
    const filter = carried(requests.flatMap((one) => probeLengths(one, { timestamps: false })));
    expect(filter.length).to.be.below(4096);
    expect(filter).to.match(/^[len<>=&|()\d]+$/);
  });
});

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { expect } from 'chai';
import { parseOvsPorts } from '../../../../src/node/parse/ovs-ports.ts';
import { parseCollection } from '../../../../src/node/parse-collection.ts';
import { fixture, section } from '../recorded.ts';

const read = (name: string): string => fixture(`ovs-ports/${name}`);

describe('counters of the ports of Open vSwitch', () => {
  it('are packets, bytes, drops and errors, each way, bridge by bridge', () => {
    const { value, unparsed } = parseOvsPorts(read('pod-mtu.after'));
    expect(unparsed).to.deep.equal([]);
    expect(value.map(({ bridge, port }) => `${bridge} ${port}`)).to.have.members([
      'br-ex LOCAL',
      'br-ex 1',
      'br-int LOCAL',
      'br-int 1',
      'br-int 2',
      'br-int 3',
      'br-int 4',
    ]);
    expect(value.find(({ bridge, port }) => bridge === 'br-int' && port === '2')?.counters).to.deep.equal({
      rx: { packets: 9, bytes: 762, dropped: 0, errors: 0 },
      tx: { packets: 17, bytes: 1434, dropped: 5, errors: 0 },
    });
  });

  it('are absent where a port counts no such thing', () => {
    const patch = parseOvsPorts(read('pod-mtu.after')).value.find(({ bridge, port }) => bridge === 'br-ex' && port === '1');
    expect(patch?.counters).to.deep.equal({ rx: { packets: 9, bytes: 714 }, tx: { packets: 0, bytes: 0 } });
  });

  it('are the same in OpenFlow 1.0', () => {
    const { value, unparsed } = parseOvsPorts(read('openflow10'));
    expect(unparsed).to.deep.equal([]);
    expect(value.find(({ port }) => port === '2')?.counters.tx).to.deep.equal({ packets: 20, bytes: 1672, dropped: 5, errors: 0 });
  });

  it('may be under names, which are quoted where they are no plain words', () => {
    expect(parseOvsPorts(read('names')).value.map(({ port }) => port)).to.deep.equal(['ovn-0', 'LOCAL', 'veth1', 'veth2', 'patch-ex']);
  });

  it('may be followed by statistics that a driver has of its own', () => {
    const { value, unparsed } = parseOvsPorts(read('custom'));
    expect(unparsed).to.deep.equal([]);
    expect(value.map(({ port, counters }) => [port, counters.rx.packets])).to.deep.equal([
      ['LOCAL', 0],
      ['patch-int', 10],
      ['dum', 0],
    ]);
  });

  it('that make no sense are told', () =>
    expect(parseOvsPorts('@ br-int\n  port 1: nonsense\n  port "\\x": rx pkts=1\n').unparsed).to.have.length(2));
});

describe('a port that OVSDB lists', () => {
  const portsOf = (...sections: Parameters<typeof section>[]): Record<string, number | undefined> => {
    const all = [section('meta', 'host 1'), section('processes', 'P 1 1'), ...sections.map((one) => section(...one))];
    const { ovs, problems } = parseCollection({ node: 'node1', reach: 'node', sections: all });
    expect(problems).to.deep.equal([]);
    return Object.fromEntries((ovs?.bridges ?? []).flatMap(({ ports }) => ports.map(({ name, counters }) => [name, counters?.tx.packets])));
  };

  it('has the counters of its number, and that of the bridge itself those of LOCAL', () =>
    expect(portsOf(['ovs', read('ovs')], ['ovs-ports', read('pod-mtu.after')])).to.deep.equal({
      'br-ex': 0,
      'patch-int': 0,
      'br-int': 4,
      veth1: 15,
      veth2: 17,
      'patch-ex': 9,
      'ovn-0': 9,
    }));

  it('has those of its name', () => expect(portsOf(['ovs', read('ovs')], ['ovs-ports', read('names')])).to.include({ 'ovn-0': 10, veth2: 20 }));

  it('has none where they were not read, as in a recording of a former version', () =>
    expect(Object.values(portsOf(['ovs', read('ovs')])).every((packets) => packets === undefined)).to.equal(true));
});

/** Nodes of real clusters as they were recorded, beside the project; absent in a plain checkout. */
const RECORDINGS = new URL('../../../../../shared/recordings/', import.meta.url);

(existsSync(RECORDINGS) ? describe : describe.skip)('what real switches of kube-ovn and OVN-Kubernetes say of their ports', () => {
  const files = existsSync(RECORDINGS)
    ? readdirSync(RECORDINGS, { recursive: true, encoding: 'utf8' }).filter((path) => /ovs-ofctl-dump-ports-br-(int|ex)\S*\.txt$/.test(path))
    : [];

  it('is all understood', () => {
    expect(files).to.have.length.above(50);
    for (const path of files) {
      const text = readFileSync(new URL(path, RECORDINGS), 'utf8');
      const { value, unparsed } = parseOvsPorts(`@ br\n${text}`);
      expect(unparsed, path).to.deep.equal([]);
      expect(value, path).to.have.length(Number(/: (\d+) ports/.exec(text)?.[1]));
      expect(
        value.every(({ counters: { rx, tx } }) => rx.packets !== undefined && tx.packets !== undefined),
        path,
      ).to.equal(true);
    }
  });
});

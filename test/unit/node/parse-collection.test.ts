import { expect } from 'chai';
import { parseCollection } from '../../../src/node/parse-collection.ts';
import type { RawCollection, RawSection } from '../../../src/node/raw.ts';
import type { NodeSnapshot } from '../../../src/node/snapshot.ts';
import { fixture, recorded, section } from './recorded.ts';

const flannel = parseCollection(JSON.parse(fixture('collections/flannel-node1.json')) as RawCollection);
const [host, ...others] = flannel.namespaces;

describe('a collection of a flannel node', () => {
  it('is understood without a problem', () => expect(flannel.problems).to.deep.equal([]));

  it('has the host first and then every namespace', () => {
    expect(host?.role).to.equal('host');
    expect(others.map(({ role }) => role)).to.deep.equal(Array(6).fill('pod'));
    expect(others.map(({ inode }) => Number(inode))).to.deep.equal(others.map(({ inode }) => Number(inode)).sort((one, other) => one - other));
  });

  it('tells what was read of each', () => {
    expect(host).not.to.have.property('seen');
    expect(others.map(({ seen }) => seen ?? 'full').sort()).to.deep.equal(['full', 'full', 'listed', 'listed', 'listed', 'listed']);
  });

  it('knows the addresses of those it did not enter', () =>
    expect(others.flatMap(({ localAddresses }) => localAddresses ?? [])).to.have.members([
      '10.244.1.2',
      '10.244.1.3',
      '10.244.1.4',
      '10.244.1.5',
      '10.244.1.6',
      '10.244.1.7',
    ]));

  it('knows which namespace each nsid of the host is', () =>
    expect(Object.values(host?.nsids ?? {})).to.have.members(others.map(({ inode }) => inode)));

  it('has two sources for the peer of a pod interface', () => {
    const eth0 = others.find(({ seen }) => seen === undefined)?.links.find(({ name }) => name === 'eth0');
    expect(eth0?.ethtoolPeerIfindex).to.equal(eth0?.peerIfindex);
  });

  it('has what kube-proxy and flannel wrote', () => {
    const chains = host?.netfilter.iptables
      .filter(({ family }) => family === 4)
      .flatMap((table) => table.chains.map(({ name }) => `${table.table} ${name}`));
    expect(chains).to.include.members(['nat KUBE-SERVICES', 'nat FLANNEL-POSTRTG', 'filter FLANNEL-FWD', 'mangle KUBE-PROXY-CANARY']);
    expect(host?.links.find(({ kind }) => kind === 'vxlan')?.vxlan).to.deep.include({ vni: 1, port: 8472, learning: false });
    expect(host?.fdb.find(({ device, destination }) => device === 'flannel.1' && destination === '10.33.188.12')).to.deep.include({
      state: 'permanent',
    });
  });

  it('has the files, daemons and health of the node', () => {
    expect(flannel.files['/run/flannel/subnet.env']).to.match(/FLANNEL_SUBNET=10\.244\.1\.1\/24/);
    expect(flannel.files['/var/lib/cni/networks/cbr0/10.244.1.4']).to.match(/^[0-9a-f]{64}\r?\neth0$/);
    expect(flannel.daemons).to.include.keys('kubelet', 'kube-proxy', 'flanneld', 'containerd');
    expect(flannel.health).to.deep.equal({ 'kube-proxy': 200, kubelet: 200 });
  });

  it('has sysctls, sockets and conntrack counters', () => {
    expect(host?.sysctls).to.deep.include({ 'net.ipv4.ip_forward': '1' });
    expect(host?.sockets.find(({ port }) => port === 10250)).to.deep.include({ protocol: 'tcp', dual: true, process: 'kubelet' });
    expect(host?.conntrack?.max).to.be.greaterThan(0);
  });
});

describe('what is wrong with a section', () => {
  const problemsWith = (change: Partial<RawCollection['sections'][number]>): unknown[] => {
    const raw = recorded('calico-healthy');
    const sections = [...raw.sections, section('sysctls', '/proc/sys/net/ipv4/ip_forward:1', at.netns)].map((one) =>
      one.name === 'fdb' ? { ...one, ...change } : one,
    );
    return parseCollection({ ...raw, sections }).problems;
  };
  const at = { section: 'fdb', netns: '4026531840' };

  it('is nothing, here', () => expect(problemsWith({})).to.deep.equal([]));
  it('a tool that is not there', () =>
    expect(problemsWith({ status: 'missing', text: '', stderr: 'no bridge in the image or on the node' })).to.deep.equal([
      { ...at, kind: 'missing', detail: 'no bridge in the image or on the node' },
    ]));
  it('a tool that failed', () =>
    expect(problemsWith({ status: 255, text: '', stderr: 'Operation not permitted\n' })).to.deep.equal([
      { ...at, kind: 'failed', detail: 'Operation not permitted' },
    ]));
  it('a tool that hung', () =>
    expect(problemsWith({ status: 124, text: '' })).to.deep.equal([{ ...at, kind: 'failed', detail: 'took too long to answer' }]));
  it('the size limit', () =>
    expect(problemsWith({ status: 141, text: '[{"mac":' })).to.deep.equal([
      { ...at, kind: 'truncated', detail: 'more than the limit of one section' },
    ]));
  it('a lost connection', () =>
    expect(problemsWith({ status: 'cut' })).to.deep.equal([{ ...at, kind: 'truncated', detail: 'the collector ended while it was read' }]));
  it('half a line, or half an answer, though all seemed well', () => {
    for (const text of ['[{"mac":"0a:58:0a:f4:00:01","ifn', 'aa:bb:cc:dd:ee:ff dev veth1 mas']) {
      expect(problemsWith({ text })).to.deep.equal([{ ...at, kind: 'truncated', detail: 'ends in the middle of a line' }]);
    }
  });
  it('words nobody knows', () =>
    expect(problemsWith({ text: 'what is this\n' })).to.deep.equal([{ ...at, kind: 'unparsed', detail: '1 not understood, first: what is this' }]));
  it('not that the kernel has no such thing', () => expect(problemsWith({ status: 'absent', text: '' })).to.deep.equal([]));
});

describe('what is whole of a section that was cut', () => {
  const raw = recorded('calico-healthy');
  const cut = (name: string, text: (whole: string) => string): NodeSnapshot =>
    parseCollection({ ...raw, sections: raw.sections.map((one) => (one.name === name ? { ...one, text: text(one.text) } : one)) });
  const half = (whole: string): string => whole.slice(0, whole.length / 2);
  const whole = parseCollection(raw).namespaces[0];

  it('is kept of JSON', () => {
    for (const name of ['links', 'routes', 'neighbours', 'fdb'] as const) {
      const kept = cut(/^(links|fdb)$/.test(name) ? name : `${name}-4`, half).namespaces[0]?.[name].filter(
        (entry) => !('family' in entry && entry.family === 6),
      );
      expect(kept?.length, name).to.be.greaterThan(0);
      expect(whole?.[name], name).to.include.deep.members(kept ?? []);
    }
    const { nft } = cut('nft', (text) => half(text.replaceAll('"name": "', '"name": "own-'))).namespaces[0]?.netfilter ?? {};
    expect(nft?.length).to.be.greaterThan(0);
  });

  it('is kept of lines, but not the beginning of one', () => {
    const [set] = cut('ipset', () => 'create s hash:ip family inet\nadd s 10.0.0.1\nadd s 10.0.0.2').namespaces[0]?.netfilter.ipsets ?? [];
    expect(set?.entries).to.deep.equal(['10.0.0.1']);
  });

  it('is not taken for all of the rules', () => {
    const { problems } = cut('iptables-nft-4', () => '*filter\n:FORWARD ACCEPT [0:0]\n-A FORWARD -j ACCEPT\n');
    expect(problems.map(({ section: name, detail }) => `${name}: ${detail}`)).to.include(
      'iptables-nft-4: 1 not understood, first: table filter ends before its COMMIT',
    );
  });
});

describe('a collection that tells also what there is nothing of', () => {
  const old = JSON.parse(fixture('collections/flannel-node1.json')) as RawCollection;
  const absent = (name: string, netns: string): RawSection => ({ ...section(name, '', netns), status: 'absent' });
  const full = new Set(old.sections.flatMap(({ name, netns }) => (name === 'sysctls' && netns !== undefined ? netns : [])));
  const sections = [
    ...old.sections.map((one) => {
      if (one.name === 'sockets') return { ...one, text: `Netid State Recv-Q Send-Q Local Address:Port Peer Address:Port\n${one.text}` };
      return one.name === 'meta' ? { ...one, text: `${one.text}scope full\n` } : one;
    }),
    ...[...full].flatMap((netns) => [
      section('nft-tables', netns === host?.inode ? 'table ip filter\ntable ip nat\ntable ip mangle' : '', netns),
      ...['iptables-legacy-4', 'iptables-legacy-6', 'ipset', 'ipvs'].map((name) => absent(name, netns)),
    ]),
  ].filter((one, place, all) => all.findIndex(({ name, netns }) => name === one.name && netns === one.netns) === place || one.name === 'file');
  const without = (name: string): string[] =>
    parseCollection({ ...old, sections: sections.filter((one) => one.name !== name) }).problems.map(
      ({ section: told, kind, netns }) => `${told} ${kind}${netns === undefined ? '' : netns === host?.inode ? ' host' : ' pod'}`,
    );

  it('has no problem', () => expect(without('')).to.deep.equal([]));

  it('misses whatever did not come', () => {
    for (const name of ['links', 'inet-4', 'inet-6', 'fdb', 'nsids', 'ipset', 'ipvs', 'iptables-legacy-4', 'nft-tables', 'tc-qdisc', 'sysctls']) {
      expect(
        without(name).filter((told) => told.endsWith('missing host')),
        name,
      ).not.to.deep.equal([]);
    }
    expect(without('iptables-nft-4')).to.deep.equal(['iptables-nft-4 missing host']);
    for (const name of ['meta', 'processes', 'pins', 'claims', 'addresses', 'daemons', 'health'])
      expect(without(name), name).to.include(`${name} missing`);
  });

  it('that ended early misses all that would have come after', () => {
    const last = sections.findIndex(({ name, netns }) => name === 'inet-6' && netns === host?.inode);
    const cut = sections.slice(0, last + 1).map((one, place) => (place === last ? { ...one, status: 'cut' } : one));
    const { problems, namespaces } = parseCollection({ ...old, sections: cut });
    const told = problems.filter(({ netns }) => netns === host?.inode).map(({ section: name }) => name);
    expect(told).to.include.members(['inet-6', 'fdb', 'nsids', 'sysctls', 'nft', 'tc-qdisc', 'sockets-proc']);
    expect(namespaces[0]).not.to.have.property('seen');
  });
});

describe('the queues that programs read', () => {
  const raw = JSON.parse(fixture('collections/flannel-node1.json')) as RawCollection;
  const rules = '*filter\n:FORWARD ACCEPT [0:0]\n[0:0] -A FORWARD -j NFQUEUE --queue-num 7\nCOMMIT\n';
  const readWith = (scope: string, ...own: RawSection[]): { queues: unknown; problems: string[] } => {
    const sections = raw.sections
      .filter(({ name, netns }) => name !== 'iptables-nft-4' || netns !== host?.inode)
      .map((one) => (one.name === 'meta' ? { ...one, text: `${one.text}${scope}` } : one));
    const { namespaces, problems } = parseCollection({ ...raw, sections: [...sections, section('iptables-nft-4', rules, host?.inode), ...own] });
    return {
      queues: namespaces[0]?.netfilter.queues,
      problems: problems.filter(({ section: name }) => name === 'nfqueue').map(({ kind, detail }) => `${kind}: ${detail}`),
    };
  };
  const text = '  100   4711     0 2 65531     0     0       12  1\n';

  it('are known', () =>
    expect(readWith('scope full\n', section('nfqueue', text, host?.inode)).queues).to.deep.equal([
      { number: 100, portId: 4711, waiting: 0, copies: 'packet', dropped: 0, userDropped: 0 },
    ]));
  it('are none where nothing stands in the list', () =>
    expect(readWith('scope full\n', section('nfqueue', '', host?.inode))).to.deep.equal({ queues: [], problems: [] }));
  it('are none where the kernel has no such list', () =>
    expect(readWith('scope full\n', { ...section('nfqueue', '', host?.inode), status: 'absent' })).to.deep.equal({ queues: [], problems: [] }));
  it('are not known where the list ends early, was refused or is not understood', () => {
    for (const [own, told] of [
      [{ ...section('nfqueue', `${text}  101   47`, host?.inode), status: 'cut' }, 'truncated: the collector ended while it was read'],
      [{ ...section('nfqueue', '', host?.inode), status: 1 }, 'failed: exit status 1'],
      [section('nfqueue', `${text}x\n`, host?.inode), 'unparsed: 1 not understood, first: x'],
    ] as const)
      expect(readWith('scope full\n', own)).to.deep.equal({ queues: undefined, problems: [told] });
  });
  it('were never read by a collector that does not ask for them: a problem only where a rule hands packets to one', () => {
    expect(readWith('')).to.deep.equal({ queues: undefined, problems: [] });
    expect(readWith('scope full\n')).to.deep.equal({ queues: undefined, problems: ['missing: was not read'] });
    const { problems } = parseCollection({
      ...raw,
      sections: raw.sections.map((one) => (one.name === 'meta' ? { ...one, text: `${one.text}scope full\n` } : one)),
    });
    expect(problems.map(({ section: name }) => name)).not.to.include('nfqueue');
  });
});

describe('what was never read of a namespace', () => {
  const raw = JSON.parse(fixture('collections/flannel-node1.json')) as RawCollection;
  const without = (...names: string[]): string[] => {
    const sections = raw.sections.filter(({ name, netns }) => netns !== host?.inode || !names.includes(name));
    return parseCollection({ ...raw, sections }).problems.map(({ section: name, kind, detail }) => `${name} ${kind}: ${detail}`);
  };

  it('is said of what decides and is always asked for', () => {
    for (const name of ['links', 'fdb']) expect(without(name), name).to.deep.equal([`${name} missing: was not read`]);
    expect(without('sockets', 'sockets-proc')).to.deep.equal(['sockets-proc missing: was not read']);
    expect(without('routes-4', 'inet-4')).to.include('routes-4 missing: was not read');
    expect(without('neighbours-4', 'inet-4')).to.include('neighbours-4 missing: was not read');
  });

  it('makes nothing of the rest known, where it is the interfaces', () => {
    const { namespaces } = parseCollection({ ...raw, sections: raw.sections.filter(({ name }) => name !== 'links') });
    expect(namespaces.every(({ seen }) => seen === 'listed')).to.equal(true);
  });

  it('is not what a node need not have', () => expect(without('vlans', 'ipset', 'recent', 'wireguard', 'ipvs')).to.deep.equal([]));
});

describe('a collection from inside one pod', () => {
  const raw: RawCollection = {
    node: 'node1',
    reach: 'pod',
    podUid: 'u',
    sections: [section('meta', 'reach pod\nclock 1\nkernel 6.1\nhost none\nown 7'), section('links', fixture('iproute2-6.1/links.json'), '7')],
  };
  const snapshot = parseCollection(raw);

  it('is that pod alone', () => {
    expect(snapshot.namespaces.map(({ inode, role, podUid }) => [inode, role, podUid])).to.deep.equal([['7', 'pod', 'u']]);
  });
  it('says that its node was not seen', () =>
    expect(snapshot.problems).to.deep.include({
      section: 'host',
      kind: 'missing',
      detail: 'seen from inside one pod only: nothing of its node was read',
    }));
});

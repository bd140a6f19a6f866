import { expect } from 'chai';
import type { ClusterFacts } from '../../../src/cluster/facts.ts';
import { checkProxy } from '../../../src/cni/kube-proxy/check.ts';
import { kubeProxyMode } from '../../../src/cni/kube-proxy/mode.ts';
import { realWorld, scenarios } from '../forwarding/real-nodes.ts';
import { recorded } from '../forwarding/recordings.ts';
import { found } from '../forwarding/world.ts';
import { type NodeTexts, type Proxied, proxied, wrongOn } from './proxied.ts';

type Mode = 'iptables' | 'nftables';

/** Section that holds the rules of IPv4. */
const SECTION: Record<Mode, string> = { iptables: 'iptables-nft-4', nftables: 'nft' };

const edited =
  (mode: Mode, edit: (text: string) => string) =>
  (texts: NodeTexts): NodeTexts => {
    const before = texts[SECTION[mode]] ?? '';
    return { ...texts, [SECTION[mode]]: edit(before) };
  };

const withoutLines =
  (pattern: RegExp) =>
  (text: string): string =>
    text
      .split('\n')
      .filter((line) => !pattern.test(line))
      .join('\n');

interface NftItem {
  rule?: { chain: string; expr: unknown[] };
  map?: { name: string; elem?: unknown[] };
}

/** Every item of `nft -j`, changed or, where the edit says undefined, left out. */
const nftItems =
  (edit: (item: NftItem) => NftItem | undefined) =>
  (text: string): string =>
    text
      .split(/\n(?=\{"nftables")/)
      .filter((part) => part.trim() !== '')
      .map((part) => JSON.stringify({ nftables: (JSON.parse(part) as { nftables: NftItem[] }).nftables.flatMap((item) => edit(item) ?? []) }))
      .join('\n');

const withoutElement = (map: string, words: string) =>
  nftItems((item) =>
    item.map?.name === map
      ? { map: { ...item.map, elem: (item.map.elem ?? []).filter((element) => !JSON.stringify(element).includes(words)) } }
      : item,
  );

const clusterIpOf = ({ facts }: Proxied, name: string): string => found(facts.services.find((one) => one.name === name)?.clusterIps[0]);

/** `10.244.2.10:8080` of each endpoint that is ready. */
const backendsOf = ({ facts }: Proxied, name: string): string[] =>
  facts.endpoints
    .filter(({ service, ip, ready }) => service.name === name && ready && !ip.includes(':'))
    .map(({ ip, ports }) => `${ip}:${ports[0]?.port}`);

/** `demo/web:http` in a comment of iptables, `demo/web/tcp/http` in the name of a chain of nftables. */
const breaks: { says: string; mode: Mode; edit: (world: Proxied) => (text: string) => string; wrong: (world: Proxied) => string[] }[] = [
  {
    says: 'a Service without its rule in KUBE-SERVICES',
    mode: 'iptables',
    edit: () => withoutLines(/"kinds\/zone:http cluster IP".* -j KUBE-SVC/),
    wrong: (world) => [`zone cluster IP 4 ${clusterIpOf(world, 'zone')} absent ${backendsOf(world, 'zone')[0]}`],
  },
  {
    says: 'a Service without its element of service-ips',
    mode: 'nftables',
    edit: () => withoutElement('service-ips', 'kinds/zone/tcp/http'),
    wrong: (world) => [`zone cluster IP 4 ${clusterIpOf(world, 'zone')} absent ${backendsOf(world, 'zone')[0]}`],
  },
  {
    says: 'a node port that leads nowhere',
    mode: 'iptables',
    edit: () => withoutLines(/-A KUBE-NODEPORTS .*"kinds\/balancer-elsewhere:http"/),
    wrong: (world) => [
      `balancer-elsewhere node port 4 ${found(world.facts.services.find(({ name }) => name === 'balancer-elsewhere')?.ports[0]?.nodePort)} absent ${backendsOf(world, 'balancer-elsewhere').join(' ')}`,
    ],
  },
  {
    says: 'a Service without endpoint that nobody refuses',
    mode: 'iptables',
    edit: () =>
      withoutLines(
        /"kinds\/nodeport-nobody:http has no endpoints".*-d 203\.0\.113\.22|-d 203\.0\.113\.22.*"kinds\/nodeport-nobody:http has no endpoints"/,
      ),
    wrong: () => ['nodeport-nobody external IP 4 203.0.113.22 absent'],
  },
  {
    says: 'the same in nftables',
    mode: 'nftables',
    edit: () => withoutElement('no-endpoint-services', '203.0.113.22'),
    wrong: () => ['nodeport-nobody external IP 4 203.0.113.22 absent'],
  },
  {
    says: 'an endpoint chain without its DNAT, where no connection is lost by it',
    mode: 'iptables',
    edit: (world) => withoutLines(new RegExp(`"kinds/unnamed".* --to-destination ${firstTried(world)}`)),
    wrong: (world) => [`unnamed cluster IP 4 ${clusterIpOf(world, 'unnamed')} missing ${firstTried(world)}`],
  },
  {
    says: 'an address that is no endpoint',
    mode: 'iptables',
    edit: (world) => (text) =>
      text.replaceAll(
        `"kinds/by-hand:http" -m tcp -j DNAT --to-destination ${backendsOf(world, 'by-hand')[0]}`,
        '"kinds/by-hand:http" -m tcp -j DNAT --to-destination 198.51.100.10:8080',
      ),
    wrong: (world) => [
      `by-hand cluster IP 4 ${clusterIpOf(world, 'by-hand')} stale 198.51.100.10:8080`,
      `by-hand cluster IP 4 ${clusterIpOf(world, 'by-hand')} missing 198.51.100.9:8080`,
    ],
  },
  {
    says: 'the same in nftables',
    mode: 'nftables',
    edit: () =>
      nftItems((item) =>
        item.rule?.chain.includes('kinds/by-hand/')
          ? (JSON.parse(JSON.stringify(item).replaceAll('198.51.100.9', '198.51.100.10')) as NftItem)
          : item,
      ),
    wrong: (world) => [
      `by-hand cluster IP 4 ${clusterIpOf(world, 'by-hand')} stale 198.51.100.10:8080`,
      `by-hand cluster IP 4 ${clusterIpOf(world, 'by-hand')} missing 198.51.100.9:8080`,
    ],
  },
  {
    says: 'a chain that spreads over one endpoint less than it counts',
    mode: 'nftables',
    edit: () =>
      nftItems((item) =>
        item.rule?.chain.includes('kinds/unnamed/')
          ? (JSON.parse(JSON.stringify(item).replace(/,\[2,\{"concat":\[[^\]]+\]\}\]/, '')) as NftItem)
          : item,
      ),
    wrong: (world) => [`unnamed cluster IP 4 ${clusterIpOf(world, 'unnamed')} hollow ${lastInMap(world)}`],
  },
  {
    says: 'an endpoint chain that is empty: a goto does not come back',
    mode: 'nftables',
    edit: (world) =>
      nftItems((item) =>
        item.rule?.chain.startsWith('endpoint-') &&
        item.rule.chain.includes('kinds/affinity/') &&
        item.rule.chain.endsWith(`__${backendsOf(world, 'affinity')[0]?.replace(':', '/')}`)
          ? undefined
          : item,
      ),
    wrong: (world) => [`affinity cluster IP 4 ${clusterIpOf(world, 'affinity')} hollow ${backendsOf(world, 'affinity')[0]}`],
  },
  {
    says: 'no affinity where there should be',
    mode: 'iptables',
    edit: () => (text) =>
      text
        .replaceAll(/(-A KUBE-S\S+ .*kinds\/affinity:http.*?) -m recent .*?(?= -j| -p| -m tcp)/g, '$1')
        .replaceAll(/-m recent --set --name KUBE-SEP-\S+ --mask \S+ --rsource /g, ''),
    wrong: (world) => [`affinity cluster IP 4 ${clusterIpOf(world, 'affinity')} affinity`],
  },
];

/** The endpoint of the Service that the first rule of its chain sends a share of connections to. */
const firstTried = (world: Proxied): string => {
  const host = found(world.snapshots[0]?.namespaces[0]);
  const nat = found(host.netfilter.iptables.find(({ table, family }) => table === 'nat' && family === 4));
  const text = nat.chains.flatMap(({ rules }) => rules).find((rule) => rule.text.includes('"kinds/unnamed ->'))?.text;
  return /-> ([0-9.:]+)"/.exec(text ?? '')?.[1] ?? '';
};

/** The third endpoint of the Service's map. */
const lastInMap = (world: Proxied): string => {
  const host = found(world.snapshots[0]?.namespaces[0]);
  const chains = found(host.netfilter.nft.find(({ name, family }) => name === 'kube-proxy' && family === 'ip')).chains;
  const [, address, port] =
    /\[2,\{"concat":\["([0-9.]+)",(\d+)/.exec(JSON.stringify(chains.find(({ name }) => name.includes('kinds/unnamed/')))) ?? [];
  return `${address}:${port}`;
};

describe('the rules of kube-proxy', () => {
  for (const mode of ['iptables', 'nftables'] as const) {
    it(`${mode}: of Services of every kind, are right on both nodes`, () => {
      const world = proxied(mode);
      expect(world.facts.services.length).to.be.at.least(20);
      for (const node of ['node1', 'node2']) expect(wrongOn(world, node), node).to.deep.equal([]);
    });

    it(`${mode}: each of its frontends is missed when it is not there`, () => {
      const world = proxied(mode);
      const empty = proxied(mode, (texts) => ({
        ...texts,
        'iptables-nft-4': texts['iptables-nft-4']?.replaceAll(/^.*-A KUBE-(SERVICES|NODEPORTS|EXTERNAL-SERVICES) .*--dport.*$/gm, '') ?? '',
        'iptables-nft-6': texts['iptables-nft-6']?.replaceAll(/^.*-A KUBE-(SERVICES|NODEPORTS|EXTERNAL-SERVICES) .*--dport.*$/gm, '') ?? '',
        nft: nftItems((item) => (item.map ? { map: { ...item.map, elem: [] } } : item))(texts.nft ?? ''),
      }));
      const absent = wrongOn(empty, 'node1').map((text) => text.split(' ')[0]);
      const proxiedNames = world.facts.services
        .filter(({ name, clusterIps }) => clusterIps.length > 0 && !['others', 'leaving'].includes(name))
        .map(({ name }) => name);
      expect([...new Set(absent)].sort()).to.deep.equal(proxiedNames.sort());
      expect(absent.filter((name) => name === 'balancer').length).to.equal(16);
    });
  }

  for (const { says, mode, edit, wrong } of breaks) {
    it(`${mode}: ${says}`, () => {
      const world = proxied(mode);
      const broken = proxied(mode, edited(mode, edit(world)));
      expect(wrongOn(broken, 'node1')).to.deep.equal(wrong(world));
    });
  }

  it('that nothing leads packets to are no use', () => {
    const iptables = proxied('iptables', edited('iptables', withoutLines(/-A PREROUTING .*-j KUBE-SERVICES/)));
    const nftables = proxied(
      'nftables',
      edited(
        'nftables',
        nftItems((item) => (item.rule?.chain === 'nat-output' ? undefined : item)),
      ),
    );
    for (const world of [iptables, nftables]) {
      expect(wrongOn(world, 'node1')).to.include(`zone cluster IP 4 ${clusterIpOf(world, 'zone')} unhooked`);
      expect(wrongOn(world, 'node1').every((text) => text.endsWith(' unhooked'))).to.equal(true);
    }
  });

  it('that do not masquerade serve the cluster only', () => {
    const hook = proxied('iptables', edited('iptables', withoutLines(/-A POSTROUTING .*-j KUBE-POSTROUTING/)));
    const rule = proxied('iptables', edited('iptables', withoutLines(/-A KUBE-POSTROUTING .*-j MASQUERADE/)));
    const nft = proxied(
      'nftables',
      edited(
        'nftables',
        nftItems((item) => (item.rule?.chain === 'masquerading' ? undefined : item)),
      ),
    );
    for (const world of [hook, rule, nft]) {
      const wrong = wrongOn(world, 'node1');
      expect(wrong).to.include('balancer external IP 4 203.0.113.21 unmasked');
      expect(wrong.every((text) => text.endsWith(' unmasked') && !text.includes('cluster IP'))).to.equal(true);
    }
  });

  it('of an earlier mode are stale when they still lead somewhere', () => {
    const world = proxied('nftables');
    const left = proxied('iptables').snapshots[0]?.namespaces[0]?.netfilter.iptables ?? [];
    const address = clusterIpOf(world, 'zone');
    const [rule] = found(
      left
        .flatMap(({ chains }) => chains)
        .find(({ name, rules }) => name === 'KUBE-SERVICES' && rules.some(({ text }) => text.includes('kinds/zone'))),
    ).rules;
    const text = `-d ${address}/32 -p tcp -m tcp --dport 80 -j KUBE-SVC-OLD`;
    const old = { ...found(rule), text, target: 'KUBE-SVC-OLD' };
    const dnat = { ...old, text: '-p tcp -m tcp -j DNAT --to-destination 10.244.1.77:8080', target: 'DNAT' };
    const chain = { packets: 0, bytes: 0 };
    const table = {
      backend: 'legacy' as const,
      family: 4 as const,
      table: 'nat',
      chains: [
        { ...chain, name: 'KUBE-SERVICES', rules: [old] },
        { ...chain, name: 'KUBE-SVC-OLD', rules: [dnat] },
      ],
    };
    world.snapshots[0]?.namespaces[0]?.netfilter.iptables.push(table);
    expect(wrongOn(world, 'node1')).to.deep.equal([`zone cluster IP 4 ${address} stale 10.244.1.77:8080`]);
  });

  const changed = (mode: Mode, change: (facts: ClusterFacts) => void): string[] => {
    const world = proxied(mode);
    change(world.facts);
    return wrongOn(world, 'node1');
  };

  for (const mode of ['iptables', 'nftables'] as const) {
    it(`${mode}: are old when an endpoint is no longer ready`, () => {
      const world = proxied(mode);
      const [gone] = backendsOf(world, 'zone');
      const wrong = changed(mode, ({ endpoints }) => {
        for (const endpoint of endpoints) if (endpoint.service.name === 'unnamed' && gone?.startsWith(`${endpoint.ip}:`)) endpoint.ready = false;
      });
      expect(wrong).to.deep.equal([`unnamed cluster IP 4 ${clusterIpOf(world, 'unnamed')} stale ${gone}`]);
    });

    it(`${mode}: refuse a Service that has an endpoint again`, () => {
      const wrong = changed(mode, ({ endpoints }) => {
        const [like] = endpoints.filter(({ service, ip }) => service.name === 'by-hand' && !ip.includes(':'));
        endpoints.push({ ...found(like), service: { namespace: 'kinds', name: 'nodeport-nobody' } });
      });
      expect(wrong.length).to.equal(3);
      expect(wrong.every((text) => text.endsWith(' closed 198.51.100.9:8080'))).to.equal(true);
    });

    it(`${mode}: send a Service for the own node to no other`, () => {
      const world = proxied(mode);
      const local = world.facts.endpoints.find(({ service, node, ip }) => service.name === 'both-local' && node === 'node1' && !ip.includes(':'));
      const wrong = changed(mode, ({ endpoints }) => {
        for (const endpoint of endpoints) if (endpoint.service.name === 'both-local' && endpoint.ip === local?.ip) endpoint.node = 'node2';
      });
      expect(wrong).to.deep.equal([`both-local cluster IP 4 ${clusterIpOf(world, 'both-local')} stale ${local?.ip}:8080`]);
    });

    it(`${mode}: may follow hints or not`, () => {
      const drop = (facts: ClusterFacts): void => {
        for (const endpoint of facts.endpoints.filter(({ service }) => service.name === 'zone')) delete endpoint.forZones;
      };
      const world = proxied(mode);
      const far = world.facts.endpoints.find(({ service, node }) => service.name === 'zone' && node === 'node2');
      expect(changed(mode, drop)).to.deep.equal([`zone cluster IP 4 ${clusterIpOf(world, 'zone')} missing ${far?.ip}:8080`]);
    });
  }

  it('are not judged where EndpointSlices may not be read', () => {
    expect(changed('iptables', (facts) => Object.assign(facts, { endpoints: [], notRead: ['endpointslices: forbidden'] }))).to.deep.equal([]);
  });

  it('are not judged where they could not be read', () => {
    const world = proxied('iptables');
    world.snapshots[0]?.problems.push({ section: 'iptables-nft-4', kind: 'failed', detail: 'no such tool' });
    expect(wrongOn(world, 'node1')).to.deep.equal(['its rules could not all be read']);
  });

  it("are right on every recorded cluster, or nobody's business", () => {
    for (const name of ['flannel-vxlan-iptables-dual', 'flannel-hostgw-nftables-dual']) {
      for (const { node } of recorded(name).snapshots) expect(wrongOn(recorded(name), node), `${name} ${node}`).to.deep.equal([]);
    }
  });

  if (scenarios().length === 0) it.skip('recordings of real nodes: none lie beside the project', () => undefined);
  for (const scenario of scenarios()) {
    it(`are right on the real nodes of ${scenario}, or somebody else serves Services there`, () => {
      const { snapshots, facts } = realWorld(scenario);
      const plain = /calico|kube-ovn|cilium\/(?!kpr)/.test(scenario);
      for (const snapshot of snapshots) {
        const check = checkProxy(snapshot, facts, false);
        const [skipped, faults] =
          check.skipped === undefined ? ['', facts.services.flatMap((service) => check.faultsOf(service))] : [check.skipped, []];
        expect([faults, skipped === ''], `${snapshot.node} ${skipped}`).to.deep.equal([[], plain]);
      }
    });
  }
});

const hex = (address: string): string =>
  address
    .split('.')
    .map((part) => Number(part).toString(16).padStart(2, '0').toUpperCase())
    .join('');

const port = (number: string): string => Number(number).toString(16).padStart(4, '0').toUpperCase();

/** `10.96.0.10:53 UDP [persistent 10800] → 10.244.0.3:53*1` as /proc/net/ip_vs prints it (ip_vs_info_seq_show). */
const ipvsText = (services: Record<string, string[]>): string =>
  [
    'IP Virtual Server version 1.2.1 (size=4096)',
    'Prot LocalAddress:Port Scheduler Flags',
    '  -> RemoteAddress:Port Forward Weight ActiveConn InActConn',
    ...Object.entries(services).flatMap(([service, servers]) => {
      const [at = '', protocol = '', ...flags] = service.split(' ');
      const [address = '', number = ''] = at.split(':');
      return [
        `${protocol}  ${hex(address)}:${port(number)} rr ${flags.join(' ')}`,
        ...servers.map((server) => {
          const [own = '', weight = '1'] = server.split('*');
          const [ip = '', target = ''] = own.split(':');
          return `  -> ${hex(ip)}:${port(target)}      Masq    ${weight}      0          0`;
        }),
      ];
    }),
  ].join('\n');

describe('the virtual servers of kube-proxy in mode ipvs', () => {
  const SERVICES = ['kubernetes', 'unnamed', 'affinity', 'internal-local', 'both-local', 'nodeport-nobody'];

  /** The frontends of a few Services as IPVS holds them, made from the same objects. */
  const servers = (world: Proxied): Record<string, string[]> => {
    const of = (name: string): string[] => backendsOf(world, name);
    const nodePort = (name: string): number => found(world.facts.services.find((one) => one.name === name)?.ports[0]?.nodePort);
    const local = world.facts.endpoints.find(({ service, node, ip }) => service.name === 'both-local' && node === 'node1' && !ip.includes(':'));
    return {
      [`${clusterIpOf(world, 'kubernetes')}:443 TCP`]: of('kubernetes'),
      [`${clusterIpOf(world, 'unnamed')}:8080 TCP`]: [...of('unnamed'), '10.244.2.99:8080*0'],
      [`${clusterIpOf(world, 'affinity')}:80 TCP persistent 600`]: of('affinity'),
      // no endpoint of it on node1: IPVS uses the others
      [`${clusterIpOf(world, 'internal-local')}:80 TCP`]: of('internal-local'),
      [`${clusterIpOf(world, 'both-local')}:80 TCP persistent 10800`]: [`${local?.ip}:8080`],
      [`10.33.190.11:${nodePort('both-local')} TCP persistent 10800`]: [`${local?.ip}:8080`],
      [`${clusterIpOf(world, 'nodeport-nobody')}:80 TCP`]: [],
      '203.0.113.22:80 TCP': [],
      [`10.33.190.11:${nodePort('nodeport-nobody')} TCP`]: [],
    };
  };

  const ipvs = (
    edit: (all: Record<string, string[]>, world: Proxied) => void = () => undefined,
    bound: (address: string) => boolean = () => true,
  ): string[] => {
    const plain = proxied('iptables');
    const all = servers(plain);
    edit(all, plain);
    const addresses = plain.facts.services.flatMap(({ clusterIps }) => clusterIps).filter((ip) => !ip.includes(':') && bound(ip));
    const links = [
      {
        ifindex: 9,
        ifname: 'kube-ipvs0',
        flags: [],
        mtu: 1500,
        operstate: 'DOWN',
        linkinfo: { info_kind: 'dummy' },
        addr_info: addresses.map((local) => ({ family: 'inet', local, prefixlen: 32, scope: 'global' })),
      },
    ];
    const world = proxied('iptables', () => ({ ipvs: ipvsText(all), links: JSON.stringify(links) }));
    world.facts.services = world.facts.services
      .filter(({ name }) => SERVICES.includes(name))
      .map((service) => ({ ...service, clusterIps: service.clusterIps.filter((ip) => !ip.includes(':')) }));
    return wrongOn(world, 'node1');
  };

  it('are right; an endpoint of weight 0 is on its way out', () => {
    expect(ipvs()).to.deep.equal([]);
  });

  it('that are not there are missed', () => {
    const wrong = ipvs((all, world) => delete all[`${clusterIpOf(world, 'affinity')}:80 TCP persistent 600`]);
    expect(wrong.map((text) => text.replace(/\d+\.\S+ absent.*/, 'absent'))).to.deep.equal(['affinity cluster IP 4 absent']);
  });

  it('without a server refuse', () => {
    const wrong = ipvs((all, world) => (all[`${clusterIpOf(world, 'unnamed')}:8080 TCP`] = []));
    expect(wrong[0]).to.match(/^unnamed cluster IP 4 \S+ closed /);
  });

  it('with a server that is no endpoint, or without one that is', () => {
    const wrong = ipvs((all, world) => (all[`${clusterIpOf(world, 'kubernetes')}:443 TCP`] = ['10.0.0.9:6443']));
    expect(wrong.map((text) => text.split(' ').slice(0, -1).at(-1))).to.deep.equal(['stale', 'missing']);
  });

  it('that are not persistent where they should be', () => {
    const wrong = ipvs((all, world) => {
      const key = `${clusterIpOf(world, 'affinity')}:80 TCP`;
      all[key] = found(all[`${key} persistent 600`]);
      delete all[`${key} persistent 600`];
    });
    expect(wrong[0]).to.match(/^affinity cluster IP 4 \S+ affinity$/);
  });

  it('whose address the node does not take as its own', () => {
    const { facts } = proxied('iptables');
    const address = found(facts.services.find(({ name }) => name === 'unnamed')?.clusterIps[0]);
    expect(
      ipvs(
        () => undefined,
        (ip) => ip !== address,
      ),
    ).to.deep.equal([`unnamed cluster IP 4 ${address} unhooked`]);
  });
});

describe('who serves Services in place of kube-proxy', () => {
  const skippedWith = (edit: (world: Proxied) => void): string | undefined => {
    const world = proxied('iptables');
    edit(world);
    return checkProxy(found(world.snapshots[0]), world.facts, true).skipped;
  };

  it('is Cilium where its configuration says so, whatever kube-proxy left behind', () => {
    for (const value of ['true', 'strict'])
      expect(
        skippedWith(({ facts }) => Object.assign(facts, { configMaps: { 'kube-system/cilium-config': { 'kube-proxy-replacement': value } } })),
      ).to.match(/^Cilium/);
    expect(
      skippedWith(({ facts }) => Object.assign(facts, { configMaps: { 'kube-system/cilium-config': { 'kube-proxy-replacement': 'false' } } })),
    ).to.equal(undefined);
  });

  it('is Cilium where only its programs say so', () => {
    const program = { kind: 'bpf', detail: 'cil_to_netdev-eth0', packets: 0, dropped: 0 };
    const filter = { device: 'eth0', parent: 'egress', kind: 'bpf', protocol: 'all', pref: 1, actions: [program] };
    expect(skippedWith(({ snapshots }) => snapshots[0]?.namespaces[0]?.tc.filters.push(filter))).to.match(/^Cilium/);
    expect(
      skippedWith(({ snapshots }) => {
        snapshots[0]?.namespaces[0]?.tc.filters.push(filter);
        Object.assign(found(snapshots[0]), { daemons: { 'kube-proxy': [7] } });
      }),
    ).to.equal(undefined);
  });

  it('is Calico where its programs are, which only its eBPF data plane attaches', () => {
    const program = { kind: 'bpf', detail: 'cali_tc_preamble direct-action', packets: 0, dropped: 0 };
    const filter = { device: 'eth0', parent: 'ingress', kind: 'bpf', protocol: 'all', pref: 1, actions: [program] };
    expect(skippedWith(({ snapshots }) => snapshots[0]?.namespaces[0]?.tc.filters.push(filter))).to.match(/^Calico/);
  });

  it('is not whoever has virtual servers of its own beside kube-proxy', () => {
    const world = proxied('iptables', (texts) => ({ ...texts, ipvs: ipvsText({ '192.0.2.1:443 TCP': ['192.0.2.7:443'] }) }));
    expect(kubeProxyMode(found(world.snapshots[0]))).to.equal('iptables');
    expect(wrongOn(world, 'node1')).to.deep.equal([]);
  });

  it('is nobody we know of where there are no rules and no kube-proxy in the cluster', () => {
    const world = proxied('iptables', () => ({}));
    expect(checkProxy(found(world.snapshots[0]), world.facts, false).skipped).to.equal('there is no kube-proxy');
    expect(checkProxy(found(world.snapshots[0]), world.facts, true).skipped).to.equal(undefined);
  });
});

import { expect } from 'chai';
import type { TapResult } from '../../../src/probe/observation.ts';
import { type Outcome, type ProbeRequest, type ProbeResult, passes } from '../../../src/probe/probe.ts';
import { type TapPlace, tapSummary } from '../../../src/probe/tap/tap-summary.ts';
import type { Place } from './netlab.ts';

/** What a probe and its captures gave, live or replayed. */
export interface Observed {
  results: ProbeResult[];
  taps: TapResult[];
}

/** One situation of the lab and what has to be seen of it. */
export interface Scenario {
  name: string;
  /** sh that makes the situation, and that ends it. */
  begin: string;
  end: string;
  from: Place;
  requests: ProbeRequest[];
  check: (observed: Observed) => void;
}

const request = (id: string, protocol: ProbeRequest['protocol'], destination: string, more: Partial<ProbeRequest> = {}): ProbeRequest => ({
  id,
  purpose: 'main',
  node: 'n1',
  from: { netns: 'host' },
  fromLabel: 'a',
  toLabel: destination,
  destination,
  protocol,
  count: 3,
  timeoutMs: 1000,
  ...more,
});

const outcomes = ({ results }: Observed, id: string): Outcome[] =>
  results.find((result) => result.request.id === id)?.attempts.map((attempt) => attempt.outcome) ?? [];

/** `n2 eth0 in vxlan` → its place in the summary. */
const placesOf = ({ taps }: Observed, id: string): Map<string, TapPlace> =>
  new Map(
    tapSummary(taps, id).map((place) => [[place.netns, place.interface, place.direction, ...(place.tunnel ? [place.tunnel] : [])].join(' '), place]),
  );

/** Places where all three requests were seen, in sorted order. */
const seen = (observed: Observed, id: string, column: 'requests' | 'replies' | 'resets' | 'errors'): string[] =>
  [...placesOf(observed, id)].flatMap(([name, place]) => (place[column].size === 3 ? [name] : [])).sort();

const WAY_OUT = ['a eth0 out', 'n1 veth1 in', 'n1 cni0 in', 'n1 flannel.1 out', 'n1 eth0 out vxlan'];
const WAY_IN = ['n2 eth0 in vxlan', 'n2 flannel.1 in', 'n2 cni0 out', 'n2 veth2 out', 'b eth0 in'];
const turned = (places: string[]): string[] => places.map((place) => place.replace(/ (in|out)\b/, (_, way) => (way === 'in' ? ' out' : ' in')));
const THERE = [...WAY_OUT, ...WAY_IN].sort();
const BACK = turned(THERE).sort();

const healthy: Scenario = {
  name: 'healthy',
  begin: '',
  end: '',
  from: 'a',
  requests: [
    request('tcp', 'tcp', '10.244.2.5', { port: 8080 }),
    request('tcp6', 'tcp', 'fd44:2::5', { port: 8080 }),
    request('closed', 'tcp', '10.244.2.5', { port: 8081 }),
    request('udp', 'udp', '10.244.2.5', { port: 9999 }),
    request('udp6', 'udp', 'fd44:2::5', { port: 9999 }),
    request('short', 'udp', '10.244.2.5', { port: 9997 }),
    request('icmp', 'icmp', '10.244.2.5'),
    request('icmp6', 'icmp', 'fd44:2::5'),
    request('dns', 'udp', '10.244.2.5', { port: 53, query: 'web.demo.svc.cluster.local' }),
    request('nxdomain', 'udp', '10.244.2.5', { port: 53, query: 'xyz.demo.svc.cluster.local' }),
  ],
  check: (observed) => {
    for (const id of ['tcp', 'tcp6', 'udp', 'udp6', 'short', 'icmp', 'icmp6', 'dns']) {
      expect(outcomes(observed, id), id).to.deep.equal(['answered', 'answered', 'answered']);
      expect(seen(observed, id, 'requests'), id).to.deep.equal(THERE);
      expect(seen(observed, id, 'replies'), id).to.deep.equal(BACK);
    }
    expect(outcomes(observed, 'closed')).to.deep.equal(['refused', 'refused', 'refused']);
    expect(seen(observed, 'closed', 'resets')).to.deep.equal(BACK);
    expect(outcomes(observed, 'nxdomain')).to.deep.equal(['dns-error', 'dns-error', 'dns-error']);
    expect(observed.results.at(-1)?.attempts[0]?.detail).to.equal('NXDOMAIN');
    expect(seen(observed, 'nxdomain', 'replies')).to.deep.equal(BACK);
    for (const {
      attempts,
      request: { id },
    } of observed.results)
      for (const { rttMicros = 0 } of attempts) expect(rttMicros, id).to.be.within(1, 1_000_000);
    const outer = observed.taps.flatMap((tap) => tap.sightings).find((sighting) => sighting.outer)?.outer;
    expect(outer).to.include({ kind: 'vxlan', port: 8472, vni: 1 });
  },
};

/** Case 1: the underlay drops UDP 8472 between the nodes. */
const vxlanDropped: Scenario = {
  name: 'vxlan-dropped',
  begin: `ip netns exec $P"m" nft 'table bridge t { chain f { type filter hook forward priority 0; udp dport 8472 drop; }; }'`,
  end: 'ip netns exec $P"m" nft delete table bridge t',
  from: 'a',
  requests: [
    request('tcp', 'tcp', '10.244.2.5', { port: 8080 }),
    request('icmp', 'icmp', '10.244.2.5'),
    request('udp', 'udp', '10.244.2.5', { port: 9999 }),
    request('own-node', 'icmp', '10.33.0.1'),
    request('far-node', 'icmp', '10.33.0.2'),
  ],
  check: (observed) => {
    for (const id of ['tcp', 'icmp', 'udp']) {
      expect(outcomes(observed, id), id).to.deep.equal(['timeout', 'timeout', 'timeout']);
      expect(seen(observed, id, 'requests'), id).to.deep.equal([...WAY_OUT].sort());
      expect([...placesOf(observed, id).keys()].sort(), id).to.deep.equal([...WAY_OUT].sort());
    }
    expect(outcomes(observed, 'own-node')).to.deep.equal(['answered', 'answered', 'answered']);
  },
};

/** A NodePort: n1 masquerades to a random port, n2 sends it on to b with another port. Only sequence number and cookie stay. */
const translated: Scenario = {
  name: 'translated',
  begin: `
    ip netns exec $P"n1" nft 'table ip t { chain post { type nat hook postrouting priority 100; oifname eth0 masquerade random,fully-random; }; }'
    ip netns exec $P"n2" nft 'table ip t { chain pre { type nat hook prerouting priority -100; ip daddr 10.33.0.2 tcp dport 30080 dnat to 10.244.2.5:8080; ip daddr 10.33.0.2 udp dport 30099 dnat to 10.244.2.5:9999; ip daddr 10.33.0.2 udp dport 30053 dnat to 10.244.2.5:53; }; }'`,
  end: 'for n in n1 n2; do ip netns exec $P$n nft delete table ip t; done',
  from: 'a',
  requests: [
    request('tcp', 'tcp', '10.33.0.2', { port: 30080 }),
    request('udp', 'udp', '10.33.0.2', { port: 30099 }),
    request('dns', 'udp', '10.33.0.2', { port: 30053, query: 'web.demo' }),
    request('icmp', 'icmp', '10.33.0.2'),
  ],
  check: (observed) => {
    for (const id of ['tcp', 'udp', 'dns']) {
      expect(outcomes(observed, id), id).to.deep.equal(['answered', 'answered', 'answered']);
      const way = ['a eth0 out', 'n1 veth1 in', 'n1 cni0 in', 'n1 eth0 out', 'n2 eth0 in', 'n2 cni0 out', 'n2 veth2 out', 'b eth0 in'];
      expect(seen(observed, id, 'requests'), id).to.deep.equal([...way].sort());
      expect(seen(observed, id, 'replies'), id).to.deep.equal(turned(way).sort());
      const arrived = observed.taps
        .find((tap) => tap.netns === 'b')
        ?.sightings.find((sighting) => sighting.probe === id && sighting.what === 'request');
      expect(arrived?.packet, id).to.include({ source: '10.33.0.1', destination: '10.244.2.5' });
    }
    expect(outcomes(observed, 'icmp')).to.deep.equal(['answered', 'answered', 'answered']);
  },
};

/** A firewall on n2 that says no: TCP by reset, the rest by ICMP. */
const rejected: Scenario = {
  name: 'rejected',
  begin: `ip netns exec $P"n2" nft 'table ip t { chain f { type filter hook forward priority 0; tcp dport 8080 reject with tcp reset; udp dport 9999 reject with icmp admin-prohibited; ip protocol icmp reject with icmp host-prohibited; }; }'
    ip netns exec $P"n2" sh -c 'echo 0 >/proc/sys/net/ipv4/icmp_ratelimit'
    ip netns exec $P"n1" nft 'table inet t { chain f { type filter hook forward priority 0; tcp dport 9101 reject; tcp dport 9102 reject with icmpx admin-prohibited; }; }'`,
  end: 'ip netns exec $P"n2" nft delete table ip t; ip netns exec $P"n1" nft delete table inet t',
  from: 'a',
  requests: [
    request('tcp', 'tcp', '10.244.2.5', { port: 8080 }),
    request('udp', 'udp', '10.244.2.5', { port: 9999 }),
    request('icmp', 'icmp', '10.244.2.5'),
    // By the sender's own node, as kube-proxy does for a Service without endpoints.
    request('service', 'tcp', '10.244.2.5', { port: 9101 }),
    request('service6', 'tcp', 'fd44:2::5', { port: 9101 }),
    request('filtered', 'tcp', '10.244.2.5', { port: 9102 }),
    request('filtered6', 'tcp', 'fd44:2::5', { port: 9102 }),
  ],
  check: (observed) => {
    for (const id of ['service', 'service6']) expect(outcomes(observed, id), id).to.deep.equal(['refused', 'refused', 'refused']);
    for (const id of ['filtered', 'filtered6']) expect(outcomes(observed, id), id).to.deep.equal(['prohibited', 'prohibited', 'prohibited']);
    const service = observed.results.find(({ request: { id } }) => id === 'service');
    expect(service?.attempts[2]).to.include({ from: '10.244.1.1', detail: 'ICMP port unreachable' });
    expect(outcomes(observed, 'tcp')).to.deep.equal(['refused', 'refused', 'refused']);
    expect(seen(observed, 'tcp', 'resets'))
      .to.include('a eth0 in')
      .and.not.include('b eth0 out');
    expect(outcomes(observed, 'icmp')).to.deep.equal(['prohibited', 'prohibited', 'prohibited']);
    expect(observed.results.find(({ request: { id } }) => id === 'icmp')?.attempts[0]?.from).to.equal('10.244.2.0');
    for (const [id, code] of [
      ['udp', 13],
      ['icmp', 10],
    ] as const) {
      expect(seen(observed, id, 'errors'), id).to.include('a eth0 in');
      const error = observed.taps[0]?.sightings.find((sighting) => sighting.probe === id && sighting.what === 'icmp-error');
      expect(error?.icmpError, id).to.deep.equal({ from: '10.244.2.0', type: 3, code });
    }
  },
};

/** Case 4: the node's neighbour entry points at another netns that has the pod's address too. */
const duplicateAddress: Scenario = {
  name: 'duplicate-address',
  begin: 'ip -n $P"n1" link set vethx up; sleep 0.1; ip -n $P"n1" neigh replace 10.244.1.4 lladdr 02:00:00:00:0c:04 dev cni0 nud stale',
  end: 'ip -n $P"n1" link set vethx down; ip -n $P"n1" neigh flush dev cni0',
  from: 'n1',
  requests: [request('tcp', 'tcp', '10.244.1.4', { port: 8080 }), request('icmp', 'icmp', '10.244.1.4')],
  check: (observed) => {
    expect(outcomes(observed, 'tcp')).to.deep.equal(['refused', 'refused', 'refused']);
    const resets = observed.taps.flatMap((tap) => tap.sightings).filter((sighting) => sighting.what === 'reset');
    expect(new Set(resets.map((sighting) => `${sighting.interface} ${sighting.sourceMac}`))).to.deep.equal(
      new Set(['vethx 02:00:00:00:0c:04', 'cni0 02:00:00:00:0c:04']),
    );
    expect(outcomes(observed, 'icmp')).to.deep.equal(['answered', 'answered', 'answered']);
    expect(observed.results.every(passes)).to.equal(false);
  },
};

export const scenarios: Scenario[] = [healthy, vxlanDropped, translated, rejected, duplicateAddress];

import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';

/**
 * Two nodes with a pod each and VXLAN between them, made of network namespaces of this machine:
 *
 *     a eth0 – veth1 n1 cni0, flannel.1 – eth0 – m (bridge) – eth0 – flannel.1, cni0 n2 veth2 – eth0 b
 *
 * a 10.244.1.4, b 10.244.2.5 (and fd44:N::), nodes 10.33.0.N. `x` is a netns on n1's bridge that has a's address too, as a leaked one would.
 */
export interface Netlab {
  /** Words that run a command in this namespace. */
  inside: (place: Place) => string[];
  /** sh, with `$P` the prefix of the namespaces' names. */
  sh: (script: string) => string;
  /** A process inside b, to enter it by pid. */
  pidInB: () => number;
  remove: () => void;
}

export type Place = 'a' | 'n1' | 'm' | 'n2' | 'b' | 'x';

/** sh that makes all links, given the namespaces by name. */
export const LINKS = `
for n in a n1 m n2 b x; do ip -n $P$n link set lo up; done
ip -n $P"m" link add br0 type bridge; ip -n $P"m" link set br0 up
for i in 1 2; do
  j=$((3 - i)); n=$P"n"$i
  ip netns exec $n sh -c 'for f in ipv4/ip_forward ipv6/conf/all/forwarding; do echo 1 >/proc/sys/net/$f; done'
  ip -n $n link add eth0 type veth peer name port$i netns $P"m"
  ip -n $P"m" link set port$i master br0 up
  ip -n $n addr add 10.33.0.$i/24 dev eth0; ip -n $n link set eth0 up
  ip -n $n link add cni0 type bridge; ip -n $n link set cni0 up
  ip -n $n addr add 10.244.$i.1/24 dev cni0; ip -n $n addr add fd44:$i::1/64 dev cni0 nodad
  ip -n $n link add flannel.1 address 02:00:00:00:00:0$i type vxlan id 1 local 10.33.0.$i dev eth0 dstport 8472 nolearning
  ip -n $n addr add 10.244.$i.0/32 dev flannel.1; ip -n $n addr add fd44:$i::f:0/128 dev flannel.1 nodad; ip -n $n link set flannel.1 up
  ip -n $n route add 10.244.$j.0/24 via 10.244.$j.0 dev flannel.1 onlink
  ip -n $n route add fd44:$j::/64 via fd44:$j::f:0 dev flannel.1 onlink
  for address in 10.244.$j.0 fd44:$j::f:0; do ip -n $n neigh add $address lladdr 02:00:00:00:00:0$j dev flannel.1 nud permanent; done
  bridge -n $n fdb append 02:00:00:00:00:0$j dev flannel.1 dst 10.33.0.$j
done
pod() {
  ip -n $P$1 link add eth0 address $4 type veth peer name $5 netns $P"n"$2
  ip -n $P"n"$2 link set $5 master cni0 up
  ip -n $P$1 addr add 10.244.$2.$3/24 dev eth0; ip -n $P$1 addr add fd44:$2::$3/64 dev eth0 nodad; ip -n $P$1 link set eth0 up
  ip -n $P$1 route add default via 10.244.$2.1; ip -n $P$1 route add default via fd44:$2::1
}
pod a 1 4 02:00:00:00:0a:04 veth1
pod b 2 5 02:00:00:00:0b:05 veth2
pod x 1 4 02:00:00:00:0c:04 vethx
ip -n $P"n1" link set vethx down
# The bridges take a second until they pass neighbour discovery.
for address in 10.244.2.5 fd44:2::5; do ip netns exec $P"a" ping -q -w 30 -i 0.1 -c 1 $address; done
`;

const UP = `for n in a n1 m n2 b x; do ip netns add $P$n; done${LINKS}`;

/** Why no lab can be made here, for a test to skip with. */
export const labRefusal = (): string | undefined => {
  if (process.getuid?.() !== 0) return 'needs root';
  const missing = ['ip', 'bridge', 'nft', 'nsenter', 'socat', 'tcpdump', 'ping'].filter(
    (tool) => spawnSync('sh', ['-c', `command -v ${tool}`]).status !== 0,
  );
  return missing.length === 0 ? undefined : `needs ${missing.join(', ')}`;
};

const answering = (child: ChildProcess): Promise<void> =>
  new Promise((resolve, reject) => {
    child.stdout?.once('data', () => resolve());
    child.once('exit', (code) => reject(new Error(`the responder ended with ${code}`)));
  });

export const createNetlab = async (): Promise<Netlab> => {
  const prefix = `ndtap-${process.pid}-`;
  const inside = (place: Place): string[] => ['ip', 'netns', 'exec', `${prefix}${place}`];
  const sh = (script: string): string => execFileSync('sh', ['-ec', script], { env: { ...process.env, P: prefix }, encoding: 'utf8', stdio: 'pipe' });
  const responders: ChildProcess[] = [];
  const remove = (): void => {
    for (const responder of responders) responder.kill();
    sh('for n in a n1 m n2 b x; do ip netns del $P$n 2>/dev/null || true; done');
  };
  try {
    sh(UP);
    for (const place of ['a', 'b'] as const) {
      const [program = '', ...words] = [...inside(place), process.execPath, new URL('responder.ts', import.meta.url).pathname];
      responders.push(spawn(program, words, { stdio: ['ignore', 'pipe', 'inherit'] }));
    }
    await Promise.all(responders.map(answering));
  } catch (error) {
    remove();
    throw error;
  }
  return { inside, sh, remove, pidInB: () => responders[1]?.pid ?? 0 };
};

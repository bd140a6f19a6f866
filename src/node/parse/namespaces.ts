import { canonicalAddress } from './address.ts';
import { linesOf } from './json.ts';

/** What the collector knows of a namespace without having entered it. */
export interface ListedNamespace {
  inode: string;
  /** Ascending. */
  pids: number[];
  pinnedAt: string[];
  podUid?: string;
  addresses: string[];
}

/** systemd's cgroup driver writes the dashes of a UID as underscores. */
const asUid = (text: string): string => text.replaceAll('_', '-');

/** A process that is a pod's by its cgroup, or a namespace that is one's by the runtime's record. */
interface Claim {
  pid?: number;
  inode?: string;
  uid: string;
}

/**
 * Namespace → pod. Somebody else's process may be in there for a visit (a capture or probe of an agent, which is on the host's network):
 * the runtime's record counts most, then a pod that is nowhere else, then the oldest process.
 */
const ownersOf = (claims: Claim[], inodeOf: ReadonlyMap<string, string>): Map<string, string> => {
  const placed = claims.flatMap(({ pid, inode = inodeOf.get(`${pid}`), uid }) => (inode === undefined ? [] : [{ pid, inode, uid }]));
  const homes = new Map([...Map.groupBy(placed, ({ uid }) => uid)].map(([uid, all]) => [uid, new Set(all.map(({ inode }) => inode)).size]));
  return new Map(
    [...Map.groupBy(placed, ({ inode }) => inode)].map(([inode, rivals]) => {
      const [first] = rivals.sort((a, b) => (homes.get(a.uid) ?? 0) - (homes.get(b.uid) ?? 0) || (a.pid ?? 0) - (b.pid ?? 0));
      const recorded = rivals.find(({ pid }) => pid === undefined);
      return [inode, (recorded ?? first)?.uid ?? ''];
    }),
  );
};

/** Sections `processes` (P inode pid), `pins` (N inode pid path), `claims` (C pid uid, S inode uid) and `addresses` (A inode address). */
export const parseNamespaces = (sections: readonly string[]): Map<string, ListedNamespace> => {
  const found = new Map<string, ListedNamespace>();
  const inodeOf = new Map<string, string>();
  const claims: Claim[] = [];
  const at = (inode: string): ListedNamespace => {
    const known = found.get(inode) ?? { inode, pids: [], pinnedAt: [], addresses: [] };
    found.set(inode, known);
    return known;
  };
  for (const line of sections.flatMap(linesOf)) {
    const [kind, first = '', second = '', ...rest] = line.split(' ');
    if (kind === 'P') {
      at(first).pids.push(Number(second));
      inodeOf.set(second, first);
    } else if (kind === 'N') {
      const path = rest.join(' ');
      if (!at(first).pinnedAt.includes(path)) at(first).pinnedAt.push(path);
    } else if (kind === 'C') {
      claims.push({ pid: Number(first), uid: asUid(second) });
    } else if (kind === 'S') {
      claims.push({ inode: first, uid: asUid(second) });
    } else if (kind === 'A' && !/^(127\.|fe80:|0000:0000:0000:0000:0000:0000:0000:0001)/.test(second)) {
      at(first).addresses.push(canonicalAddress(second));
    }
  }
  for (const [inode, uid] of ownersOf(claims, inodeOf)) at(inode).podUid = uid;
  for (const namespace of found.values()) namespace.pids.sort((one, other) => one - other);
  return found;
};

/**
 * `nsid 5 (iproute2 netns name: 4026532345)`: the collector named each namespace by its inode. Where it could not, the names are those of
 * the node's /run/netns, which are known as pins; others have no name.
 */
export const parseNsids = (text: string, inodeOfPin: ReadonlyMap<string, string>): Record<string, string> =>
  Object.fromEntries(
    linesOf(text).flatMap((line) => {
      const [, nsid, name = ''] = line.match(/^nsid (\d+).*netns name: (.*)\)/) ?? [];
      const inode = /^\d+$/.test(name) ? name : (inodeOfPin.get(`/run/netns/${name}`) ?? inodeOfPin.get(`/var/run/netns/${name}`));
      return nsid === undefined || inode === undefined ? [] : [[nsid, inode]];
    }),
  );

/** `eth0 12`: peer_ifindex of `ethtool -S eth0` */
export const parsePeerIndexes = (text: string): Map<string, number> =>
  new Map(linesOf(text).flatMap((line) => [...line.matchAll(/^(\S+) (\d+)$/g)].map((match) => [match[1] ?? '', Number(match[2])])));

/** `/proc/812/comm:kubelet` */
export const parseDaemons = (text: string): Record<string, number[]> => {
  const daemons: Record<string, number[]> = {};
  for (const line of linesOf(text)) {
    const match = line.match(/^\/proc\/(\d+)\/comm:(.*)$/);
    const name = match?.[2];
    if (name) daemons[name] = [...(daemons[name] ?? []), Number(match[1])];
  }
  return daemons;
};

/** `kube-proxy 10256/healthz 200` */
export const parseHealth = (text: string): Record<string, number> =>
  Object.fromEntries(
    linesOf(text).flatMap((line) => [...line.matchAll(/^(\S+) \S+ (\d+)(?: \{.*)?$/g)].map((match) => [match[1], Number(match[2])])),
  );

/** `key value…` lines of section `meta` */
export const parseMeta = (text: string): Record<string, string> =>
  Object.fromEntries(linesOf(text).map((line) => [line.split(' ')[0] ?? '', line.slice(line.indexOf(' ') + 1)]));

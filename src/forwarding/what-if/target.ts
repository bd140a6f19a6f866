import { hostNetns, type Place, type World } from '../world.ts';
import { fail } from './change.ts';
import { shellWords } from './shell.ts';

/** A command and where it is typed. */
export interface Command {
  place: Place;
  words: string[];
}

const podPlace = (world: World, name: string): Place | undefined => {
  const [namespace, short] = name.includes('/') ? name.split('/') : [undefined, name];
  const pods = world.facts.pods.filter((pod) => pod.name === short && (namespace === undefined || pod.namespace === namespace));
  if (pods.length > 1) fail(`there are ${pods.length} pods named ${name}: say which, as NAMESPACE/NAME`);
  const [pod] = pods;
  if (!pod) return undefined;
  const snapshot = world.snapshots.find(({ node }) => node === pod.node) ?? fail(`node ${pod.node ?? '?'} of pod ${name} was not read`);
  const netns = pod.hostNetwork ? hostNetns(snapshot) : snapshot.namespaces.find(({ podUid }) => podUid === pod.uid);
  return { snapshot, netns: netns ?? fail(`the network namespace of pod ${name} was not read`) };
};

const placeNamed = (world: World, where: string): Place => {
  const snapshot = world.snapshots.find(({ node }) => node === where);
  const netns = snapshot && hostNetns(snapshot);
  if (snapshot && !netns) fail(`the host network namespace of ${where} was not read`);
  if (snapshot && netns) return { snapshot, netns };
  const nodes = world.snapshots.map(({ node }) => node).join(', ');
  return podPlace(world, where.replace(/^pods?\//, '')) ?? fail(`${where} is neither a node that was read (${nodes}) nor a pod that is known`);
};

const pinned = ({ snapshot }: Place, name: string): Place => {
  const netns = snapshot.namespaces.find(({ pinnedAt }) => pinnedAt.some((path) => path === name || path.endsWith(`/${name}`)));
  return { snapshot, netns: netns ?? fail(`${snapshot.node} has no network namespace named ${name}`) };
};

const ofProcess = ({ snapshot }: Place, pid: string | undefined): Place => {
  const netns = snapshot.namespaces.find((one) => `${one.pid}` === pid);
  return { snapshot, netns: netns ?? fail(`no network namespace is known by process ${pid ?? '?'} of ${snapshot.node}`) };
};

/** `sudo`, `ip netns exec NAME`, `ip -n NAME` and `nsenter -t PID -n` before the command itself. */
const enter = (place: Place, words: string[]): Command => {
  const [first, second, third, fourth, ...rest] = words;
  if (first === 'sudo') return enter(place, words.slice(1));
  if (first === 'ip' && second === 'netns' && third === 'exec' && fourth !== undefined) return enter(pinned(place, fourth), rest);
  if (first === 'ip' && (second === '-n' || second === '-netns') && third !== undefined)
    return enter(pinned(place, third), ['ip', ...words.slice(3)]);
  if (first !== 'nsenter') return { place, words };
  const at = words.findIndex((word, index) => index > 0 && !word.startsWith('-') && !/^(-t|--target)$/.test(words[index - 1] ?? ''));
  const pid = /(?:-t|--target)[ =]?(\d+)/.exec(words.slice(0, at).join(' '))?.[1];
  return at < 0 ? fail('nsenter without a command') : enter(ofProcess(place, pid), words.slice(at));
};

/**
 * `node1: iptables -D FORWARD 3`, `demo/web-0: ip route add …`: the node whose host namespace, or the pod, a command is typed in.
 * @throws ChangeError
 */
export const readCommand = (world: World, text: string): Command => {
  const [, where = '', line = ''] = /^\s*([^\s:]+)\s*:\s+(.+)$/s.exec(text) ?? fail('expected NODE: COMMAND, as in "node1: iptables -D FORWARD 3"');
  const words = shellWords(line);
  return words.length === 0 ? fail('there is no command') : enter(placeNamed(world, where), words);
};

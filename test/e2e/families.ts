import type { Family } from '../lab/options.ts';
import { kubectl } from './cluster.ts';

/** What a question asks for, in the family that it is then asked in. */
export interface Asked {
  family: Family;
  word: string;
}

const ADDRESSES: Record<string, string> = {
  pod: '{.status.podIPs[*].ip}',
  svc: '{.spec.clusterIPs[*]}',
  node: '{.status.addresses[?(@.type=="InternalIP")].address}',
};

/** `server-node2`, `demo/server-node2`, `svc/web`, `kube-system/svc/kube-dns`, `node/node1`. */
const parse = (word: string): { kind: string; namespace: string; name: string } => {
  const [name = '', kind = 'pod', namespace = 'demo'] = word.split('/').reverse();
  return kind in ADDRESSES ? { kind, namespace, name } : { kind: 'pod', namespace: kind, name };
};

const familyOf = (address: string): Family => (address.includes(':') ? 6 : 4);

/** All addresses of a pod, Service or node, the first one first; none of a headless Service. */
export const addressesOf = async (word: string): Promise<string[]> => {
  const { kind, namespace, name } = parse(word);
  const said = await kubectl(['-n', namespace, 'get', kind, name, '-o', `jsonpath=${ADDRESSES[kind]}`]);
  return said.split(' ').filter((address) => address !== '' && address !== 'None');
};

/** The word itself, which stands for its first address, and the address that it has in the other family, if any. */
export const inEachFamily = async (word: string): Promise<Asked[]> => {
  const [first = '', second] = await addressesOf(word);
  return [{ family: familyOf(first), word }, ...(second === undefined ? [] : [{ family: familyOf(second), word: second }])];
};

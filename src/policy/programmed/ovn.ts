import type { OvnAcl, OvnState, OvsFlow, OvsPort } from '../../node/dataplane-state.ts';
import type { NodeSnapshot } from '../../node/snapshot.ts';
import type { PolicyRef } from '../model.ts';
import type { Carried, Programmed, Wanted } from './programmed.ts';

/** ovn-northd puts ACLs this much higher than the database has them (northd.c: OVN_ACL_PRI_OFFSET). */
const OFFSET = 1000;

const portsOf = ({ ovs }: NodeSnapshot): OvsPort[] => ovs?.bridges.flatMap(({ ports }) => ports) ?? [];

/** kube-ovn calls a pod's port `pod.namespace`, OVN-Kubernetes `namespace_pod`; secondary networks put more in front. */
const isPortOf = ({ externalIds }: OvsPort, namespace: string, pod: string): boolean => {
  const id = externalIds['iface-id'];
  return id === `${pod}.${namespace}` || id === `${namespace}_${pod}`;
};

/** Drops of ACLs that apply to what comes from, or goes to, one logical port. */
const dropsAt = (ovn: OvnState, { datapath, key }: OvnState['ports'][number], direction: Wanted['direction']): OvsFlow[] => {
  const register = direction === 'ingress' ? 'reg15' : 'reg14';
  return ovn.drops.filter(
    ({ match, priority }) => priority >= OFFSET && match.includes(`${register}=${key}`) && match.includes(`metadata=${datapath}`),
  );
};

/** A logged drop has the ACL's name among what it sends to the controller (ovn-controller: encode_OVNACT_LOG). */
const loggedName = ({ actions }: OvsFlow): string | undefined => {
  const bytes = /userdata=([0-9a-f.]+)/
    .exec(actions)?.[1]
    ?.split('.')
    .map((byte) => Number.parseInt(byte, 16));
  // an 8-byte head, the verdict and the severity; then the name
  return bytes && bytes.length > 10 ? String.fromCharCode(...bytes.slice(10)) : undefined;
};

const groupOf = (ovn: OvnState, acl: OvnAcl): OvnState['portGroups'][number] | undefined =>
  ovn.portGroups.find(({ acls }) => acls.includes(acl.uuid));

/** Which policy an ACL is of: kube-ovn's port groups and OVN-Kubernetes' ACLs say so themselves. */
const ownersOf = (ovn: OvnState, acl: OvnAcl, { selecting, side }: Wanted): { refs: PolicyRef[]; said: string } | undefined => {
  const np = groupOf(ovn, acl)?.externalIds.np;
  if (np !== undefined) return { refs: selecting.filter(({ namespace, name }) => `${namespace}/${name}` === np), said: np };
  const { 'k8s.ovn.org/owner-type': type, 'k8s.ovn.org/name': name } = acl.externalIds;
  if (type === undefined || name === undefined) return undefined;
  // the denial of a namespace is shared by all policies that isolate
  if (type === 'NetpolNamespace') {
    const isolating = side.reason.is === 'isolated' ? side.reason.policies : selecting;
    return { refs: isolating.filter((ref) => ref.namespace === name), said: `default deny of namespace ${name}` };
  }
  const refs = selecting.filter((ref) => (ref.namespace === undefined ? ref.name : `${ref.namespace}:${ref.name}`) === name);
  return { refs, said: `${type} ${name}` };
};

/** kube-ovn has one northbound database for the cluster, on whichever node it is; OVN-Kubernetes one for each node. */
const withDatabase = ({ snapshot, around = [] }: Wanted): OvnState | undefined => {
  const { ovn } = snapshot;
  if (!ovn || ovn.acls.length > 0) return ovn;
  const other = around.find((one) => (one.ovn?.acls.length ?? 0) > 0)?.ovn;
  return other ? { ...ovn, acls: other.acls, portGroups: other.portGroups } : ovn;
};

const isDrop = ({ action }: OvnAcl): boolean => action === 'drop' || action === 'reject';

/** ACLs that a flow may have been made of: by name where it is logged, else by direction and priority. */
const aclsOf = (ovn: OvnState, flow: OvsFlow, direction: Wanted['direction']): OvnAcl[] => {
  const logged = loggedName(flow);
  return ovn.acls.filter(
    (acl) =>
      isDrop(acl) &&
      acl.direction === (direction === 'ingress' ? 'to-lport' : 'from-lport') &&
      acl.priority + OFFSET === flow.priority &&
      (logged === undefined || acl.name === undefined || acl.name === logged),
  );
};

const family = (flow: OvsFlow): 4 | 6 | undefined => (flow.match.includes('ip') ? 4 : flow.match.includes('ipv6') ? 6 : undefined);

/** What a flow had counted when the switch was read before; undefined where it was not there. */
export const packetsBefore = ({ drops }: OvnState, { cookie, table, priority, match }: OvsFlow): number | undefined =>
  drops.find((one) => one.cookie === cookie && one.table === table && one.priority === priority && one.match.join() === match.join())?.packets;

/** How OVN carries out the policies of a pod: ACLs become flows of br-int on the pod's own node. */
export const ovnRule = (wanted: Wanted): Programmed | undefined => {
  const { snapshot, before, direction, subject } = wanted;
  const ovn = withDatabase(wanted);
  const { pod, address } = subject;
  if (!ovn || !pod) return undefined;
  const port = portsOf(snapshot).find((one) => isPortOf(one, pod.namespace, pod.name));
  const known = ovn.ports.find(({ ofport }) => ofport === port?.ofport);
  if (!known) return undefined;
  const flows = dropsAt(ovn, known, direction).filter((flow) => family(flow) === undefined || family(flow) === (address?.family ?? 4));
  const pastOf = (flow: OvsFlow): number | undefined => before?.ovn && packetsBefore(before.ovn, flow);
  const [flow] = [...flows].sort((a, b) => b.packets - (pastOf(b) ?? 0) - (a.packets - (pastOf(a) ?? 0)) || b.priority - a.priority);
  if (!flow) return undefined;
  const owners = aclsOf(ovn, flow, direction).flatMap((acl) => {
    const owner = ownersOf(ovn, acl, wanted);
    return owner ? [{ acl, ...owner }] : [];
  });
  // of ACLs that look alike, those of policies that select this pod are meant
  const own = owners.some(({ refs }) => refs.length > 0) ? owners.filter(({ refs }) => refs.length > 0) : owners;
  const past = pastOf(flow) ?? (before?.ovn ? 0 : undefined);
  const logged = loggedName(flow);
  const carried = own.flatMap(({ acl, refs, said }): Carried[] => {
    const place = `ACL ${acl.name ?? acl.match}`;
    return refs.length > 0 ? refs.map((ref) => ({ place, said, ref })) : [{ place, said }];
  });
  return {
    node: snapshot.node,
    place: `br-int table ${flow.table} priority ${flow.priority}`,
    text: logged ?? own[0]?.acl.name ?? flow.match.join(','),
    ...(port ? { interface: port.name } : {}),
    counter: { ...(past === undefined ? {} : { before: past }), after: flow.packets },
    carried,
    complete: false,
    notes:
      ovn.acls.length === 0 ? ["OVN's northbound database is on none of the nodes that were read: the flow says no more than what it drops."] : [],
  };
};

import { expect } from 'chai';
import type { Lab } from '../lab/handle.ts';
import { allPods, kubectl, lab, nameOf } from './cluster.ts';
import { addressesOf } from './families.ts';
import { netdoctor, veth } from './netdoctor.ts';

/** What /sys says on both sides, read by cat in the container and by grep on the node. */
const kernelView = async (on: Lab, node: string, namespace: string, pod: string): Promise<{ ifindex: number; peer: string; mac: string }> => {
  const files = ['ifindex', 'iflink', 'address'].map((file) => `/sys/class/net/eth0/${file}`);
  const [ifindex = '', iflink = '', mac = ''] = (await kubectl(['-n', namespace, 'exec', pod, '--', 'cat', ...files])).split('\n');
  const { stdout } = await on.nodeExec(node, ['sh', '-c', 'grep -lx "$0" /sys/class/net/*/ifindex', iflink]);
  return { ifindex: Number(ifindex), peer: /net\/([^/]+)\/ifindex/.exec(stdout)?.[1] ?? '', mac };
};

describe('veth', () => {
  it('has a truthful row for every pod of the cluster', async () => {
    const [report, pods] = await Promise.all([veth(['-A']), allPods()]);
    const rows = new Map(report.rows.map((row) => [`${row.namespace}/${row.pod}`, row]));
    const running = pods.filter(
      ({ status, metadata }) => status.phase === 'Running' && metadata.labels?.['app.kubernetes.io/managed-by'] !== 'kubectl-netdoctor',
    );
    for (const pod of running) {
      const row = rows.get(nameOf(pod));
      expect(row, nameOf(pod)).to.not.equal(undefined);
      if (pod.spec.hostNetwork) expect(row?.note).to.match(/host network/);
      else {
        const held = row?.attachment?.interface.addresses.map((address) => address.split('/')[0]);
        expect(held, nameOf(pod)).to.include.members(pod.status.podIPs?.map(({ ip }) => ip) ?? []);
      }
    }
    expect(report.findings).to.deep.equal([]);
  });

  it("agrees with the kernel's own word on every pod of the lab", async function () {
    if (!lab) return this.skip();
    const { rows } = await veth(['-n', 'demo']);
    const attached = rows.filter(({ attachment }) => attachment !== undefined);
    expect(attached).to.not.deep.equal([]);
    for (const { namespace, pod, node, attachment } of attached) {
      const seen = await kernelView(lab, node ?? '', namespace, pod);
      expect(
        { ifindex: attachment?.interface.ifindex, peer: attachment?.peer?.name, mac: attachment?.interface.mac },
        `${namespace}/${pod}`,
      ).to.deep.equal(seen);
    }
    return undefined;
  });

  it('finds the pod behind a host interface, and the pod that holds an address', async () => {
    const { rows } = await veth(['-A']);
    const row = rows.find(({ attachment }) => attachment?.peer !== undefined);
    const { attachment } = row ?? {};
    const byInterface = await veth(['--host-iface', attachment?.peer?.name ?? '', '--node', row?.node ?? '']);
    expect(byInterface.rows.map(({ namespace, pod }) => `${namespace}/${pod}`)).to.deep.equal([`${row?.namespace}/${row?.pod}`]);
    const addresses = await addressesOf(`${row?.namespace}/${row?.pod}`);
    expect(addresses).to.not.deep.equal([]);
    for (const { rows: holders } of await Promise.all(addresses.map((address) => veth(['--ip', address]))))
      expect(holders.map(({ namespace, pod }) => `${namespace}/${pod}`)).to.deep.equal([`${row?.namespace}/${row?.pod}`]);
  });

  it('says in one line when no interface has that name', async () => {
    const node = (await veth(['-A'])).rows.find((row) => row.node !== undefined)?.node ?? '';
    const { exitCode, stderr, stdout } = await netdoctor(['veth', '--host-iface', 'nosuch0', '--node', node]);
    expect({ exitCode, stderr, stdout }).to.deep.equal({
      exitCode: 5,
      stderr: `error: interface nosuch0 of ${node} leads to no network namespace`,
      stdout: '',
    });
  });
});

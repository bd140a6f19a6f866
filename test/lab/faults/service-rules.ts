import { waitFor } from '../clock.ts';
import type { Lab } from '../handle.ts';
import { type Family, families } from '../options.ts';
import { namespace } from '../workloads.ts';
import { pauseAgent, restartAgent } from './agents.ts';
import { anywhere, type Fault, nodePlan, victim } from './fault.ts';

/** The Service whose rules are touched, on the node that asks; kube-proxy does not look at what it has not changed itself for an hour. */
const service = `${namespace}/web`;

interface NftRule {
  rule?: { chain: string; handle: number };
}

const nftFamilies: Record<Family, string> = { 4: 'ip', 6: 'ip6' };

/** Rewrites the one rule that spreads the Service's connections, as `nft list` prints it. */
const editNft = async (lab: Lab, family: Family, edit: (rule: string) => string): Promise<void> => {
  const table = [nftFamilies[family], 'kube-proxy'];
  const { stdout } = await lab.nodeExec(victim.peer, ['nft', '-j', 'list', 'table', ...table]);
  const { nftables } = JSON.parse(stdout) as { nftables: NftRule[] };
  const spreading = nftables.flatMap(({ rule }) =>
    rule && /^service-[A-Z2-7]{8}-/.test(rule.chain) && rule.chain.includes(`-${service}/`) ? [rule] : [],
  );
  for (const { chain, handle } of spreading) {
    const listed = await lab.nodeExec(victim.peer, ['nft', 'list', 'chain', ...table, chain]);
    const line = listed.stdout.split('\n').find((text) => text.includes(' dnat '));
    await lab.nodeExec(victim.peer, ['nft', '-f', '-'], {
      input: `replace rule ${table.join(' ')} ${chain} handle ${handle} ${edit(line?.trim() ?? '')}\n`,
    });
  }
};

const iptablesOf: Record<Family, string> = { 4: 'iptables', 6: 'ip6tables' };

/** Chains of the Service's endpoints, by the comments kube-proxy writes; the last is where connections go that none before it took. */
const endpointChains = async (lab: Lab, family: Family): Promise<string[]> => {
  const { stdout } = await lab.nodeExec(victim.peer, [`${iptablesOf[family]}-save`, '-t', 'nat']);
  const jumps = [...stdout.matchAll(new RegExp(`^-A KUBE-SVC-\\S+ .*--comment "${service}:http -> .* -j (KUBE-SEP-\\S+)`, 'gm'))];
  return jumps.map(([, chain = '']) => chain);
};

/** An address of the far node's pods that no pod has. */
const nobody = (lab: Lab, family: Family): string =>
  (nodePlan(lab, victim.node).podCidr[family] ?? '').replace(/\/.*/, '').replace(/\.0$/, '.250').replace(/::$/, '::fa');

const perFamily = async (lab: Lab, nft: (family: Family) => Promise<void>, iptables: (family: Family) => Promise<void>): Promise<void> => {
  for (const family of families(lab.plan.options.ip)) await (lab.plan.options.proxy === 'nftables' ? nft(family) : iptables(family));
};

const undo = (lab: Lab): Promise<void> => restartAgent(lab, victim.peer, 'kube-proxy');

export const serviceEndpointUnwritten: Fault = {
  name: 'service-endpoint-unwritten',
  title: 'the rule of a node for one endpoint of a Service is gone',
  appliesTo: anywhere,
  inject: (lab) =>
    perFamily(
      lab,
      (family) => editNft(lab, family, (rule) => rule.replace(/, 1 : [^,}]+/, '')),
      async (family) => {
        const chain = (await endpointChains(lab, family)).at(-1) ?? '';
        await lab.nodeExec(victim.peer, [iptablesOf[family], '-w', '-t', 'nat', '-F', chain]);
      },
    ),
  undo,
};

export const serviceEndpointStale: Fault = {
  name: 'service-endpoint-stale',
  title: 'the rules of a node send a Service to an address that no pod has',
  appliesTo: anywhere,
  inject: (lab) =>
    perFamily(
      lab,
      (family) => editNft(lab, family, (rule) => rule.replaceAll(/(\d+ : )[0-9a-f.:]+ \. /g, `$1${nobody(lab, family)} . `)),
      async (family) => {
        const target = family === 6 ? `[${nobody(lab, family)}]:8080` : `${nobody(lab, family)}:8080`;
        for (const chain of await endpointChains(lab, family)) {
          await lab.nodeExec(victim.peer, [iptablesOf[family], '-w', '-t', 'nat', '-F', chain]);
          await lab.nodeExec(victim.peer, [
            iptablesOf[family],
            '-w',
            '-t',
            'nat',
            '-A',
            chain,
            '-p',
            'tcp',
            '-j',
            'DNAT',
            '--to-destination',
            target,
          ]);
        }
      },
    ),
  undo,
};

const deployment = ['deployment/web', '--namespace', namespace];

/** All at once, so that the new pods find the nodes as the old ones did. */
const replacePods = async (lab: Lab): Promise<void> => {
  const replicas = await lab.kubectl(['get', ...deployment, '-o', 'jsonpath={.spec.replicas}']);
  await lab.kubectl(['scale', ...deployment, '--replicas=0']);
  await waitFor('the pods of the Service gone', async () => {
    const left = await lab.kubectl(['get', 'pods', '--namespace', namespace, '--selector', 'app=web', '-o', 'name']);
    return left === '';
  });
  await lab.kubectl(['scale', ...deployment, `--replicas=${replicas}`]);
  await lab.kubectl(['rollout', 'status', ...deployment, '--timeout=60s']);
};

export const kubeProxyBehind: Fault = {
  name: 'kube-proxy-behind',
  title: 'kube-proxy on a node hangs, and the pods of a Service are replaced',
  appliesTo: anywhere,
  inject: async (lab) => {
    await pauseAgent(lab, victim.peer, 'kube-proxy');
    await replacePods(lab);
  },
  undo,
};

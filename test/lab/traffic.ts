import { waitFor } from './clock.ts';
import { kubectl } from './kubectl.ts';
import type { LabPlan } from './plan.ts';
import { namespace } from './workloads.ts';

const get = (lab: string, client: string, url: string): Promise<string> =>
  kubectl(lab, ['exec', '--namespace', namespace, client, '--', 'responder', 'get', url]);

const podIps = async (lab: string): Promise<readonly { readonly name: string; readonly ip: string }[]> => {
  const format = 'jsonpath={range .items[*]}{.metadata.name} {range .status.podIPs[*]}{.ip} {end}{"\\n"}{end}';
  const lines = (await kubectl(lab, ['get', 'pods', '--namespace', namespace, '--selector', 'app=server', '-o', format])).trim().split('\n');
  return lines.flatMap((line) => {
    const [name = '', ...ips] = line.trim().split(' ');
    return ips.map((ip) => ({ name, ip }));
  });
};

const url = (ip: string): string => `http://${ip.includes(':') ? `[${ip}]` : ip}:8080`;

/** From every node: each server by each of its addresses, a Service by name, the outside by name. What a user would call a working cluster. */
export const waitForTraffic = async (plan: LabPlan): Promise<void> => {
  const lab = plan.options.name;
  const servers = await podIps(lab);
  const expectations = [
    ...servers.map(({ name, ip }) => ({ url: url(ip), answer: name })),
    { url: `http://web.${namespace}.svc.cluster.local`, answer: 'web-' },
    { url: 'http://ext1.example', answer: plan.external.name },
  ];
  for (const { name } of plan.nodes)
    for (const expected of expectations)
      await waitFor(`client-${name} reach ${expected.url}`, async () => (await get(lab, `client-${name}`, expected.url)).startsWith(expected.answer));
};

/**
 * The model beside the tools that answer the same question: which route (`ip route get`), and is there such a rule (`iptables-nft -C`). Both
 * work on the same namespace; that they agree is checked, how long each takes is printed. Needs Linux and root.
 *
 *     node test/bench/forwarding-beside.ts
 */
import { execFileSync } from 'node:child_process';
import { chainNamed, compiledChain } from '../../src/forwarding/netfilter/iptables/compile.ts';
import { lookupRoute } from '../../src/forwarding/route/lookup.ts';
import { parseIptables } from '../../src/node/parse/iptables.ts';
import { parseRoutes } from '../../src/node/parse/routes.ts';
import { parseRules } from '../../src/node/parse/rules.ts';
import { emptyNetns, found, makeLink } from '../unit/forwarding/world.ts';
import { endpointIp, largeSave, serviceIp } from './forwarding-node.ts';

const print = (milliseconds: number, what: string): void => {
  process.stdout.write(`${milliseconds.toFixed(3).padStart(10)} ms each  ${what}\n`);
};

/** Runs a script in a new network namespace; `MARK` on a line of its own parts its answers. */
const inNamespace = (script: string, input: string): string =>
  execFileSync('unshare', ['-n', 'sh', '-ec', script], { input, encoding: 'utf8', maxBuffer: 2 ** 28 });

const per = (count: number, work: (index: number) => void): number => {
  const started = performance.now();
  for (let index = 0; index < count; index += 1) work(index);
  return (performance.now() - started) / count;
};

const ROUTES = 2_000;
const QUESTIONS = 500;

const asked = Array.from({ length: QUESTIONS }, (_, index) => endpointIp((index * 7919) % (ROUTES * 256 * 2)));
const gatewayOf = (index: number): string => `172.16.${index >> 8}.${index & 255}`;

const routeScript = `
ip link set lo up
ip link add v0 type veth peer name v1
ip address add 172.16.255.254/16 dev v0
ip link set v0 up
ip link set v1 up
ip -batch -
ip -j -d -4 route show table all
echo MARK
ip -4 rule show
echo MARK
start=$(date +%s%N)
for address in ${asked.slice(0, 100).join(' ')}; do ip -4 route get $address >/dev/null 2>&1 || true; done
end=$(date +%s%N)
echo $((end - start))
echo MARK
for address in ${asked.join(' ')}; do ip -o -4 route get $address 2>/dev/null || echo "$address none"; done
`;

const compareRoutes = (): void => {
  const batch = Array.from({ length: ROUTES }, (_, index) => `route add ${endpointIp(index * 256)}/24 via ${gatewayOf(index + 1)}`);
  const [routes = '', rules = '', nanoseconds = '', answers = ''] = inNamespace(routeScript, `${batch.join('\n')}\n`).split(/^MARK\n/m);
  const netns = {
    ...emptyNetns('1', 'host'),
    links: [makeLink(2, 'v0', 'veth'), makeLink(1, 'lo', '')],
    routes: parseRoutes(routes, 4).value,
    rules: parseRules(rules, 4).value,
  };
  const ask = (address: string): string => {
    const decision = lookupRoute(netns, { family: 4, destination: address, source: '', mark: 0, iif: 'lo' });
    return decision.kind === 'unicast' ? (decision.paths[0].gateway ?? 'link') : 'none';
  };
  print(Number(nanoseconds) / 100 / 1e6, `ip route get, among ${ROUTES.toLocaleString('en')} routes`);
  print(
    per(1, () => ask(asked[0] ?? '')),
    'the model, the first time',
  );
  print(
    per(QUESTIONS, (index) => ask(asked[index] ?? '')),
    'the model after that',
  );
  for (const [index, line] of answers.trim().split('\n').entries()) {
    const kernel = / via (\S+)/.exec(line)?.[1] ?? 'none';
    const model = ask(asked[index] ?? '');
    if (kernel !== model) throw new Error(`${asked[index]}: the kernel says ${kernel}, the model ${model}`);
  }
};

const CHECKS = 5;

const compareRules = (): void => {
  const save = largeSave({ chains: 10_000, rules: 100_000 });
  const args = (index: number): string =>
    `-d ${serviceIp(index)}/32 -p tcp -m comment --comment "load/service-${index}:http cluster IP" -m tcp --dport 80 -j KUBE-SVC-${index.toString(36).toUpperCase().padStart(16, '0')}`;
  const checks = Array.from({ length: CHECKS }, (_, index) => `iptables-nft -t nat -C KUBE-SERVICES ${args(index * 300)}`).join('\n');
  const script = `iptables-nft-restore\nstart=$(date +%s%N)\n${checks}\nend=$(date +%s%N)\necho $((end - start))`;
  const nanoseconds = inNamespace(script, save);
  print(Number(nanoseconds) / CHECKS / 1e6, 'iptables-nft -C of a rule of KUBE-SERVICES, among 100,000 rules');
  let table = found(parseIptables(save, 'nft', 4).value.find(({ table: name }) => name === 'nat'));
  print(
    per(1, () => {
      table = found(parseIptables(save, 'nft', 4).value.find(({ table: name }) => name === 'nat'));
    }),
    'the model, reading all 100,000',
  );
  const find = (index: number): void => {
    const { rules, positions } = compiledChain(found(chainNamed(table, 'KUBE-SERVICES')));
    const candidates = positions?.(serviceIp(index)) ?? [];
    const wanted = args(index);
    if (!candidates.some((at) => rules[at]?.rule.text === wanted)) throw new Error(`the model finds no rule ${wanted}`);
  };
  print(per(1, find), 'the model, the first time');
  print(
    per(1_000, (index) => find(index)),
    'the model after that',
  );
};

compareRoutes();
compareRules();

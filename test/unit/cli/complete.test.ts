import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { expect } from 'chai';
import { execa } from 'execa';
import { commands } from '../../../src/cli/commands/index.ts';
import { completion } from '../../../src/cli/complete/candidates.ts';
import { connectionGiven } from '../../../src/cli/complete/connection-given.ts';
import type { Names } from '../../../src/cli/complete/names.ts';
import { readLine } from '../../../src/cli/complete/read-line.ts';
import { limitTime } from '../../../src/cli/complete/time-limit.ts';

const objects: Record<string, string[]> = {
  'pods own': ['web-0', 'web-1', 'db-0'],
  'pods shop': ['cart-0'],
  'deployments own': ['web'],
  'services own': ['db', 'web'],
  'services shop': ['cart'],
  'nodes own': ['node1', 'node2'],
  'namespaces own': ['default', 'shop', 'webshop'],
};

const names: Names = {
  objects: async (kind, namespace) => (objects[`${kind} ${namespace ?? 'own'}`] ?? []).map((value) => ({ value })),
  entries: (what) => (what === 'contexts' ? ['prod', 'test'] : []),
  close: () => undefined,
};

const silent: Names = {
  objects: () => Promise.reject(new Error('forbidden')),
  entries: () => {
    throw new Error('no kubeconfig');
  },
  close: () => undefined,
};

/** Lines for a command line whose last word is being typed, without the meanings. */
const complete = async (line: string, from: Names = names): Promise<string[]> => {
  const text = await completion(readLine(line.split(' '), commands), commands, from);
  return text
    .trimEnd()
    .split('\n')
    .map((one) => one.split('\t')[0] ?? '');
};

describe('completion', () => {
  const cases: [line: string, candidates: string[]][] = [
    ['', ['path', 'policy', 'capture', 'drops', 'veth', 'explain', 'cleanup', 'completion', 'version', ':4']],
    ['pa', ['path', ':4']],
    ['policy we', ['web-0', 'web-1', 'webshop/', ':4']],
    ['policy web-0 --cni k', ['kube-ovn', 'kube-router', 'kube-network-policies', 'kindnet', ':4']],
    ['policy --matrix -o m', ['mermaid', ':4']],
    ['policy --diff ', [':0']],
    ['nonsense ', [':4']],
    ['path we', ['web-0', 'web-1', 'webshop/', ':4']],
    ['path ', ['web-0', 'web-1', 'db-0', 'deploy/', 'sts/', 'ds/', 'svc/', 'node/', ':4']],
    ['path web-0 d', ['db-0', 'deploy/', 'ds/', 'default/', ':4']],
    ['path web-0 web-', ['web-0', 'web-1', ':4']],
    ['path web-0 db-0 ', [':4']],
    ['path web-0 svc/', ['svc/db', 'svc/web', ':4']],
    ['path deployment/w', ['deployment/web', ':4']],
    ['path node/', ['node/node1', 'node/node2', ':4']],
    ['path shop/', ['shop/cart-0', 'shop/deploy/', 'shop/sts/', 'shop/ds/', 'shop/svc/', ':4']],
    ['path shop/s', ['shop/sts/', 'shop/svc/', ':6']],
    ['path shop/svc/', ['shop/svc/cart', ':4']],
    ['path sho', ['shop/', ':6']],
    ['path ]/', [':4']],
    ['path https://web/', [':4']],
    ['capture web-0 db', ['db-0', ':4']],
    ['capture web-0 db-0 -w ', [':0']],
    ['drops no', ['node/', ':6']],
    ['drops db', ['db-0', ':4']],
    ['veth web-0 w', ['web-1', 'webshop/', ':4']],
    ['veth node/', [':4']],
    ['veth no', [':4']],
    ['veth --node ', ['node1', 'node2', ':4']],
    ['veth -A --node=node2', ['node2', ':4']],
    ['path -n ', ['default', 'shop', 'webshop', ':4']],
    ['path -n=s', ['shop', ':4']],
    ['path -qn s', ['shop', ':4']],
    ['path --agent-namespace d', ['default', ':4']],
    ['-n shop pa', ['path', ':4']],
    ['path --context ', ['prod', 'test', ':4']],
    ['path -o ', ['wide', 'json', 'yaml', ':4']],
    ['path --protocol=u', ['udp', ':4']],
    ['path --quiet=', ['true', 'false', ':4']],
    ['path --port ', [':4']],
    ['path --unknown=', [':4']],
    ['path --save ', [':0']],
    ['path --from=', [':0']],
    ['version --kubeconfig ', [':0']],
    ['path --pro', ['--protocol', ':4']],
    ['path --protocol tcp --pro', [':4']],
    ['path --as-group a --as-g', ['--as-group', ':4']],
    ['path --cache', [':4']],
    ['path -- --', [':4']],
    ['explain ND2101 ND210', ['ND2102', 'ND2103', 'ND2104', 'ND2105', 'ND2106', 'ND2107', 'ND2108', 'ND2109', ':4']],
  ];
  for (const [line, candidates] of cases) it(`of "${line}"`, async () => expect(await complete(line)).to.deep.equal(candidates));

  it('gives the meaning of each candidate', async () =>
    expect(await completion(readLine(['path', '--prot'], commands), commands, names)).to.equal('--protocol\tProtocol of the probes\n:4\n'));

  it('offers every flag of help and no hidden one', async () => {
    const flags = await complete('cleanup -');
    expect(flags).to.include.members(['--all', '--agent-namespace', '--namespace', '--help']);
    expect(flags).to.not.include('--cache-dir');
  });

  it('is silent about what it cannot look up', async () => {
    expect(await complete('path ', silent)).to.deep.equal(['deploy/', 'sts/', 'ds/', 'svc/', 'node/', ':6']);
    expect(await complete('path svc/', silent)).to.deep.equal([':4']);
  });

  it('waits no longer than it may', async () => {
    const slow = limitTime({ ...names, objects: () => new Promise(() => undefined) }, 20);
    expect(await complete('path s', slow)).to.deep.equal(['sts/', 'svc/', ':6']);
  });

  it('offers nothing that would break a line of its answer', async () =>
    expect(await complete('path --context ', { ...names, entries: () => ['good', 'b\tad', 'wor\nse'] })).to.deep.equal(['good', ':4']));

  it("reads kubectl's flags as the parser will", () => {
    const line = readLine('path --context=prod -n shop --as-group a --as-group b --insecure-skip-tls-verify=false web-0 '.split(' '), commands);
    expect(connectionGiven(line)).to.deep.equal({ context: 'prod', namespace: 'shop', asGroup: ['a', 'b'], insecureSkipTlsVerify: false });
    expect(line.words).to.deep.equal(['web-0']);
  });
});

describe('the hidden command', () => {
  const main = join(import.meta.dirname, '../../../src/cli/main.ts');
  let directory: string;
  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'netdoctor-complete-'));
  });
  after(() => rm(directory, { recursive: true }));

  const run = (args: string[], config = 'none', stderr: 'pipe' | 'ignore' = 'pipe') =>
    execa(process.execPath, [main, ...args], { env: { KUBECONFIG: join(directory, config), HOME: directory }, reject: false, stderr });

  it('answers half a command line, and an error with nothing', async () => {
    const { stdout, stderr, exitCode } = await run(['__complete', 'veth', '-n', '']);
    expect({ stdout, stderr, exitCode }).to.deep.equal({ stdout: ':4', stderr: '', exitCode: 0 });
  });

  it('is not in help', async () => expect((await run(['--help'])).stdout).to.not.include('__complete'));

  it('does not hold the shell while a credential plugin waits', async () => {
    const pidFile = join(directory, 'plugin');
    const plugin = {
      apiVersion: 'client.authentication.k8s.io/v1',
      interactiveMode: 'Never',
      command: process.execPath,
      args: ['-e', 'require("node:fs").writeFileSync(process.argv[1], String(process.pid)); setTimeout(() => {}, 60000)', pidFile],
    };
    await writeFile(
      join(directory, 'config'),
      JSON.stringify({
        'current-context': 'a',
        contexts: [{ name: 'a', context: { cluster: 'a', user: 'a' } }],
        clusters: [{ name: 'a', cluster: { server: 'https://127.0.0.1:1' } }],
        users: [{ name: 'a', user: { exec: plugin } }],
      }),
    );
    // a shell waits for standard output alone; the plugin keeps standard error open
    const { stdout, exitCode } = await run(['__complete', 'veth', '--node', ''], 'config', 'ignore');
    expect({ stdout, exitCode }).to.deep.equal({ stdout: ':4', exitCode: 0 });
    // on a slow machine it has hardly begun
    let pid = '';
    while (pid === '') pid = await readFile(pidFile, 'utf8').catch(() => setTimeout(20, ''));
    // it still waits: this throws where it is gone
    process.kill(Number(pid), 'SIGKILL');
  });
});

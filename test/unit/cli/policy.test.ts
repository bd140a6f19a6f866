import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { expect } from 'chai';
import { recordingToBytes } from '../../../src/bundle/file.ts';
import { emptyRecording } from '../../../src/bundle/recording.ts';
import { errorText, run } from '../../../src/cli/run.ts';
import { createRegistry } from '../../../src/cluster/agents/registry.ts';
import { createReader } from '../../../src/cluster/api/reader.ts';
import { type Need, readCluster } from '../../../src/cluster/read/cluster.ts';
import { pods, services } from '../../../src/cluster/read/paths.ts';
import { readerOf, SHOP } from '../policy/shop.ts';

interface Said {
  code: number;
  out: string;
  err: string;
}

/** One invocation, its output read to the end. */
const netdoctor = async (line: string, stdin = ''): Promise<Said> => {
  const said = { out: '', err: '' };
  const stream = (into: 'out' | 'err'): NodeJS.WriteStream & { fd: number } => {
    const through = new PassThrough();
    through.on('data', (chunk: Buffer) => {
      said[into] += chunk.toString();
    });
    return Object.assign(through as unknown as NodeJS.WriteStream, { fd: 1 } as const);
  };
  const input = new PassThrough();
  input.end(stdin);
  const context = { env: {}, stdin: input as unknown as NodeJS.ReadStream, stdout: stream('out'), stderr: stream('err'), registry: createRegistry() };
  try {
    return {
      code: await run(
        line.split(' ').filter((word) => word !== ''),
        context,
      ),
      ...said,
    };
  } catch (error) {
    const { text, exitCode } = errorText(error);
    return { code: exitCode, out: said.out, err: said.err + text };
  }
};

const BAD = 'apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: db}\nspec: {podSelector: {}, ingress: {}}\n';

/** What a run with --save leaves, of a cluster with these objects. */
const bundleOf = async (command: string, need: Need): Promise<Buffer> => {
  const cluster = readerOf(SHOP);
  const reader = createReader({ request: (_method, path, options) => cluster.get(path, options?.query) });
  const { facts } = await readCluster(reader, need);
  for (const { namespace, name } of facts.pods) await reader.get(pods(namespace, name));
  await reader.get(services('shop', 'db'));
  const meta = { format: 1, version: '0', time: '2026-01-02T03:04:05Z', command, request: {}, mark: 1 } as const;
  return recordingToBytes({ ...emptyRecording(meta), api: reader.records() }, {});
};

describe('policy, without a cluster', () => {
  let home = '';
  before(async () => {
    home = await mkdtemp(join(tmpdir(), 'netdoctor-policy-'));
    await mkdir(join(home, 'shop', 'more'), { recursive: true });
    await writeFile(join(home, 'shop', 'more', 'shop.yaml'), `${SHOP}---\napiVersion: example.com/v1\nkind: Widget\nmetadata: {name: x}\n`);
    await writeFile(join(home, 'shop', 'README.md'), 'no manifest');
    await writeFile(join(home, 'bad.yaml'), BAD);
    await writeFile(join(home, 'policy.tgz'), await bundleOf('policy', { nodes: 'all', serviceNamespaces: 'all', policies: 'all' }));
    await writeFile(
      join(home, 'path.tgz'),
      await bundleOf('path', { nodes: [], pods: [{ namespace: '', selector: '' }], serviceNamespaces: ['shop'], policies: 'all' }),
    );
    await writeFile(join(home, 'expected.yaml'), '- {from: shop/deploy/web, to: shop/sts/db, expect: deny}\n');
    await writeFile(join(home, 'wrong.yaml'), '- {from: shop/deploy/web, to: shop/sts/db, expect: allow}\n');
  });
  after(() => rm(home, { recursive: true }));

  const ask = (line: string, stdin?: string): Promise<Said> => netdoctor(`policy ${line.replaceAll('@', home)}`, stdin);

  it('answers from a directory of manifests, with 1 for what is denied and 0 for what is allowed', async () => {
    const denied = await ask('shop/deploy/web shop/sts/db --from @/shop');
    expect([denied.code, denied.err]).to.deep.equal([1, '']);
    expect(denied.out).to.include('may not reach').and.to.include('1 Widget (example.com/v1)');
    expect((await ask('shop/deploy/web other/deploy/job --port 80 --from @/shop')).code).to.equal(0);
  });

  it('answers from a bundle, its own or that of another command', async () => {
    for (const [file, said] of [
      ['policy.tgz', false],
      ['path.tgz', true],
    ] as const) {
      const pair = await ask(`shop/web-0 shop/db-0 --from @/${file}`);
      expect([pair.code, pair.err], file).to.deep.equal([1, '']);
      expect(pair.out).to.include('NetworkPolicy shop/deny-all');
      expect(pair.out.includes('it was recorded by another command')).to.equal(said);
      expect((await ask(`other/job-0 shop/svc/db:5432 --from @/${file}`)).code, file).to.equal(1);
      expect((await ask(`--matrix -A --from @/${file}`)).out, file).to.include('all pods of shop');
    }
  });

  it('answers from standard input, and in JSON', async () => {
    const { code, out } = await ask('shop/deploy/web shop/sts/db --from - -o json', SHOP);
    expect([code, (JSON.parse(out) as { verdict: string }).verdict]).to.deep.equal([1, 'denied']);
  });

  it('suggests what then is allowed, with nothing else on standard output', async () => {
    const { code, out } = await ask('shop/deploy/web shop/sts/db --suggest --from @/shop');
    expect(code).to.equal(0);
    expect((await ask('shop/deploy/web shop/sts/db --from -', `${SHOP}---\n${out}`)).code).to.equal(0);
    const again = await ask('shop/deploy/web shop/sts/db --suggest --from -', `${SHOP}---\n${out}`);
    expect([again.code, again.out, again.err]).to.deep.equal([0, '', 'It is allowed already: nothing has to be added.\n']);
  });

  it('compares, and ends with 1 only when something is lost', async () => {
    const isolate = 'apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: none, namespace: other}\nspec: {podSelector: {}}\n';
    expect((await ask('--diff - --from @/shop', isolate)).code).to.equal(1);
    expect((await ask('--diff - --from @/shop', isolate.replace('podSelector: {}', 'podSelector: {matchLabels: {app: nobody}}'))).code).to.equal(0);
  });

  it('asserts, in four forms, with 1 for a miss', async () => {
    for (const form of ['text', 'tap', 'junit', 'json']) {
      expect((await ask(`--assert @/expected.yaml --from @/shop -o ${form}`)).code, form).to.equal(0);
      expect((await ask(`--assert @/wrong.yaml --from @/shop -o ${form}`)).code, form).to.equal(1);
    }
  });

  it('prints the matrix for other programs', async () => {
    expect((await ask('--matrix -A --from @/shop -o csv')).out).to.include('other/deploy/job,all pods of shop,none\n');
    expect((await ask('--matrix -n other --from @/shop -o dot')).out).to.include('digraph policies {');
    expect((await ask('--matrix -n other --from @/shop -o mermaid')).out).to.include('flowchart LR');
  });

  it('names file, line and field of a manifest that is wrong, and judges nothing', async () => {
    for (const line of ['--diff @/bad.yaml --from @/shop', '--matrix --from @/bad.yaml']) {
      const { code, out, err } = await ask(line);
      expect([code, out]).to.deep.equal([2, '']);
      expect(err).to.match(/bad\.yaml:4: NetworkPolicy (default\/)?db: spec\.ingress: a list is expected/);
    }
  });

  const refusals: [line: string, why: string][] = [
    ['', 'error: policy needs a pod, two ends, --matrix, --diff FILE or --assert FILE'],
    ['web --matrix --from @/shop', 'error: --matrix takes no name'],
    ['web -A --from @/shop', 'error: policy POD takes no --all-namespaces'],
    ['web db -o csv --from @/shop', 'error: policy A B has no output format "csv": wide, json, yaml'],
    ['web db --live --from @/shop', 'error: --live sends probes, and --from has nothing to send them in'],
    ['web --suggest --from @/shop', 'error: --suggest needs two ends'],
    ['--diff --from @/shop', 'error: --diff needs a file'],
    ['web db --from @/nowhere', 'error: cannot read @/nowhere: no such file or directory'],
    ['web db --from @/shop --save x.tgz', 'error: --save keeps what a cluster said'],
    ['web db --port 0 --from @/shop', 'error: invalid argument "0" for "--port"'],
  ];
  for (const [line, why] of refusals) {
    it(`refuses policy ${line.replaceAll('@', '.')}`, async () => {
      const { code, err } = await ask(line.trim());
      expect(code).to.equal(2);
      expect(err).to.include(why.replaceAll('@', home));
    });
  }
});

import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { expect } from 'chai';
import { stringify } from 'yaml';
import { createClient } from '../../../src/cluster/api/client.ts';
import { CliError } from '../../../src/cluster/errors.ts';
import { runInContainer } from '../../../src/cluster/exec/exec.ts';
import { connect } from '../../../src/cluster/kubeconfig/connection.ts';
import { proxyFromEnv } from '../../../src/cluster/kubeconfig/proxy-env.ts';
import { findTarget } from '../../../src/cluster/kubeconfig/target.ts';
import { runHere, startFakeApi } from './fake-api.ts';

const config = (name: string, more: Record<string, unknown> = {}) => ({
  apiVersion: 'v1',
  kind: 'Config',
  'current-context': name,
  clusters: [{ name, cluster: { server: `https://${name}:6443`, 'certificate-authority': 'ca.crt' } }],
  users: [{ name, user: { token: `token-of-${name}` } }],
  contexts: [{ name, context: { cluster: name, user: name, namespace: `ns-${name}` } }],
  ...more,
});

describe('the kubeconfig', () => {
  let directory = '';
  const write = (file: string, content: unknown): string => {
    const path = join(directory, file);
    writeFileSync(path, typeof content === 'string' ? content : stringify(content));
    return path;
  };

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'netdoctor-kubeconfig-'));
  });
  afterEach(() => rmSync(directory, { recursive: true }));

  it('of KUBECONFIG is a list: missing files are passed over, the first to say a thing wins', () => {
    const a = write('a', config('alpha'));
    const b = write('b', {
      ...config('beta'),
      users: [
        { name: 'alpha', user: { token: 'not-this' } },
        { name: 'beta', user: { token: 'b' } },
      ],
    });
    const env = { KUBECONFIG: [join(directory, 'missing'), a, b].join(delimiter) };
    const alpha = findTarget({}, env);
    expect(alpha).to.deep.include({ context: 'alpha', namespace: 'ns-alpha', userName: 'alpha' });
    expect(alpha.user.token).to.equal('token-of-alpha');
    expect(findTarget({ context: 'beta' }, env)).to.deep.include({ context: 'beta', namespace: 'ns-beta' });
  });

  it('takes paths as relative to the file they stand in', () => {
    const { cluster } = findTarget({ kubeconfig: write('a', config('alpha')) }, {});
    expect(cluster['certificate-authority']).to.equal(join(directory, 'ca.crt'));
  });

  it('is ~/.kube/config without KUBECONFIG', () => {
    expect(() => findTarget({}, { HOME: directory })).to.throw(CliError, /no configuration has been provided, try setting KUBERNETES_MASTER/);
  });

  it('is overruled by flags', () => {
    const kubeconfig = write('a', config('alpha'));
    const target = findTarget(
      {
        kubeconfig,
        server: 'https://other:1/',
        token: 'mine',
        namespace: 'mine',
        tlsServerName: 'x',
        as: 'eve',
        asGroup: ['g'],
        certificateAuthority: '/ca',
      },
      {},
    );
    expect(target).to.deep.include({
      namespace: 'mine',
      cluster: { server: 'https://other:1', 'certificate-authority': '/ca', 'tls-server-name': 'x' },
      user: { token: 'mine', as: 'eve', 'as-groups': ['g'] },
    });
  });

  it('is not needed with --server', () => {
    expect(findTarget({ server: '127.0.0.1:8001' }, { HOME: directory }).cluster.server).to.equal('http://127.0.0.1:8001');
  });

  const bad: [string, Parameters<typeof findTarget>[0], RegExp][] = [
    ['an unknown context', { context: 'nope' }, /^error: context "nope" does not exist$/],
    ['an unknown cluster', { cluster: 'nope' }, /^error: cluster "nope" does not exist$/],
    ['an unknown user', { user: 'nope' }, /^error: auth info "nope" does not exist$/],
    ['groups without a user', { asGroup: ['g'] }, /without impersonating a user/],
    ['a server that is no URL', { server: 'ftp://x' }, /^error: invalid server address "ftp:\/\/x"/],
  ];
  for (const [name, options, message] of bad)
    it(`names ${name}`, () => {
      const kubeconfig = write('a', config('alpha'));
      expect(() => findTarget({ kubeconfig, ...options }, {}))
        .to.throw(CliError, message)
        .with.property('exitCode', 2);
    });

  it('names a file that a flag asks for and that is not there', () =>
    expect(() => findTarget({ kubeconfig: join(directory, 'nope') }, {})).to.throw(
      CliError,
      /^error: error loading config file ".*nope": open .*: no such file or directory$/,
    ));

  it('names a file that is no YAML, in one line', () =>
    expect(() => findTarget({ kubeconfig: write('a', 'clusters: [\n') }, {})).to.throw(
      CliError,
      /^error: error loading config file ".*": yaml: [^\n]*$/,
    ));

  it('names a certificate that cannot be read', async () => {
    const error = await connect({ kubeconfig: write('a', config('alpha')) }, {}).catch((reason: unknown) => reason);
    expect((error as Error).message).to.match(/^error: unable to read certificate-authority .*ca\.crt: no such file or directory$/);
  });

  const plugin = (script: string, more: Record<string, unknown> = {}): string => {
    const command = write('plugin.sh', `#!/bin/sh\n${script}\n`);
    chmodSync(command, 0o755);
    const exec = { apiVersion: 'client.authentication.k8s.io/v1', command: './plugin.sh', interactiveMode: 'Never', ...more };
    return write(
      'a',
      config('alpha', { clusters: [{ name: 'alpha', cluster: { server: 'http://127.0.0.1:1' } }], users: [{ name: 'alpha', user: { exec } }] }),
    );
  };

  it('runs a credential plugin, which learns about the cluster', async () => {
    const kubeconfig = plugin(
      'printf \'{"kind":"ExecCredential","status":{"token":"%s"}}\' "$(printf %s "$KUBERNETES_EXEC_INFO" | tr -d \'"\')-$EXTRA"',
      {
        provideClusterInfo: true,
        env: [{ name: 'EXTRA', value: 'more' }],
      },
    );
    const { headers, close } = await connect({ kubeconfig }, process.env);
    close();
    expect(headers.Authorization).to.match(
      /^Bearer \{apiVersion:client\.authentication\.k8s\.io\/v1,kind:ExecCredential,spec:\{interactive:false,cluster:\{server:http:\/\/127\.0\.0\.1:1.*-more$/,
    );
  });

  const badPlugins: [string, string, Record<string, unknown>, RegExp][] = [
    ['that fails', 'exit 3', {}, /getting credentials: exec: executable .* failed with exit code 3$/],
    ['that says nothing', 'true', {}, /printed no ExecCredential$/],
    ['that gives no credential', 'echo \'{"status":{}}\'', {}, /didn't return a token or cert\/key pair$/],
    [
      'that is not installed',
      '',
      { command: 'netdoctor-no-such-plugin', installHint: 'install it so' },
      /executable netdoctor-no-such-plugin not found\n\ninstall it so$/,
    ],
    ['that needs a terminal', '', { interactiveMode: 'Always' }, /standard input is not a terminal$/],
  ];
  for (const [name, script, more, message] of badPlugins)
    it(`names a credential plugin ${name}`, async function () {
      if (name === 'that needs a terminal' && process.stdin.isTTY) this.skip();
      const error = await connect({ kubeconfig: plugin(script, more) }, process.env).catch((reason: unknown) => reason);
      expect(error).to.be.instanceOf(CliError).with.property('exitCode', 3);
      expect((error as Error).message).to.match(message);
    });

  it('reaches a server through a proxy, for requests and for exec', async () => {
    const api = await startFakeApi({ tls: true, answer: ({ headers }) => ({ body: { host: headers.host } }), exec: runHere() });
    const proxy = await startFakeApi({});
    const kubeconfig = write(
      'a',
      config('alpha', { clusters: [{ name: 'alpha', cluster: { server: api.url, 'proxy-url': proxy.url, 'insecure-skip-tls-verify': true } }] }),
    );
    const connection = await connect({ kubeconfig }, {});
    expect(await createClient(connection).request('GET', '/api')).to.deep.equal({ host: new URL(api.url).host });
    const place = { node: 'node1', namespace: 'demo', pod: 'agent', container: 'agent' };
    const { stdout } = await runInContainer(connection, place, 'echo through', { timeoutMs: 3000 });
    expect(stdout.toString()).to.equal('through\n');
    expect(proxy.tunnels()).to.be.at.least(1);
    connection.close();
    await api.close();
    await proxy.close();
  });
});

describe('the proxy of the environment', () => {
  const rows: [string, NodeJS.ProcessEnv, string | undefined][] = [
    ['https://k8s.example:6443', { HTTPS_PROXY: 'http://p:3128' }, 'http://p:3128'],
    ['https://k8s.example:6443', { https_proxy: 'p:3128' }, 'http://p:3128'],
    ['http://k8s.example', { HTTPS_PROXY: 'http://p:3128' }, undefined],
    ['https://127.0.0.1:6443', { HTTPS_PROXY: 'http://p:3128' }, undefined],
    ['https://k8s.example:6443', { HTTPS_PROXY: 'http://p', NO_PROXY: 'example' }, undefined],
    ['https://k8s.example:6443', { HTTPS_PROXY: 'http://p', NO_PROXY: '.example' }, undefined],
    ['https://k8s.example:6443', { HTTPS_PROXY: 'http://p', NO_PROXY: 'ample' }, 'http://p'],
    ['https://k8s.example:6443', { HTTPS_PROXY: 'http://p', NO_PROXY: 'k8s.example:443' }, 'http://p'],
    ['https://k8s.example:6443', { HTTPS_PROXY: 'http://p', NO_PROXY: 'k8s.example:6443' }, undefined],
    ['https://10.1.2.3:6443', { HTTPS_PROXY: 'http://p', NO_PROXY: '10.0.0.0/8' }, undefined],
    ['https://11.1.2.3:6443', { HTTPS_PROXY: 'http://p', NO_PROXY: '10.0.0.0/8, fd00::/8' }, 'http://p'],
    ['https://[fd00::1]:6443', { HTTPS_PROXY: 'http://p', NO_PROXY: '10.0.0.0/8, fd00::/8' }, undefined],
    ['https://k8s.example', { HTTPS_PROXY: 'http://p', NO_PROXY: '*' }, undefined],
  ];
  for (const [server, env, expected] of rows)
    it(`of ${server} with ${JSON.stringify(env)}`, () => expect(proxyFromEnv(server, env)).to.equal(expected));
});

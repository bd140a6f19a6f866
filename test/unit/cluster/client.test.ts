import { expect } from 'chai';
import { type ApiClient, createClient } from '../../../src/cluster/api/client.ts';
import { CliError } from '../../../src/cluster/errors.ts';
import { connect } from '../../../src/cluster/kubeconfig/connection.ts';
import type { ConnectionOptions } from '../../../src/cluster/kubeconfig/options.ts';
import { CA_FILE, type FakeApi, type Handler, startFakeApi, status } from './fake-api.ts';

describe('the API client', () => {
  let api: FakeApi | undefined;
  let client: ApiClient | undefined;

  const talkTo = async (answer: Handler, options: ConnectionOptions = {}, tls = false): Promise<ApiClient> => {
    api = await startFakeApi({ answer, tls });
    const connection = await connect({ server: api.url, kubeconfig: '/dev/null', ...(tls ? { certificateAuthority: CA_FILE } : {}), ...options }, {});
    client = createClient(connection);
    return client;
  };

  const failure = async (promise: Promise<unknown>): Promise<CliError> => {
    const error = await promise.then(
      () => new Error('it did not fail'),
      (reason: unknown) => reason,
    );
    expect(error).to.be.instanceOf(CliError);
    return error as CliError;
  };

  afterEach(async () => {
    client?.connection.close();
    await api?.close();
    api = client = undefined;
  });

  it('asks ten times in a row over one TLS connection', async () => {
    const { request } = await talkTo(() => ({ body: { ok: true } }), {}, true);
    for (let i = 0; i < 10; i++) expect(await request('GET', '/api/v1/nodes')).to.deep.equal({ ok: true });
    expect(api?.connections()).to.equal(1);
  });

  it('asks forty times at once over eight TLS connections at most', async () => {
    const { request } = await talkTo(() => ({ body: {} }), {}, true);
    await Promise.all(Array.from({ length: 40 }, () => request('GET', '/api/v1/nodes')));
    expect(api?.connections()).to.be.at.most(8);
  });

  it('sends the token, the impersonated user and all groups', async () => {
    const { request } = await talkTo(() => ({ body: {} }), {
      token: 't0k3n',
      as: 'eve',
      asUid: '7',
      asGroup: ['a', 'b'],
      asUserExtra: ['scopes=x', 'scopes=y'],
    });
    await request('GET', '/version');
    const headers = api?.calls[0]?.headers ?? {};
    expect(headers.authorization).to.equal('Bearer t0k3n');
    expect(headers['impersonate-user']).to.equal('eve');
    expect(headers['impersonate-uid']).to.equal('7');
    expect(headers['impersonate-group']).to.equal('a, b');
    expect(headers['impersonate-extra-scopes']).to.equal('x, y');
  });

  const rows: [string, ReturnType<Handler>, string, number][] = [
    [
      '403',
      status(403, 'Forbidden', 'nodes is forbidden: User "eve" cannot list'),
      'Error from server (Forbidden): nodes is forbidden: User "eve" cannot list',
      4,
    ],
    ['404', status(404, 'NotFound', 'pods "x" not found'), 'Error from server (NotFound): pods "x" not found', 5],
    ['401', status(401, 'Unauthorized', 'Unauthorized'), 'error: You must be logged in to the server (Unauthorized)', 3],
    ['500', status(500, 'InternalError', 'etcd is slow'), 'Error from server (InternalError): etcd is slow', 6],
    ["a proxy's page", { status: 502, body: '<html><h1>Bad Gateway</h1></html>' }, 'Error from server: Bad Gateway (HTTP status 502)', 6],
    ['an empty answer', { status: 503, body: '' }, 'Error from server: the server answered with HTTP status 503', 6],
  ];
  for (const [name, reply, message, exitCode] of rows)
    it(`words ${name} as kubectl does`, async () => {
      const { request } = await talkTo(() => reply);
      const error = await failure(request('GET', '/api/v1/nodes'));
      expect(error.message).to.equal(message);
      expect(error.exitCode).to.equal(exitCode);
    });

  it('says that the server refused the connection', async () => {
    const { request } = await talkTo(() => undefined);
    await api?.close();
    const error = await failure(request('GET', '/api'));
    expect(error.message).to.match(/^The connection to the server 127\.0\.0\.1:\d+ was refused - did you specify the right host or port\?$/);
    expect(error.exitCode).to.equal(3);
  });

  it('gives up on a server that hangs', async () => {
    const { request } = await talkTo(() => ({ hang: true }), { requestTimeoutMs: 200 });
    const error = await failure(request('GET', '/api'));
    expect(error.message).to.match(/^Unable to connect to the server: no answer from 127\.0\.0\.1:\d+ within 0\.2s/);
  });

  it('does not take a cut connection for an answer', async () => {
    const { request } = await talkTo(() => ({ cut: true }));
    expect((await failure(request('GET', '/api'))).message).to.contain('Unable to connect to the server: ');
  });

  it('tells an unknown authority', async () => {
    api = await startFakeApi({ tls: true, answer: () => ({ body: {} }) });
    client = createClient(await connect({ server: api.url, kubeconfig: '/dev/null' }, {}));
    const error = await failure(client.request('GET', '/api'));
    expect(error.message).to.equal(
      'Unable to connect to the server: tls: failed to verify certificate: x509: certificate signed by unknown authority',
    );
  });

  it('tells a name that the certificate does not have', async () => {
    const { request } = await talkTo(() => ({ body: {} }), { tlsServerName: 'other.example' }, true);
    expect((await failure(request('GET', '/api'))).message).to.contain('tls: failed to verify certificate: x509: ');
  });

  it('tells https from http', async () => {
    api = await startFakeApi({ answer: () => ({ body: {} }) });
    client = createClient(await connect({ server: api.url.replace('http:', 'https:'), kubeconfig: '/dev/null' }, {}));
    expect((await failure(client.request('GET', '/api'))).message).to.equal(
      'Unable to connect to the server: http: server gave HTTP response to HTTPS client',
    );
  });

  it('skips verification when told to', async () => {
    api = await startFakeApi({ tls: true, answer: () => ({ body: { fine: 1 } }) });
    client = createClient(await connect({ server: api.url, kubeconfig: '/dev/null', insecureSkipTlsVerify: true }, {}));
    expect(await client.request('GET', '/api')).to.deep.equal({ fine: 1 });
  });

  it('hands an abort on as what it is', async () => {
    const { request } = await talkTo(() => ({ hang: true }));
    const controller = new AbortController();
    setTimeout(() => controller.abort(new Error('stopped by hand')), 50);
    const error = await request('GET', '/api', { signal: controller.signal }).catch((reason: unknown) => reason);
    expect((error as Error).message).to.equal('stopped by hand');
  });

  it('says so when the other side is no API server', async () => {
    const { request } = await talkTo(() => ({ body: '<html>welcome</html>' }));
    expect((await failure(request('GET', '/api'))).message).to.contain('did not answer in JSON');
  });
});

import { spawnSync } from 'node:child_process';
import { expect } from 'chai';
import { localAddresses, plan } from '../../../../src/node/collector/plan.ts';
import { collectorScript, inner } from '../../../../src/node/collector/script.ts';
import { quote } from '../../../../src/node/collector/sh.ts';
import { sectionsOf, shell } from './shell.ts';

const has = (program: string): boolean => spawnSync('sh', ['-c', 'command -v "$1"', 'sh', program]).status === 0;

describe('the collector script', () => {
  it('is a script', () => {
    const { status, stderr } = spawnSync('sh', ['-n'], { input: collectorScript, encoding: 'utf8' });
    expect({ status, stderr }).to.deep.equal({ status: 0, stderr: '' });
  });

  (has('shellcheck') ? it : it.skip)('has nothing for shellcheck to say', () => {
    const { stdout } = spawnSync('shellcheck', ['-s', 'sh', '-'], { input: `#!/bin/sh\n${inner}`, encoding: 'utf8' });
    expect(stdout).to.equal('');
  });

  it('fits into one environment variable (MAX_ARG_STRLEN, 128 KiB)', () => expect(Buffer.byteLength(inner)).to.be.lessThan(100_000));

  it('is plain ASCII, which every bundler leaves as it is', () => expect(collectorScript).to.match(/^[\n\t\x20-\x7e]*$/));

  it('quotes whatever is given to it', () => {
    const text = `a'b"c$d\\e\n\`f\``;
    expect(spawnSync('sh', ['-c', `printf %s ${quote(text)}`], { encoding: 'utf8' }).stdout).to.equal(text);
  });
});

describe('a section', () => {
  it('has output, exit status and stderr apart', () =>
    expect(sectionsOf(`section x sh -c 'echo out; echo err >&2; exit 3'`)).to.deep.equal([
      { name: 'x', tool: 'image', status: 3, text: 'out\n', stderr: 'err' },
    ]));

  it('says which program is missing', () =>
    expect(sectionsOf('section x no-such-program')[0]).to.deep.include({
      status: 'missing',
      stderr: 'no no-such-program in the image or on the node',
    }));

  it('is cut at its limit', () => {
    const [section] = sectionsOf('section x yes', { env: { ND_LIMIT: '100' } });
    expect(section).to.deep.include({ status: 141 });
    expect(section?.text).to.have.length(100);
  });

  it('ends when it takes too long', () =>
    expect(sectionsOf('section x sleep 20', { env: { ND_GUARD: 'timeout 0.2' } })[0]).to.deep.include({ status: 124 }));

  it('cannot be faked by its content', () =>
    expect(sectionsOf(`section x printf '@other begin y - image\\n@other end 0\\n'; section z true`).map(({ name }) => name)).to.deep.equal([
      'x',
      'z',
    ]));

  it('leaves what follows its input', () => expect(shell('section x cat; cat', { input: 'a\n' }).stdout).to.include('a\n'));
});

describe('counters of switch ports', () => {
  it('are no news on a node without Open vSwitch', () =>
    expect(sectionsOf('daemons=; read_ovs_ports')).to.deep.equal([{ name: 'ovs-ports', tool: 'image', status: 'absent', text: '', stderr: '' }]));
});

describe('the queues that programs read', () => {
  it('are said to be absent, or come as the kernel lists them', () => {
    const [section] = sectionsOf('read_queues');
    expect(section).to.deep.include({ name: 'nfqueue', stderr: '' });
    expect(section?.status).to.be.oneOf([0, 'absent']);
  });
});

describe('redaction on the node', () => {
  const redact = (text: string): string => shell('redact', { input: text }).stdout;

  it('takes the value of every key that sounds like a secret', () => {
    for (const key of ['token', 'k8s_auth_token', 'password', 'clientSecret', 'etcd_key', 'privateKey', 'client-certificate-data', 'Credentials']) {
      expect(redact(`{"${key}": "s3cr\\"et", "name": "n"}`), key).to.equal(`{"${key}": "REDACTED", "name": "n"}`);
    }
  });

  it('leaves the rest', () => {
    const text = '{"cniVersion":"0.3.1","name":"cbr0","plugins":[{"type":"flannel","delegate":{"hairpinMode":true,"isDefaultGateway":true}}]}';
    expect(redact(text)).to.equal(text);
  });
});

describe('the plan of what to read', () => {
  const planOf = (...lines: string[]): string[] =>
    spawnSync('awk', [plan], { input: `${lines.join('\n')}\n`, encoding: 'utf8' })
      .stdout.trim()
      .split('\n')
      .filter(Boolean)
      .sort();
  const pods = ['H 1', 'P 1 1', 'P 2 20', 'P 2 9', 'P 3 30', 'C 9 uid-a', 'C 30 uid_b'];

  it('lists pods that nobody asked for', () => expect(planOf(...pods)).to.deep.equal([]));
  it('enters the pod asked for by its first process', () => expect(planOf(...pods, 'W pod uid-a')).to.deep.equal(['asked 2 /proc/9/ns/net']));
  it('knows a UID with systemd underscores', () => expect(planOf(...pods, 'W pod uid-b')).to.deep.equal(['asked 3 /proc/30/ns/net']));
  it('finds a namespace by address', () => expect(planOf(...pods, 'A 3 10.0.0.3', 'W ip 10.0.0.3')).to.deep.equal(['asked 3 /proc/30/ns/net']));
  it('finds a namespace by inode', () => expect(planOf(...pods, 'W netns 3')).to.deep.equal(['asked 3 /proc/30/ns/net']));
  it('reads the links of all when told', () =>
    expect(planOf(...pods, 'W all -')).to.deep.equal(['links 2 /proc/9/ns/net', 'links 3 /proc/30/ns/net']));
  it('never enters the host again', () => expect(planOf(...pods, 'W netns 1')).to.deep.equal([]));
  it('reads what no pod claims', () =>
    expect(planOf(...pods, 'N 4 1 /run/docker/netns/x')).to.deep.equal(['links 4 /proc/1/root/run/docker/netns/x']));
  it('takes a pin for a pod where a runtime says so', () => expect(planOf(...pods, 'N 4 1 /run/netns/x', 'S 4 uid-c')).to.deep.equal([]));
  it('reads both that share an address', () =>
    expect(planOf(...pods, 'A 2 10.0.0.9', 'A 3 10.0.0.9')).to.deep.equal(['links 2 /proc/9/ns/net', 'links 3 /proc/30/ns/net']));
  it('does not mind shared loopback and link-local addresses', () =>
    expect(
      planOf(...pods, 'A 2 127.0.0.1', 'A 3 127.0.0.1', 'A 2 fe80:0000:0000:0000:ecee:eeff:feee:eeee', 'A 3 fe80:0000:0000:0000:ecee:eeff:feee:eeee'),
    ).to.deep.equal([]));
});

describe('local addresses', () => {
  it('are read from fib_trie and if_inet6, with and without a pid', () => {
    const input = [
      'P 2 9',
      '/proc/9/net/fib_trie:        |-- 10.0.0.3',
      '/proc/9/net/fib_trie:           /32 host LOCAL',
      '/proc/9/net/fib_trie:        |-- 10.0.0.255',
      '/proc/9/net/if_inet6:fd000000000000000000000000000003 02 40 00 80     eth0',
      '@ 4',
      '/proc/net/fib_trie:        |-- 10.0.0.4',
      '/proc/net/fib_trie:           /32 host LOCAL',
    ];
    const { stdout } = spawnSync('awk', [localAddresses], { input: `${input.join('\n')}\n`, encoding: 'utf8' });
    expect(stdout.trim().split('\n')).to.deep.equal(['A 2 10.0.0.3', 'A 2 fd00:0000:0000:0000:0000:0000:0000:0003', 'A 4 10.0.0.4']);
  });
});

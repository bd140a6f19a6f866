import { expect } from 'chai';
import fc from 'fast-check';
import { dnsQueryAfterId, isDnsName, parseDnsAnswer } from '../../../src/probe/live/dns-message.ts';
import { parseProbeOutput } from '../../../src/probe/live/parse-probes.ts';
import { readPing } from '../../../src/probe/live/ping-output.ts';
import { jobLine, planJob, refusalOf } from '../../../src/probe/live/probe-plan.ts';
import { createSessionMark } from '../../../src/probe/live/session-mark.ts';
import { readConnect, readExchange, readPlainConnect } from '../../../src/probe/live/socat-log.ts';
import type { ProbeRequest } from '../../../src/probe/probe.ts';

const request = (more: Partial<ProbeRequest> = {}): ProbeRequest => ({
  id: 'main',
  purpose: 'main',
  node: 'n1',
  from: { netns: 'pid', pid: 4711 },
  fromLabel: 'a',
  toLabel: 'b',
  destination: '10.244.2.5',
  protocol: 'tcp',
  port: 8080,
  count: 3,
  timeoutMs: 1000,
  ...more,
});

const opening = '2026/11/21 03:03:46.314900 socat[1] N opening connection to AF=2 10.244.2.5:8080';
const connect = (...lines: string[]) => readConnect([opening, ...lines].join('\n'), 1000);

describe('a TCP probe', () => {
  it('was answered, and how fast', () => {
    expect(connect('2026/11/21 03:03:46.315021 socat[1] N successfully connected from local address AF=2 10.244.1.4:61440')).to.deep.equal({
      outcome: 'answered',
      rttMicros: 121,
    });
  });

  it('has the right round trip across midnight', () => {
    const text =
      '2026/11/21 23:59:59.999950 socat[1] N opening connection to AF=2 10.0.0.1:1\n2026/11/22 00:00:00.000050 socat[1] N successfully connected from local address AF=2 10.0.0.2:2';
    expect(readConnect(text, 1000).rttMicros).to.equal(100);
  });

  it('was lost when only its second SYN was answered', () => {
    expect(connect('2026/11/21 03:03:47.330000 socat[1] N successfully connected from local address AF=2 10.244.1.4:61440').outcome).to.equal(
      'timeout',
    );
  });

  it('was lost when timeout(1) ended it', () => {
    expect(connect('Killed').outcome).to.equal('timeout');
  });

  const failed = '2026/11/21 03:03:46.315000 socat[1] E connect(6, AF=2 10.244.2.5:8080, 16):';
  for (const [words, outcome] of [
    ['Connection refused', 'refused'],
    ['Network is unreachable', 'no-route'],
    ['No route to host', 'unreachable'],
    ['Permission denied', 'prohibited'],
    ['Invalid argument', 'no-route'],
    ['Connection reset by peer', 'reset'],
    ['Operation not permitted', 'send-failed'],
    ['Something else', 'send-failed'],
  ] as const)
    it(`is ${outcome} when connect says ${words}`, () => expect(connect(`${failed} ${words}`).outcome).to.equal(outcome));

  it('was refused, also in the words of socat 1.8', () => {
    const lines = [
      '2026/11/21 03:15:05.314999 socat[1] W connect(6, AF=2 10.244.2.5:8080, 16): Connection refused',
      '2026/11/21 03:15:05.783813 socat[1] E TCP4:10.244.2.5:8080: Connection refused',
    ];
    expect(readConnect([opening.replace('03:03:46.314900', '03:15:05.314900'), ...lines].join('\n'), 1000)).to.deep.equal({
      outcome: 'refused',
      rttMicros: 99,
    });
  });

  it('was prohibited when the error is code 13, whatever the errno says', () => {
    const icmp = '2026/11/21 03:24:40.733956 socat[1] N received ICMP from 10.244.1.1, type 3, code 13, info 0, data 0, resulting in errno 113';
    expect(connect(icmp, `${failed} No route to host`)).to.deep.equal({ outcome: 'prohibited', from: '10.244.1.1' });
  });

  it('by bash or nc is answered, refused or lost', () => {
    expect(readPlainConnect('connected', 0).outcome).to.equal('answered');
    expect(readPlainConnect('bash: connect: Connection refused\nbash: /dev/tcp/10.0.0.1/1: Connection refused', 1).outcome).to.equal('refused');
    expect(readPlainConnect('Killed', 137).outcome).to.equal('timeout');
  });
});

const sent = '> 2026/11/21 02:57:56.000942735  length=4 from=0 to=3\n 6e 64 00 01';

describe('a UDP probe', () => {
  it('has its time from the dumps, whose microseconds socat prints into nine digits', () => {
    const text = `${sent}\n< 2026/11/21 02:57:56.000944220  length=4 from=0 to=3\n 6e 64 00 01`;
    expect(readExchange(text, false)).to.deep.equal({ outcome: 'answered', rttMicros: 1485 });
  });

  it('was refused, lost, or not sent', () => {
    expect(readExchange(`${sent}\n2026/11/21 02:57:56.942800 socat[1] E read(5, 0x55, 8192): Connection refused`, false)).to.deep.equal({
      outcome: 'refused',
      rttMicros: 65,
    });
    expect(readExchange(sent, false).outcome).to.equal('timeout');
    expect(readExchange('nsenter: cannot open /proc/1/ns/net', false)).to.deep.equal({
      outcome: 'send-failed',
      detail: 'nsenter: cannot open /proc/1/ns/net',
    });
  });

  const answer = (flags: string, answers: string) =>
    readExchange(`${sent}\n< 2026/11/21 02:57:56.000944220  length=12 from=0 to=11\n 00 01 ${flags} 00 01 ${answers} 00 00 00 00`, true);
  it('to a DNS server says what the server said', () => {
    expect(answer('81 80', '00 02').outcome).to.equal('answered');
    expect(answer('81 80', '00 00')).to.include({ outcome: 'answered', detail: 'no such record' });
    expect(answer('81 83', '00 00')).to.include({ outcome: 'dns-error', detail: 'NXDOMAIN' });
    expect(answer('81 85', '00 00')).to.include({ outcome: 'dns-error', detail: 'REFUSED' });
    expect(answer('01 00', '00 00').outcome).to.equal('dns-error');
  });
});

describe('ping', () => {
  it('tells answered, lost and refused attempts apart', () => {
    const lines = [
      'PING 10.244.2.5 (10.244.2.5) 56(84) bytes of data.',
      '64 bytes from 10.244.2.5: icmp_seq=1 ttl=62 time=0.725 ms',
      'From 10.244.1.1 icmp_seq=3 Destination Host Unreachable',
      'From 10.244.1.1: icmp_seq=4 Redirect Host(New nexthop: 10.244.1.9)',
      '64 bytes from 10.244.2.5: icmp_seq=4 ttl=62 time=1.50 ms',
      '64 bytes from 10.244.2.5: icmp_seq=4 ttl=62 time=1.61 ms (DUP!)',
      'From 10.244.1.1 icmp_seq=5 Packet filtered',
      '5 packets transmitted, 2 received, +1 duplicates, +2 errors, 60% packet loss, time 94ms',
    ];
    expect(readPing(lines, 5, 1)).to.deep.equal([
      { outcome: 'answered', rttMicros: 725 },
      { outcome: 'timeout' },
      { outcome: 'unreachable', from: '10.244.1.1', detail: 'Destination Host Unreachable' },
      { outcome: 'answered', rttMicros: 1500, detail: 'answered more than once' },
      { outcome: 'prohibited', from: '10.244.1.1', detail: 'Packet filtered' },
    ]);
  });

  it('that was ended early is not counted as loss', () => {
    expect(readPing(['64 bytes from 10.244.2.5: icmp_seq=1 ttl=62 time=0.725 ms'], 3, 1)).to.deep.equal([{ outcome: 'answered', rttMicros: 725 }]);
    expect(readPing(['PING 10.244.2.5 (10.244.2.5) 56(84) bytes of data.', 'Killed'], 3, 1)).to.be.a('string');
  });

  it('reads ICMPv6 errors', () => {
    const lines = [
      'From fd44:1::1 icmp_seq=1 Destination unreachable: No route',
      'From fd44:1::1 icmp_seq=2 Destination unreachable: Administratively prohibited',
    ];
    expect(readPing(lines, 2, 1)).to.deep.equal([
      { outcome: 'no-route', from: 'fd44:1::1', detail: 'Destination unreachable: No route' },
      { outcome: 'prohibited', from: 'fd44:1::1', detail: 'Destination unreachable: Administratively prohibited' },
    ]);
  });

  it('knows what the sender itself refused', () => {
    const first = (line: string) => (readPing([line], 1, 1) as { outcome: string }[])[0]?.outcome;
    expect(first('ping: connect: Network is unreachable')).to.equal('no-route');
    expect(first('ping: connect: Invalid argument')).to.equal('no-route');
    expect(first('ping: Do you want to ping broadcast? Then -b. If not, check your local firewall rules')).to.equal('prohibited');
    expect(first('ping: sendmsg: Operation not permitted')).to.equal('send-failed');
  });

  it('knows how large a packet may be, from the error or from what the sender remembers of one', () => {
    const mtus = (lines: string[]) => (readPing(lines, 2, 1) as { outcome: string; mtu?: number }[]).map(({ outcome, mtu }) => `${outcome} ${mtu}`);
    const end = '2 packets transmitted, 0 received, +2 errors, 100% packet loss, time 85ms';
    expect(
      mtus(['From 10.244.1.1 icmp_seq=1 Frag needed and DF set (mtu = 1300)', 'ping: local error: message too long, mtu=1300', end]),
    ).to.deep.equal(['unreachable 1300', 'send-failed 1300']);
    expect(mtus(['ping: sendmsg: Message too long', 'ping: sendmsg: Message too long', end, 'learnt mtu 1300'])).to.deep.equal([
      'send-failed 1300',
      'send-failed 1300',
    ]);
    // as large as it is asked for passes, whatever was learnt once
    expect(mtus(['1280 bytes from 10.244.2.5: icmp_seq=1 ttl=62 time=0.7 ms', end, 'learnt mtu 1300'])).to.deep.equal([
      'answered undefined',
      'timeout undefined',
    ]);
  });

  it('that may not open its socket says nothing of the network', () => {
    expect(readPing(['ping: socktype: SOCK_RAW', 'ping: socket: Operation not permitted'], 3, 1)).to.be.a('string');
  });
});

describe('a probe request', () => {
  it('is refused before anything of it reaches a shell', () => {
    for (const destination of ['10.0.0.1;reboot', '$(id)', 'fe80::1%eth0', 'example.com', ''])
      expect(refusalOf(request({ destination }), 'node'), destination).to.be.a('string');
    expect(refusalOf(request({ port: 70000 }), 'node')).to.be.a('string');
    expect(refusalOf(request({ from: { netns: 'pid', pid: 1.5 } }), 'node')).to.be.a('string');
    expect(refusalOf(request({ protocol: 'udp', query: "a'b.c" }), 'node')).to.be.a('string');
    expect(refusalOf(request({ from: { netns: 'host' } }), 'pod')).to.be.a('string');
    expect(refusalOf(request(), 'node')).to.equal(undefined);
  });

  it('becomes a line of words without anything special in it', () => {
    const mark = createSessionMark(0xabcd);
    const requests = [
      request(),
      request({ protocol: 'icmp' }),
      request({ protocol: 'udp', query: 'web.demo', destination: 'fd44:2::5' }),
      request({ protocol: 'udp' }),
    ];
    for (const [number, one] of requests.entries())
      expect(jobLine(planJob(one, number, mark, 'node'))).to.match(
        /^\d+ (tcp|udp|dns|icmp) [46] 4711 [0-9a-f.:]+ (\d+ ){7}(-|(\\[0-7]{3})+) (-|(\\[0-7]{3})+) (do|-)$/,
      );
  });

  it('has its own ports and its own number', () => {
    const mark = createSessionMark(0xabcd);
    const jobs = [planJob(request(), 0, mark, 'node'), planJob(request(), 1, mark, 'node')];
    expect(jobs.map(({ firstPort, block, index }) => [firstPort, block, index])).to.deep.equal([
      [0xfdbc, 0xfd00, 0],
      [0xfdbf, 0xfd00, 1],
    ]);
  });

  it('stays in its netns when the session is inside the pod', () => {
    expect(planJob(request(), 0, createSessionMark(1), 'pod').netns).to.equal('-');
  });
});

describe('DNS messages', () => {
  it('ask as RFC 1035 says', () => {
    expect(dnsQueryAfterId('a.bc.', 28).toString('hex')).to.equal('01000001000000000000016102626300001c0001');
  });

  it('of any bytes are read or not, but never break', () => {
    fc.assert(fc.property(fc.uint8Array(), (bytes) => void parseDnsAnswer(Buffer.from(bytes))));
  });

  it('have names that are names', () => {
    for (const name of ['a', 'kubernetes.default.svc.cluster.local', '_http._tcp.web.demo.', 'x'.repeat(63)])
      expect(isDnsName(name), name).to.equal(true);
    for (const name of ['', '.', 'a..b', 'x'.repeat(64), 'a b', "a'b", 'ä']) expect(isDnsName(name), name).to.equal(false);
  });
});

describe('the prober’s output', () => {
  const requests = [request(), request({ id: 'ping', protocol: 'icmp' })];

  it('of any text gives one result per request, and says what was not run', () => {
    const word = fc.constantFrom('@ndp', 'a', 'i', 'job', 'notrun', 'session', '0', '1', '-1', 'tcp', 'icmp', '*', '\n', '99999999999');
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.array(word).map((words) => words.join(' ')),
        ),
        (text) => {
          const results = parseProbeOutput(text, requests);
          expect(results.map((result) => result.request.id)).to.deep.equal(['main', 'ping']);
          for (const { attempts, notRun } of results) expect(attempts.length > 0 || notRun !== undefined).to.equal(true);
        },
      ),
      { numRuns: 1000 },
    );
  });

  it('that ends early does not invent attempts', () => {
    const text = `@ndp session 6e640001 socat iputils\n@ndp job 0 tcp 4 - 10.244.2.5 8080 3 1000 61696 61696 0 56 - -\n@ndp a 0 1 61697 137 ${opening}\tKilled\n`;
    const [main, ping] = parseProbeOutput(text, requests);
    expect(main?.attempts).to.deep.equal([{ outcome: 'timeout', sourcePort: 61697 }]);
    expect(ping?.notRun).to.be.a('string');
  });
});

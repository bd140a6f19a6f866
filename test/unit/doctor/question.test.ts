import { expect } from 'chai';
import type { Endpoint } from '../../../src/cluster/endpoint.ts';
import { makeQuestion } from '../../../src/doctor/question.ts';

const end = (label: string, ips: string[], ports: Endpoint['ports'] = []): Endpoint => ({
  word: label,
  kind: 'pod',
  label,
  ips,
  ports,
  backends: [],
});
const asked = { count: 5, timeoutMs: 1000 };
const web = end(
  'default/web',
  ['10.0.0.2'],
  [
    { port: 53, protocol: 'udp', name: 'dns' },
    { port: 8080, protocol: 'tcp', name: 'http' },
  ],
);
const client = end('default/client', ['10.0.0.1']);

describe('the question that is asked', () => {
  it("is the target's first port when none is named", () => expect(makeQuestion(client, web, asked)).to.include({ protocol: 'udp', port: 53 }));
  it('is ping when the target declares no port', () =>
    expect(makeQuestion(web, client, asked))
      .to.include({ protocol: 'icmp' })
      .and.not.have.property('port'));
  it('takes the protocol from the declared port', () =>
    expect(makeQuestion(client, web, { ...asked, port: 53 })).to.include({ protocol: 'udp', port: 53 }));
  it('takes tcp for a port that is not declared', () =>
    expect(makeQuestion(client, web, { ...asked, port: 99 })).to.include({ protocol: 'tcp', port: 99 }));
  it('finds a port by its name', () => expect(makeQuestion(client, web, { ...asked, port: 'http' })).to.include({ protocol: 'tcp', port: 8080 }));
  it('names the ports there are when the name is unknown', () =>
    expect(makeQuestion(client, web, { ...asked, port: 'https' })).to.match(/has no port named "https" \(it has dns, http\)$/));
  it('refuses a port for ping', () => expect(makeQuestion(client, web, { ...asked, port: 1, protocol: 'icmp' })).to.match(/icmp has no ports/));
  it('refuses IPv4 to IPv6', () => expect(makeQuestion(client, end('default/six', ['fd00::1']), asked)).to.match(/only IPv4 .* only IPv6/));
  it('takes the family both ends have', () =>
    expect(makeQuestion(end('default/six', ['fd00::9']), end('default/dual', ['10.0.0.3', 'fd00::3']), asked)).to.include({
      source: 'fd00::9',
      destination: 'fd00::3',
    }));
});

import type { PeerCertificate } from 'node:tls';
import { expect } from 'chai';
import { checkServerIdentity } from '../../../src/cluster/kubeconfig/server-identity.ts';

const certificate = {
  subject: { CN: 'apiserver' },
  subjectaltname: 'DNS:kubernetes, IP Address:127.0.0.1, IP Address:FD00:33:188:0:0:0:0:1',
} as PeerCertificate;

describe("the API server's certificate", () => {
  for (const host of ['fd00:33:188::1', '[fd00:33:188::1]', 'FD00:33:188:0::1', '127.0.0.1', 'kubernetes']) {
    it(`is that of ${host}`, () => expect(checkServerIdentity(host, certificate)).to.equal(undefined));
  }
  for (const host of ['fd00:33:188::2', '127.0.0.2', 'kubernetes.default']) {
    it(`is not that of ${host}`, () => expect(checkServerIdentity(host, certificate)).to.be.instanceOf(Error));
  }
});

import { expect } from 'chai';
import { parseHealth } from '../../../../src/node/parse/namespaces.ts';
import { parseProxyHealth } from '../../../../src/node/parse/proxy-health.ts';

const kubelet = 'kubelet 10248/healthz 200';

/** kube-proxy 1.36. */
const byFamily = `kube-proxy 10256/healthz 200 {"lastUpdated":"2026-11-27T03:58:27.344201348Z","currentTime":"2026-11-27T03:58:27.344053897Z","nodeEligible":true,"healthy":true,"status":{"IPv4":{"lastUpdated":"2026-11-27T03:56:07.221891219Z","healthy":true},"IPv6":{"lastUpdated":"2026-11-27T03:56:06.657185537Z","healthy":true}}}`;

/** As versions before it print Go's time. */
const late = `kube-proxy 10256/healthz 503 {"lastUpdated": "2024-03-01 09:15:00.123456789 +0100 CET m=+7200.1","currentTime": "2024-03-01 09:45:00.5 +0100 CET m=+9000.5", "nodeEligible": true}`;

describe('what kube-proxy says of its last update', () => {
  it('is told by family', () => {
    expect(parseProxyHealth(`${kubelet}\n${byFamily}`)).to.deep.equal({ 4: '2026-11-27T03:56:07.000Z', 6: '2026-11-27T03:56:06.000Z' });
  });

  it('is told by older ones once they are late', () => {
    expect(parseProxyHealth(late)).to.deep.equal({ 4: '2024-03-01T08:15:00.000Z', 6: '2024-03-01T08:15:00.000Z' });
  });

  it('is nothing where they are well: they say "now"', () => {
    expect(parseProxyHealth(late.replace(' 503 ', ' 200 '))).to.equal(undefined);
  });

  it('is nothing where nothing was said, or nothing that can be read', () => {
    for (const text of [
      kubelet,
      'kube-proxy 10256/healthz 599',
      'kube-proxy 10256/healthz 503 {"lastUpdated": "soon',
      late.replace('2024', 'last year'),
    ])
      expect(parseProxyHealth(text), text).to.equal(undefined);
  });

  it('does not hide the status', () => {
    expect(parseHealth(`${kubelet}\n${late}`)).to.deep.equal({ kubelet: 200, 'kube-proxy': 503 });
    expect(parseHealth(byFamily)).to.deep.equal({ 'kube-proxy': 200 });
  });
});

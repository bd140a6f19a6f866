import { expect } from 'chai';
import { vanishing } from '../../../src/diagnosis/causes/full-size.ts';
import { fittingSize } from '../../../src/doctor/mtu.ts';
import type { Attempt, ProbePurpose, ProbeResult } from '../../../src/probe/probe.ts';

const result = (purpose: ProbePurpose, attempts: Attempt[], size?: number): ProbeResult => ({
  request: {
    id: `${purpose}-${size}`,
    purpose,
    node: 'node1',
    from: { netns: 'host' },
    fromLabel: 'node node1',
    toLabel: 'demo/server',
    destination: '10.244.2.5',
    protocol: 'icmp',
    count: attempts.length,
    timeoutMs: 1000,
    ...(size === undefined ? {} : { size }),
  },
  attempts,
});

const small = result('main-icmp', [{ outcome: 'answered', rttMicros: 80 }]);
const told = result(
  'full-size',
  [
    { outcome: 'unreachable', from: '10.244.1.1', mtu: 1300 },
    { outcome: 'send-failed', mtu: 1300 },
  ],
  1450,
);

describe('packets as large as the sender believes the way to take', () => {
  it('are asked for again in the size that the sender was told', () => {
    expect(fittingSize([small, told])).to.include({ size: 1300, purpose: 'full-size', destination: '10.244.2.5' });
  });

  it('are not asked for again when they pass, or when nobody says what would', () => {
    expect(fittingSize([small, result('full-size', [{ outcome: 'answered' }], 1450)])).to.equal(undefined);
    expect(fittingSize([small, result('full-size', [{ outcome: 'timeout' }], 1450)])).to.equal(undefined);
    expect(fittingSize([small])).to.equal(undefined);
  });

  it('are not asked for again where not even small ones pass', () => {
    expect(fittingSize([result('main-icmp', [{ outcome: 'timeout' }]), told])).to.equal(undefined);
  });

  it('are not asked for again in the same size', () => {
    expect(fittingSize([small, result('full-size', [{ outcome: 'send-failed', mtu: 1450 }], 1450)])).to.equal(undefined);
  });

  it('vanish where even those of the size that was told are not answered', () => {
    expect(vanishing([small, told])).to.equal(undefined);
    expect(vanishing([small, told, result('full-size', [{ outcome: 'timeout' }, { outcome: 'timeout' }], 1300)])?.full.request.size).to.equal(1300);
  });
});

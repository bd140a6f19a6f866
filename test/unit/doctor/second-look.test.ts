import { expect } from 'chai';
import type { Confidence } from '../../../src/diagnosis/finding.ts';
import { deservesSecondLook } from '../../../src/doctor/second-look.ts';

const told = (code: string, confidence: Confidence) => ({
  findings: [{ code, severity: 'problem' as const, confidence, title: '', evidence: [], fix: [], notes: [] }],
});

describe('a second look', () => {
  it('is for what nothing explains, and for what the kernel has told too little of', () => {
    expect(deservesSecondLook(told('ND0001', 'possible'))).to.equal(true);
    for (const code of ['ND3003', 'ND3011', 'ND3012', 'ND3015']) {
      expect(deservesSecondLook(told(code, 'likely')), code).to.equal(true);
      expect(deservesSecondLook(told(code, 'certain')), code).to.equal(false);
    }
  });

  it('is not for a healthy way, nor for what more probes would not show', () => {
    expect(deservesSecondLook({ findings: [] })).to.equal(false);
    expect(deservesSecondLook(told('ND2101', 'likely'))).to.equal(false);
  });
});

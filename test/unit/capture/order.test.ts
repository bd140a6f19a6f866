import { expect } from 'chai';
import fc from 'fast-check';
import { createOrder } from '../../../src/capture/order.ts';

const at = (nanos: bigint): { nanos: bigint } => ({ nanos });

describe('packets of several captures', () => {
  it('wait until those of others have come, and are given in the order of their time', () => {
    const order = createOrder<{ nanos: bigint }>(300);
    order.add(at(20n), 0);
    order.add(at(40n), 100);
    order.add(at(10n), 250);
    expect(order.take(200)).to.deep.equal([]);
    expect(order.take(300)).to.deep.equal([at(10n), at(20n)]);
    expect(order.take(400)).to.deep.equal([at(40n)]);
    expect(order.late).to.equal(0);
  });

  it('that come later than that are given all the same, and counted', () => {
    const order = createOrder<{ nanos: bigint }>(300);
    order.add(at(20n), 0);
    expect(order.take(300)).to.deep.equal([at(20n)]);
    order.add(at(10n), 310);
    expect(order.take(700)).to.deep.equal([at(10n)]);
    expect(order.late).to.equal(1);
  });

  it('are all given in the end', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(1000), fc.nat(200)), { maxLength: 50 }), (arrivals) => {
        const order = createOrder<{ nanos: bigint }>(200);
        const given: { nanos: bigint }[] = [];
        let now = 0;
        for (const [nanos, later] of arrivals) {
          now += later;
          order.add(at(BigInt(nanos)), now);
          given.push(...order.take(now));
        }
        given.push(...order.flush());
        expect(given).to.have.length(arrivals.length);
        const descents = given.filter(
          ({ nanos }, index) => nanos < (given.slice(0, index).reduce((most, one) => (one.nanos > most ? one.nanos : most), 0n) ?? 0n),
        );
        expect(order.late).to.equal(descents.length);
      }),
    );
  });
});

import { expect } from 'chai';
import { parseAssertions } from '../../../src/policy/assertion/parse.ts';

const problemsIn = (text: string): string[] =>
  parseAssertions({ file: 'a.yaml', text }).problems.map(({ file, line, field, reason }) => `${file}:${line}: ${field ?? ''}: ${reason}`);

describe('a list of what policies should say', () => {
  it('is read from YAML and from JSON', () => {
    const wanted = [{ name: 'shop/web → svc/db tcp 5432', line: 1, from: 'shop/web', to: 'svc/db', port: 5432, protocol: 'tcp', expect: 'allow' }];
    expect(parseAssertions({ file: 'a', text: '- {from: shop/web, to: svc/db, port: 5432, protocol: TCP, expect: allow}' }).assertions).to.deep.equal(
      wanted,
    );
    expect(
      parseAssertions({ file: 'a', text: '[{"from":"shop/web","to":"svc/db","port":5432,"protocol":"tcp","expect":"allow"}]' }).assertions,
    ).to.deep.equal(wanted);
  });

  it('knows the line of each', () => {
    const text = '# first\n- from: a\n  to: b\n  expect: deny\n\n- {from: c, to: d, expect: allow, port: http}\n';
    expect(parseAssertions({ file: 'a', text }).assertions.map(({ name, line, port }) => [name, line, port])).to.deep.equal([
      ['a → b', 2, undefined],
      ['c → d http', 6, 'http'],
    ]);
  });

  it('is refused with line, field and reason of all that is wrong', () => {
    expect(problemsIn('- {from: a, to: b, port: 70000, expect: alow}\n- {from: a, expect: deny, prot: tcp}\n- x\n')).to.deep.equal([
      "a.yaml:1: [0].port: a number from 1 to 65535 or a port's name is expected, not 70000",
      'a.yaml:1: [0].expect: allow or deny is expected, not "alow"',
      'a.yaml:2: [1].prot: there is no such field: {from, to, expect: allow|deny} and, if need be, {port, protocol, name} is expected',
      'a.yaml:2: [1].to: it is required',
      'a.yaml:3: [2]: {from, to, expect: allow|deny} and, if need be, {port, protocol, name} is expected',
    ]);
    expect(problemsIn('- {from: a, to: b, protocol: icmp, port: 1, expect: deny}')).to.deep.equal(['a.yaml:1: [0].port: icmp has no ports']);
    expect(problemsIn('- {from: a, from: b, to: c, expect: deny}')).to.have.length(1);
    expect(problemsIn('')).to.deep.equal(problemsIn('from: a'));
    expect(problemsIn('from: a')).to.have.length(1);
  });
});

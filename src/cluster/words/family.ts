import { CliError, EXIT } from '../errors.ts';

/** The two ends of a question, as far as addresses go. */
interface Addressed {
  label: string;
  ips: string[];
}

const familyOf = (ip: string): 4 | 6 => (ip.includes(':') ? 6 : 4);

const familiesOf = (ips: string[]): string => [...new Set(ips.map((ip) => `IPv${familyOf(ip)}`))].join(' and ');

/**
 * One address of each, of the family that both have; the target's order of preference decides, as it does in a resolver.
 * @throws CliError when there is no such family
 */
export const commonFamily = (from: Addressed, to: Addressed): { source: string; destination: string; family: 4 | 6 } => {
  for (const destination of to.ips) {
    const source = from.ips.find((ip) => familyOf(ip) === familyOf(destination));
    if (source) return { source, destination, family: familyOf(destination) };
  }
  throw new CliError(
    `error: ${from.label} has only ${familiesOf(from.ips)} (${from.ips.join(', ')}) and ${to.label} only ${familiesOf(to.ips)} (${to.ips.join(', ')})`,
    EXIT.usage,
  );
};

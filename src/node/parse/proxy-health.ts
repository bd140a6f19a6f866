import { isRecord, type Json, linesOf, stringAt } from './json.ts';

/** `2026-11-27 03:56:07.22 +0100 CET m=+9.1`: how Go prints a time, as a Date reads it. */
const instantOf = (text: string | undefined): string | undefined => {
  const [, day, time, offset] = /^(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)(?:\.\d+)? ?(Z|[+-]\d\d:?\d\d)/.exec(text ?? '') ?? [];
  const at = new Date(`${day}T${time}${offset?.replace(/^(...)(\d\d)$/, '$1:$2')}`);
  return Number.isNaN(at.getTime()) ? undefined : at.toISOString();
};

const bodyOf = (line: string): Json | undefined => {
  try {
    const body: unknown = JSON.parse(line.slice(line.indexOf('{')));
    return isRecord(body) ? body : undefined;
  } catch {
    return undefined;
  }
};

/**
 * When kube-proxy last wrote the rules of each family, by what its health check answers (pkg/proxy/healthcheck/proxy_health.go). New versions say it
 * by family; the others say "now" as long as they are well, which tells nothing.
 */
export const parseProxyHealth = (text: string): { 4?: string; 6?: string } | undefined => {
  const line = linesOf(text).find((candidate) => candidate.startsWith('kube-proxy ') && candidate.includes('{'));
  const body = line === undefined ? undefined : bodyOf(line);
  if (line === undefined || body === undefined) return undefined;
  const status = isRecord(body.status) ? body.status : {};
  const ofFamily = (name: string): string | undefined => {
    const own = status[name];
    if (isRecord(own)) return instantOf(stringAt(own, 'lastUpdated'));
    return / 200 \{/.test(line) ? undefined : instantOf(stringAt(body, 'lastUpdated'));
  };
  const [four, six] = [ofFamily('IPv4'), ofFamily('IPv6')];
  return four === undefined && six === undefined ? undefined : { ...(four ? { 4: four } : {}), ...(six ? { 6: six } : {}) };
};

/** The little of RFC 1035 that a DNS probe needs: one question out, the header of the answer back. */

export const DNS_TYPE = { A: 1, AAAA: 28 } as const;

/** RFC 1035 4.1.1, RFC 6895 2.3. */
const RCODES = ['NOERROR', 'FORMERR', 'SERVFAIL', 'NXDOMAIN', 'NOTIMP', 'REFUSED', 'YXDOMAIN', 'YXRRSET', 'NXRRSET', 'NOTAUTH', 'NOTZONE'];

export interface DnsAnswer {
  id: number;
  rcode: string;
  answers: number;
}

/** A host name as RFC 1035 2.3.4 bounds it; underscores occur in service records. */
export const isDnsName = (name: string): boolean =>
  name.length > 0 && name.length <= 253 && /^(?!\.)([A-Za-z0-9_-]{1,63})(\.[A-Za-z0-9_-]{1,63})*\.?$/.test(name);

/** A name as messages have it: each label behind its length, and an empty one. */
export const dnsName = (name: string): Buffer =>
  Buffer.concat([
    ...name
      .replace(/\.$/, '')
      .split('.')
      .map((label) => Buffer.concat([Buffer.from([label.length]), Buffer.from(label, 'latin1')])),
    Buffer.from([0]),
  ]);

/** A recursive query for one name; the id is left to the caller, who sends these bytes after its own two. RD set, one question, class IN. */
export const dnsQueryAfterId = (name: string, type: number): Buffer =>
  Buffer.concat([Buffer.from([0x01, 0x00, 0, 1, 0, 0, 0, 0, 0, 0]), dnsName(name), Buffer.from([0, type, 0, 1])]);

/** The header of a response; undefined when the bytes are not one. */
export const parseDnsAnswer = (message: Buffer): DnsAnswer | undefined => {
  if (message.length < 12 || ((message[2] ?? 0) & 0x80) === 0) return undefined;
  const code = (message[3] ?? 0) & 0x0f;
  return { id: message.readUInt16BE(0), rcode: RCODES[code] ?? `RCODE ${code}`, answers: message.readUInt16BE(6) };
};

/**
 * Why the doctor could not do its work, as one line worded the way kubectl words it. The message is complete: print it as it is.
 *
 * | exit code | meaning                                                                    |
 * |-----------|----------------------------------------------------------------------------|
 * | 2         | wrong usage: flag, word, port, kubeconfig, context                         |
 * | 3         | the API server cannot be reached, or does not let us in                    |
 * | 4         | the API server forbids what was asked, or refuses our agent pods           |
 * | 5         | a named object does not exist, or has no address to be reached at          |
 * | 6         | the API server answered with another error                                 |
 * | 7         | no agent could be started, so that nothing could be seen                   |
 * | 8         | the output could not be written to its end                                 |
 *
 * 0 and 1 are answers (healthy, problem found) and never errors.
 */
export const EXIT = { usage: 2, access: 3, forbidden: 4, notFound: 5, server: 6, agent: 7, output: 8 } as const;

export class CliError extends Error {
  override name = 'CliError';
  readonly exitCode: number;
  constructor(message: string, exitCode: number, options?: ErrorOptions) {
    super(message, options);
    this.exitCode = exitCode;
  }
}

/** An answer of the API server that is no success; `status` is the HTTP status code. */
export class ApiError extends CliError {
  override name = 'ApiError';
  readonly status: number;
  /** metav1.Status reason: NotFound, Forbidden, AlreadyExists… */
  readonly reason: string;
  /** What the server said, without kubectl's words before it. */
  readonly detail: string;
  constructor(status: number, reason: string, detail: string) {
    super(wordStatus(status, reason, detail), exitCodeOf(status));
    this.status = status;
    this.reason = reason;
    this.detail = detail;
  }
}

const wordStatus = (status: number, reason: string, detail: string): string => {
  if (status === 401) return `error: You must be logged in to the server (${detail || 'Unauthorized'})`;
  return reason ? `Error from server (${reason}): ${detail}` : `Error from server: ${detail}`;
};

const exitCodeOf = (status: number): number => {
  if (status === 401) return EXIT.access;
  if (status === 403) return EXIT.forbidden;
  return status === 404 ? EXIT.notFound : EXIT.server;
};

interface StatusBody {
  kind?: string;
  reason?: string;
  message?: string;
}

const parseStatus = (body: string): StatusBody => {
  try {
    const parsed: unknown = JSON.parse(body);
    return typeof parsed === 'object' && parsed !== null ? parsed : {};
  } catch {
    return {};
  }
};

/** @param body what came with the status code: a metav1.Status, or a proxy's own words */
export const apiError = (status: number, body: string): ApiError => {
  const { reason, message } = parseStatus(body);
  if (message !== undefined) return new ApiError(status, reason ?? '', message);
  const text = body
    .replace(/<[^>]*>/g, ' ')
    .replace(/\s+/g, ' ')
    .trim()
    .slice(0, 200);
  return new ApiError(status, '', text === '' ? `the server answered with HTTP status ${status}` : `${text} (HTTP status ${status})`);
};

const codeOf = (error: unknown): string => (error instanceof Error && 'code' in error ? String(error.code) : '');

/** Go's words for OpenSSL's verdicts, so that a search for the message finds what helped others. */
const CERTIFICATE: Record<string, string> = {
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'x509: certificate signed by unknown authority',
  SELF_SIGNED_CERT_IN_CHAIN: 'x509: certificate signed by unknown authority',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'x509: certificate signed by unknown authority',
  UNABLE_TO_GET_ISSUER_CERT: 'x509: certificate signed by unknown authority',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'x509: certificate signed by unknown authority',
  CERT_SIGNATURE_FAILURE: 'x509: certificate signed by unknown authority',
  CERT_HAS_EXPIRED: 'x509: certificate has expired or is not yet valid',
  CERT_NOT_YET_VALID: 'x509: certificate has expired or is not yet valid',
};

/** A request that got no answer at all. */
export const transportError = (error: unknown, server: string): CliError => {
  const { host, hostname } = new URL(server);
  const code = codeOf(error);
  // happy eyeballs' AggregateError has a code and no message
  const text = (error instanceof Error ? error.message : String(error)) || code;
  if (code === 'ECONNREFUSED')
    return new CliError(`The connection to the server ${host} was refused - did you specify the right host or port?`, EXIT.access, { cause: error });
  const unable = (why: string): CliError => new CliError(`Unable to connect to the server: ${why}`, EXIT.access, { cause: error });
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') return unable(`dial tcp: lookup ${hostname}: no such host`);
  if (CERTIFICATE[code]) return unable(`tls: failed to verify certificate: ${CERTIFICATE[code]}`);
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') return unable(`tls: failed to verify certificate: x509: ${text}`);
  if (text.includes('wrong version number')) return unable('http: server gave HTTP response to HTTPS client');
  if (code === 'EHOSTUNREACH') return unable(`dial tcp ${host}: connect: no route to host`);
  if (code === 'ENETUNREACH') return unable(`dial tcp ${host}: connect: network is unreachable`);
  if (code === 'ETIMEDOUT') return unable(`dial tcp ${host}: i/o timeout`);
  if (code === 'ECONNRESET' || code === 'EPIPE') return unable(`the connection to ${host} was closed before it answered`);
  return unable(text);
};

/** The request's own time is over. */
export const requestTimeout = (server: string, timeoutMs: number): CliError =>
  new CliError(
    `Unable to connect to the server: no answer from ${new URL(server).host} within ${timeoutMs / 1000}s (--request-timeout)`,
    EXIT.access,
  );

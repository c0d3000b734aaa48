/**
 * Our own errors, in one catalogue. MySQL's errors are never here: they are relayed as they came.
 * `docs/errors.md` lists the same entries (a test holds the two together).
 */

/** Bad usage or configuration: exit code 2. The message names every fault, one a line. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** Something was found wrong, and said so already: exit code 1. */
export class FoundWrong extends Error {
  override readonly name = 'FoundWrong';
}

/** A request to the admin port that asks for what can't be: the message names the parameter. */
export class RequestFault extends Error {
  override readonly name = 'RequestFault';
  readonly statusCode = 400;
}

export interface ClientError {
  /** Our stable name of the error. */
  readonly code: string;
  /** The MySQL error number a client sees. */
  readonly errno: number;
  readonly sqlState: string;
  /** The text a client sees; `{name}` is filled in by `errorText`. */
  readonly message: string;
}

/** What the proxy itself may say to a client. */
export const CLIENT_ERRORS = {
  tooManyConnections: {
    code: 'TOO_MANY_CONNECTIONS',
    errno: 1040,
    sqlState: '08004',
    message: 'Too many connections (understudy: shard {shard} has its maxConnections of {limit})',
  },
  tooFewFiles: {
    code: 'TOO_FEW_FILES',
    errno: 1040,
    sqlState: '08004',
    message:
      'Too many connections (understudy: shard {shard}; the limit of open files leaves its process room for {limit} clients)',
  },
  oldUnreachable: {
    code: 'OLD_UNREACHABLE',
    // Not 2003, as a client says it of itself: MariaDB's library takes no error of its own range from a server.
    errno: 1429,
    sqlState: 'HY000',
    message: "Unable to connect to the old server '{host}:{port}': {reason} (understudy: shard {shard})",
  },
  loginTimeout: {
    code: 'LOGIN_TIMEOUT',
    errno: 1159,
    sqlState: '08S01',
    message: 'Got timeout reading communication packets (understudy: no login within {limit} ms)',
  },
  oldTls: {
    code: 'OLD_TLS',
    errno: 1429,
    sqlState: 'HY000',
    message:
      "Unable to connect to the old server '{host}:{port}' by TLS: {reason} (understudy: shard {shard}; see oldTls)",
  },
  tlsRequired: {
    code: 'TLS_REQUIRED',
    errno: 3159,
    sqlState: 'HY000',
    message: 'Connections using insecure transport are refused (understudy: connect with TLS)',
  },
  clientCertificate: {
    code: 'CLIENT_CERTIFICATE',
    errno: 1045,
    sqlState: '28000',
    message: "Access denied: the client's certificate is missing or not accepted (understudy: {reason})",
  },
  tlsOfClientAlone: {
    code: 'TLS_OF_CLIENT_ALONE',
    errno: 1251,
    sqlState: '08004',
    message:
      '{what} is not possible with TLS from the client to the proxy alone (understudy: configure oldTls, or connect without TLS)',
  },
  tlsOfOldAlone: {
    code: 'TLS_OF_OLD_ALONE',
    errno: 1251,
    sqlState: '08004',
    message:
      '{what} is not possible with TLS from the proxy to the old server alone (understudy: connect with TLS, which needs listen.tls)',
  },
  badHandshake: {
    code: 'BAD_HANDSHAKE',
    errno: 1043,
    sqlState: '08S01',
    message: 'Bad handshake (understudy: {reason})',
  },
  badProxyHeader: {
    code: 'BAD_PROXY_HEADER',
    errno: 1043,
    sqlState: '08S01',
    message:
      'Bad handshake (understudy: {reason}; listen.proxyProtocol.trusted asks {peer} for one before the login)',
  },
} as const satisfies Record<string, ClientError>;

/** Fills the `{name}` places of a catalogue message. */
export function errorText(error: ClientError, values: Readonly<Record<string, string | number>>): string {
  return error.message.replace(/\{(\w+)\}/g, (place, name: string) => String(values[name] ?? place));
}

/** The text of whatever was thrown. */
export function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}

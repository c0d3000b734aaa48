/** What went wrong between us and etcd, in words for people: gRPC's own text is for its developers. */
import { messageOf, UsageError } from '../base/errors.ts';
import { sanitize } from './sanitize.ts';

/** One call to one host. */
export const CALL_TIMEOUT_MS = 1500;
/** Enough for any sentence below and one of a server's own. */
const REASON_SHOWN = 300;

/** The code and its name, which gRPC puts before each text. */
const GRPC_CODE = /^\d{1,2} [A-Z_]+: /;
const LAST_ERROR = /^No connection established\. Last error: (?:Error: )?(.*)$/s;
/** The time would make each failure a new one, and the log tells of each new one. */
const GRPC_TAIL = /\s*(?:\(\d{4}-\d\d-\d\dT[\d:.]+Z\)\. )?(?:\.\s*)?Resolution note:.*$/s;

/** The first that fits counts. `$1` is the pattern's first group. */
const READINGS: readonly (readonly [RegExp, string])[] = [
  [/ECONNREFUSED ([^\s]+:\d+)/, '$1 refused the connection (ECONNREFUSED)'],
  [/\b(EHOSTUNREACH|ENETUNREACH|ETIMEDOUT)\b/, "the host can't be reached ($1)"],
  [/Name resolution failed for target (?:dns:)?(\S+)/, "the name of the host can't be resolved: $1"],
  [
    /Deadline exceeded|DEADLINE_EXCEEDED|did not renew the lease in time/,
    `no answer within ${CALL_TIMEOUT_MS} ms`,
  ],
  [/invalid auth token|no longer knows our login/, 'denied: etcd no longer knows our login'],
  [
    /authentication failed/,
    'denied: authentication failed, the user or the password (etcd.user, etcd.password) is wrong',
  ],
  [/user name is empty/, 'denied: etcd asks for an account (etcd.user, etcd.password)'],
  [/permission denied/, 'denied: the account (etcd.user) has no right to this'],
  [
    /alert (?:bad certificate|certificate required|unknown ca|certificate \w+)/,
    'certificate: etcd does not take ours (etcd.certificate, etcd.key), or wants one',
  ],
  [/PEM routines|bad base64/, 'certificate: etcd.certificate or etcd.key is no PEM file'],
  [/(.*certificate.*)/i, 'certificate: $1 (etcd.ca names who may sign it)'],
  [
    /before secure TLS|wrong version number|packet length too long/,
    'TLS failed; does this host speak https?',
  ],
  [
    /Failed to connect|Connection dropped|Protocol error|ECONNRESET|socket hang up/,
    'the connection was broken off; is this etcd, and does the URL rightly say http or https?',
  ],
];

/**
 * The words for `thrown`: refused, no answer, denied, certificate, and where none of these fits what etcd
 * or we said, without gRPC's wrapping. One line, fit for a log; equal failures give equal words.
 */
export function etcdReason(thrown: unknown): string {
  const message = messageOf(thrown);
  const text = message.replace(GRPC_CODE, '').replace(GRPC_TAIL, '').replace(LAST_ERROR, '$1').trim();
  for (const [pattern, words] of READINGS) {
    const found = pattern.exec(text);
    if (found !== null)
      return sanitize(
        words.replace('$1', () => found[1] ?? ''),
        REASON_SHOWN,
      );
  }
  return sanitize(text, REASON_SHOWN);
}

/**
 * `thrown` as an error for people. `asked` follows "asking etcd at … ", such as "to log in". A fault of
 * the configuration stays what it is.
 */
export function etcdError(hosts: readonly string[], asked: string, thrown: unknown): Error {
  if (thrown instanceof UsageError) return thrown;
  const places = hosts.map((host) => new URL(host).origin).join(', ');
  return new Error(`asking etcd at ${places} ${asked} failed: ${etcdReason(thrown)}`, { cause: thrown });
}

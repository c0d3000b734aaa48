/**
 * Authentication where only one side of the proxy has TLS. Most methods prove a password without showing it
 * and never ask whether the connection is secure: they go through. Some behave by what they see of their own
 * connection, and the two ends then see different things; and some show the password, which a client does
 * on a TLS connection and the other side would have in plain.
 * MySQL manual: "Caching SHA-2 Pluggable Authentication", "SHA-256 Pluggable Authentication", "Client-Side
 * Cleartext Pluggable Authentication"; MariaDB knowledge base: "Connection", "Authentication Plugin - PAM".
 */
import { CAPABILITY } from './capabilities.ts';
import { PayloadCursor } from './lenenc.ts';

/** `client_tls`: the client's side has TLS and the old server's has not; `old_tls`: the other way round. */
export type MixedLegs = 'client_tls' | 'old_tls';

/** The name of the method that can't go on; null: it may. */
export type Objection = string | null;

const NATIVE = 'mysql_native_password';
const OLD_PASSWORD = 'mysql_old_password';
const CACHING_SHA2 = 'caching_sha2_password';
const SHA256 = 'sha256_password';

/** Methods whose packets are no use to who overhears them. A method that is not listed is taken to show the password. */
const SHOWS_NOTHING: ReadonlySet<string> = new Set([
  NATIVE,
  OLD_PASSWORD,
  'client_ed25519',
  'parsec',
  // Up to its full exchange, which is stopped where the server asks for it.
  CACHING_SHA2,
  'auth_gssapi_client',
  'authentication_kerberos_client',
  'authentication_ldap_sasl_client',
  'authentication_fido_client',
  'authentication_webauthn_client',
]);

const SWITCH = 0xfe;
const MORE_DATA = 0x01;
const NEXT_FACTOR = 0x02;
const FULL_EXCHANGE = 0x04;

/** Follows one authentication: a login's, or that of a COM_CHANGE_USER. */
export class MixedAuthentication {
  readonly #legs: MixedLegs;
  readonly #capabilities: number;
  #plugin: string;

  /** `plugin` is what the client names in its first packet; `capabilities` what both sides agreed on (the base ones). */
  constructor(legs: MixedLegs, capabilities: number, plugin: string | null) {
    this.#legs = legs;
    this.#capabilities = capabilities;
    this.#plugin = plugin ?? NATIVE;
  }

  /** The client's answer, before it goes on: the one in its first packet, or a packet of its own. */
  fromClient(answer: Buffer): Objection {
    // No password: nothing to show, and no key is asked for.
    if (answer.length === 0 || (answer.length === 1 && answer[0] === 0)) return null;
    if (this.#legs === 'old_tls') return this.#plugin === SHA256 ? SHA256 : null;
    return SHOWS_NOTHING.has(this.#plugin) ? null : this.#plugin;
  }

  /** A packet of the server, before it goes on. */
  fromServer(payload: Buffer): Objection {
    switch (payload[0]) {
      case SWITCH:
        this.#plugin = payload.length === 1 ? OLD_PASSWORD : nameIn(payload);
        // The client would ask for a key next, and clients take whatever comes then for one.
        return this.#legs === 'old_tls' && this.#plugin === SHA256 ? SHA256 : null;
      case MORE_DATA:
        return this.#plugin === CACHING_SHA2 && payload[1] === FULL_EXCHANGE ? CACHING_SHA2 : null;
      case NEXT_FACTOR:
        // Without the capability it is a question of a method whose questions have no mark of their own.
        if ((this.#capabilities & CAPABILITY.MULTI_FACTOR_AUTHENTICATION) !== 0)
          this.#plugin = nameIn(payload);
        return null;
      default:
        return null;
    }
  }
}

/** The plugin's name, which stands behind the first byte; some servers leave out its NUL. */
function nameIn(payload: Buffer): string {
  const cursor = new PayloadCursor(payload, 1, payload.length);
  const name = cursor.nulBytes();
  return (cursor.failed ? payload.subarray(1) : name).toString('latin1');
}

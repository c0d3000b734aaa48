/**
 * The client's answer to the greeting. MySQL manual: "Protocol::HandshakeResponse41", "Protocol::SSLRequest".
 * Only what the session needs later is read; the bytes go on as they came.
 */
import { CAPABILITY, type Capabilities } from './capabilities.ts';
import { PayloadCursor } from './lenenc.ts';

export interface HandshakeResponse {
  readonly capabilities: Capabilities;
  /** The collation id of the client's character set. */
  readonly collation: number;
  readonly database: string | null;
  /** The first bytes of the authentication, as the client's plugin made them. */
  readonly answer: Buffer;
  /** The client's plugin; null where it names none. */
  readonly plugin: string | null;
  /** The client asks for TLS: what follows is a TLS handshake, and the whole answer comes once more behind it. */
  readonly wantsTls: boolean;
}

const FIXED_PART = 32;
const NOTHING = Buffer.alloc(0);

/** Null for what is no answer of protocol 4.1. */
export function readHandshakeResponse(payload: Buffer): HandshakeResponse | null {
  if (payload.length < FIXED_PART) return null;
  const base = payload.readUInt32LE(0);
  if ((base & CAPABILITY.PROTOCOL_41) === 0) return null;
  const capabilities = {
    base,
    mariadb: (base & CAPABILITY.LONG_PASSWORD) === 0 ? payload.readUInt32LE(28) : 0,
  };
  const collation = payload.readUInt8(8);
  if (payload.length === FIXED_PART && (base & CAPABILITY.SSL) !== 0) {
    return { capabilities, collation, database: null, answer: NOTHING, plugin: null, wantsTls: true };
  }
  const cursor = new PayloadCursor(payload, FIXED_PART, payload.length);
  cursor.nulBytes(); // user name
  const answer = readAnswer(cursor, base);
  const database = (base & CAPABILITY.CONNECT_WITH_DB) !== 0 ? readName(cursor) : null;
  const plugin = (base & CAPABILITY.PLUGIN_AUTH) !== 0 ? readName(cursor) : null;
  return cursor.failed ? null : { capabilities, collation, database, answer, plugin, wantsTls: false };
}

function readAnswer(cursor: PayloadCursor, base: number): Buffer {
  if ((base & CAPABILITY.PLUGIN_AUTH_LENENC_DATA) !== 0) return cursor.lenencBytes();
  if ((base & CAPABILITY.SECURE_CONNECTION) !== 0) return cursor.view(cursor.integer(1));
  return cursor.nulBytes();
}

/** Some old clients leave out the NUL of the last field, and servers take that. */
function readName(cursor: PayloadCursor): string | null {
  if (cursor.at >= cursor.end) return null;
  const nul = cursor.bytes.indexOf(0, cursor.at);
  const stop = nul < 0 ? cursor.end : nul;
  const name = cursor.bytes.toString('utf8', cursor.at, stop);
  cursor.at = Math.min(stop + 1, cursor.end);
  return name === '' ? null : name;
}

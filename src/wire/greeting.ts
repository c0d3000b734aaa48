/**
 * The server's first packet. MySQL manual: "Protocol::HandshakeV10"; MariaDB knowledge base: "Connection".
 *
 * After the protocol version: a NUL-terminated server version, connection id (4), 8 bytes of scramble, a
 * filler, the lower capabilities (2), character set (1), status flags (2), the upper capabilities (2), the
 * scramble's length (1), 10 reserved bytes of which MariaDB puts its own capabilities into the last four.
 */
import { CAPABILITY, type Capabilities, offered } from './capabilities.ts';

export interface Greeting {
  readonly serverVersion: string;
  readonly connectionId: number;
  readonly capabilities: Capabilities;
  readonly statusFlags: number;
  readonly isMariadb: boolean;
  /** The server itself has TLS, whatever the client is told. */
  readonly serverHasTls: boolean;
}

const PROTOCOL_10 = 10;

/**
 * Reads the greeting's payload and clears, in place, the bits that the relay can't follow; the length stays.
 * With `offerTls` the client is offered TLS, whether the server has it or not. Answers null for what is no
 * protocol-10 greeting (an ERR packet, an older protocol, garbage). The capabilities answered are those that
 * are left of the server's.
 */
export function readAndMaskGreeting(payload: Buffer, offerTls = false): Greeting | null {
  if (payload[0] !== PROTOCOL_10) return null;
  const versionEnd = payload.indexOf(0, 1);
  if (versionEnd < 0) return null;
  const lowerAt = versionEnd + 1 + 4 + 8 + 1;
  if (payload.length < lowerAt + 2) return null;

  const lower = payload.readUInt16LE(lowerAt);
  const upperAt = lowerAt + 5;
  const hasUpper = payload.length >= upperAt + 2;
  const upper = hasUpper ? payload.readUInt16LE(upperAt) : 0;
  const mariadbAt = upperAt + 2 + 1 + 6;
  const isMariadb = hasUpper && (lower & CAPABILITY.LONG_PASSWORD) === 0 && payload.length >= mariadbAt + 4;

  const kept = offered({
    base: (lower | (upper << 16)) >>> 0,
    mariadb: isMariadb ? payload.readUInt32LE(mariadbAt) : 0,
  });
  payload.writeUInt16LE((kept.base | (offerTls ? CAPABILITY.SSL : 0)) & 0xffff, lowerAt);
  if (hasUpper) payload.writeUInt16LE(kept.base >>> 16, upperAt);
  if (isMariadb) payload.writeUInt32LE(kept.mariadb, mariadbAt);

  return {
    serverVersion: payload.toString('latin1', 1, versionEnd),
    connectionId: payload.readUInt32LE(versionEnd + 1),
    capabilities: kept,
    statusFlags: payload.length >= lowerAt + 5 ? payload.readUInt16LE(lowerAt + 3) : 0,
    isMariadb,
    serverHasTls: (lower & CAPABILITY.SSL) !== 0,
  };
}

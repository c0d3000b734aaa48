/** Packets that the proxy makes itself: refusals, and commands for the lanes. */
import type { ClientError } from '../base/errors.ts';
import { HEADER_LENGTH, MAX_PAYLOAD } from './protocol.ts';

/**
 * An ERR packet with its header. Before the capabilities are agreed the SQLSTATE is left out, as servers
 * do: a client of that moment would show it as part of the message. MySQL manual: "ERR_Packet".
 */
export function errorPacket(
  error: Pick<ClientError, 'errno' | 'sqlState'>,
  message: string,
  sequence: number,
  withSqlState: boolean,
): Buffer {
  const text = withSqlState ? `#${error.sqlState}${message}` : message;
  const packet = Buffer.alloc(HEADER_LENGTH + 3 + Buffer.byteLength(text));
  packet.writeUIntLE(packet.length - HEADER_LENGTH, 0, 3);
  packet[3] = sequence & 0xff;
  packet[4] = 0xff;
  packet.writeUInt16LE(error.errno, 5);
  packet.write(text, 7);
  return packet;
}

/** The fixed part of an answer to the greeting: capabilities, packet size, character set, reserved bytes. */
const RESPONSE_FIXED = 32;

/**
 * The packet that asks a server for TLS: the beginning of the answer to its greeting, which has the TLS bit
 * set. It has number 1, as the answer would have without TLS. MySQL manual: "Protocol::SSLRequest".
 */
export function tlsRequest(response: Buffer): Buffer {
  const packet = Buffer.allocUnsafe(HEADER_LENGTH + RESPONSE_FIXED);
  packet.writeUIntLE(RESPONSE_FIXED, 0, 3);
  packet[3] = 1;
  response.copy(packet, HEADER_LENGTH, 0, RESPONSE_FIXED);
  return packet;
}

/** A command in as many packets as its length needs, header by header; the payload is not copied. */
export function framed(payload: Buffer): Buffer[] {
  const pieces: Buffer[] = [];
  let sequence = 0;
  let at = 0;
  for (;;) {
    const length = Math.min(payload.length - at, MAX_PAYLOAD);
    const header = Buffer.allocUnsafe(HEADER_LENGTH);
    header.writeUIntLE(length, 0, 3);
    header[3] = sequence++ & 0xff;
    pieces.push(header, payload.subarray(at, at + length));
    at += length;
    if (length < MAX_PAYLOAD) return pieces;
  }
}

/** The payload of a command: its byte, then its body. */
export function commandPayload(type: number, body: string | Buffer): Buffer {
  return Buffer.concat([Buffer.of(type), typeof body === 'string' ? Buffer.from(body) : body]);
}

/** A command of one byte and a text. */
export function commandPacket(type: number, text: string | Buffer): Buffer {
  const body = typeof text === 'string' ? Buffer.from(text) : text;
  const packet = Buffer.allocUnsafe(HEADER_LENGTH + 1 + body.length);
  packet.writeUIntLE(1 + body.length, 0, 3);
  packet[3] = 0;
  packet[4] = type;
  body.copy(packet, 5);
  return packet;
}

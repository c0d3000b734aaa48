/**
 * The login of the recording client, written apart from src/wire: greeting, answer, mysql_native_password, and
 * of caching_sha2_password what the server's cache is asked with.
 */
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { lenencText, packets } from './packet-writer.ts';
import type { ReceivedBytes } from './received-bytes.ts';
import { CLIENT, parseError } from './reply-reader.ts';

const NATIVE = 'mysql_native_password';
const CHANGE_USER = 0x11;
const AUTH_MORE_DATA = 0x01;
const FAST_AUTH_SUCCESS = 0x03;
/** The longest payload of one packet, in bytes. */
export const PAYLOAD_MAX = 0xff_ff_ff;
const UTF8MB4_GENERAL_CI = 45;
const TLS = 1n << 11n;
const DEFAULT_CAPABILITIES =
  CLIENT.LONG_PASSWORD |
  CLIENT.LONG_FLAG |
  CLIENT.LOCAL_FILES |
  CLIENT.PROTOCOL_41 |
  CLIENT.TRANSACTIONS |
  CLIENT.SECURE_CONNECTION |
  CLIENT.MULTI_STATEMENTS |
  CLIENT.MULTI_RESULTS |
  CLIENT.PS_MULTI_RESULTS |
  CLIENT.PLUGIN_AUTH;

export interface RawOptions {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password?: string;
  readonly database?: string;
  /** Asked for beside the default ones, as far as the server has them; MariaDB's extended ones from bit 32 on. */
  readonly capabilities?: bigint;
  /** Taken from the default ones. */
  readonly without?: bigint;
  /** A collation id; utf8mb4_general_ci where left out. */
  readonly charset?: number;
  readonly attributes?: Readonly<Record<string, string>>;
  readonly timeoutMs?: number;
  /** Path of the authority (PEM) that signed the server's certificate: the session is encrypted. */
  readonly tlsCa?: string;
}

export interface Hello {
  readonly connectionId: number;
  readonly capabilities: bigint;
  readonly scramble: Buffer;
  /** The plugin that the server would like best; mysql_native_password where it names none that we speak. */
  readonly plugin: string;
}

/** https://mariadb.com/kb/en/connection/#initial-handshake-packet */
export function parseGreeting(payload: Buffer): Hello {
  const versionEnd = payload.indexOf(0, 1);
  let at = versionEnd + 1;
  const connectionId = payload.readUInt32LE(at);
  const scrambleStart = payload.subarray(at + 4, at + 12);
  at += 13;
  const low = BigInt(payload.readUInt16LE(at));
  const high = BigInt(payload.readUInt16LE(at + 5));
  const scrambleLength = Math.max(12, payload.readUInt8(at + 7) - 9);
  // MariaDB leaves the first bit (LONG_PASSWORD) out to say that four bytes of its own capabilities stand here.
  const own = (low & CLIENT.LONG_PASSWORD) === 0n ? BigInt(payload.readUInt32LE(at + 14)) : 0n;
  const scrambleEnd = payload.subarray(at + 18, at + 18 + scrambleLength);
  const named = payload.toString('latin1', at + 18 + scrambleLength + 1, payload.length - 1);
  return {
    connectionId,
    capabilities: low | (high << 16n) | (own << 32n),
    scramble: Buffer.concat([scrambleStart, scrambleEnd]),
    plugin: named in ANSWERS ? named : NATIVE,
  };
}

export function negotiate(options: RawOptions, server: bigint): bigint {
  let wanted = (DEFAULT_CAPABILITIES | (options.capabilities ?? 0n)) & ~(options.without ?? 0n);
  if (options.database !== undefined) wanted |= CLIENT.CONNECT_WITH_DB;
  if (options.attributes !== undefined) wanted |= CLIENT.CONNECT_ATTRS;
  if (options.tlsCa !== undefined) wanted |= TLS;
  return wanted & server;
}

/** https://mariadb.com/kb/en/connection/#client-handshake-response */
export function loginPacket(options: RawOptions, hello: Hello, capabilities: bigint): Buffer {
  const fixed = Buffer.alloc(32);
  fixed.writeUInt32LE(Number(capabilities & 0xffff_ffffn), 0);
  fixed.writeUInt32LE(1 << 30, 4);
  fixed.writeUInt8((options.charset ?? UTF8MB4_GENERAL_CI) & 0xff, 8);
  fixed.writeUInt32LE(Number(capabilities >> 32n), 28);
  const token = (ANSWERS[hello.plugin] ?? nativePassword)(options.password ?? '', hello.scramble);
  const parts = [fixed, zeroEnded(options.user), Buffer.of(token.length), token];
  if ((capabilities & CLIENT.CONNECT_WITH_DB) !== 0n) parts.push(zeroEnded(options.database ?? ''));
  if ((capabilities & CLIENT.PLUGIN_AUTH) !== 0n) parts.push(zeroEnded(hello.plugin));
  if ((capabilities & CLIENT.CONNECT_ATTRS) !== 0n) parts.push(attributeBlock(options.attributes ?? {}));
  return Buffer.concat(parts);
}

/** Asks for TLS by the beginning of the answer to the greeting, and waits until it is there. */
export async function beginTls(
  socket: Socket,
  bytes: ReceivedBytes,
  answer: Buffer,
  tlsCa: string,
): Promise<Socket> {
  sendPacket(socket, answer.subarray(0, 32), 1);
  const secure = connectTls({ socket, ca: readFileSync(tlsCa), servername: 'localhost' });
  bytes.moveTo(secure, socket);
  secure.on('end', () => secure.end());
  await once(secure, 'secureConnect');
  return secure;
}

export function changeUserPacket(
  login: { readonly user: string; readonly password: string; readonly database: string },
  scramble: Buffer,
  capabilities: bigint,
): Buffer {
  const token = nativePassword(login.password, scramble);
  return Buffer.concat([
    ...[Buffer.of(CHANGE_USER), zeroEnded(login.user), Buffer.of(token.length), token],
    ...[zeroEnded(login.database), Buffer.of(UTF8MB4_GENERAL_CI, 0), zeroEnded('mysql_native_password')],
    ...((capabilities & CLIENT.CONNECT_ATTRS) === 0n ? [] : [attributeBlock({})]),
  ]);
}

export class LoginError extends Error {
  readonly packet: Buffer;
  constructor(packet: Buffer, message: string) {
    super(message);
    this.packet = packet;
  }
}

export function loginError(packet: Buffer): LoginError {
  const { errno, sqlState, message } = parseError(packet);
  return new LoginError(packet, `refused: ${errno} (${sqlState}) ${message}`);
}

/** Reads until the OK; answers a switch of plugins. */
export async function finishLogin(socket: Socket, bytes: ReceivedBytes, password: string): Promise<void> {
  for (;;) {
    const { payload, sequence } = await bytes.packet();
    if (payload[0] === 0x00) return;
    if (payload[0] === 0xff) throw loginError(payload);
    if (payload[0] === AUTH_MORE_DATA && payload[1] === FAST_AUTH_SUCCESS) continue;
    const nameEnd = payload.indexOf(0, 1);
    const plugin = payload.toString('latin1', 1, nameEnd);
    const answer = ANSWERS[plugin];
    if (payload[0] !== 0xfe || answer === undefined) {
      throw new Error(`the server asks for ${plugin}, which this client does not speak`);
    }
    sendPacket(socket, answer(password, payload.subarray(nameEnd + 1, nameEnd + 21)), sequence + 1);
  }
}

/** SHA1(password) XOR SHA1(scramble + SHA1(SHA1(password))); nothing for an empty password. */
function nativePassword(password: string, scramble: Buffer): Buffer {
  if (password === '') return Buffer.alloc(0);
  const hashed = sha1(Buffer.from(password));
  const mask = sha1(Buffer.concat([scramble.subarray(0, 20), sha1(hashed)]));
  return Buffer.from(hashed.map((byte, index) => byte ^ (mask[index] ?? 0)));
}

/** SHA256(password) XOR SHA256(SHA256(SHA256(password)) + scramble); nothing for an empty password. */
function cachingSha2Password(password: string, scramble: Buffer): Buffer {
  if (password === '') return Buffer.alloc(0);
  const hashed = sha256(Buffer.from(password));
  const mask = sha256(Buffer.concat([sha256(sha256(hashed)), scramble]));
  return Buffer.from(hashed.map((byte, index) => byte ^ (mask[index] ?? 0)));
}

const ANSWERS: Readonly<Record<string, (password: string, scramble: Buffer) => Buffer>> = {
  mysql_native_password: nativePassword,
  caching_sha2_password: cachingSha2Password,
};

function sha1(data: Buffer): Buffer {
  return createHash('sha1').update(data).digest();
}

function sha256(data: Buffer): Buffer {
  return createHash('sha256').update(data).digest();
}

function zeroEnded(text: string): Buffer {
  return Buffer.from(`${text}\0`);
}

function attributeBlock(attributes: Readonly<Record<string, string>>): Buffer {
  const entries = Object.entries(attributes).flat().map(lenencText);
  return lenencText(Buffer.concat(entries));
}

/** A payload of 0xffffff bytes or more goes as several packets; the last is shorter, or empty. */
export function sendPacket(socket: Socket, payload: Buffer, sequence: number): void {
  socket.write(packets(payload, sequence));
}

/** Packets of a client as mysql2 writes them: payloads, without headers. Loaded by path: none is exported. */
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

interface Written {
  buffer: Buffer;
  offset: number;
}
interface Writer {
  toPacket(): Written;
}

const require = createRequire(import.meta.url);
const PACKETS = join(dirname(require.resolve('mysql2/package.json')), 'lib', 'packets');
const Query: new (
  sql: string,
  charset: number,
  attributes: object | undefined,
  flags: number,
) => Writer = require(join(PACKETS, 'query.js'));
const Execute: new (
  id: number,
  parameters: readonly unknown[],
  charset: number,
  timezone: string,
  attributes: object | undefined,
  flags: number,
  jsonAsString: boolean,
) => Writer = require(join(PACKETS, 'execute.js'));
const ChangeUser: new (options: object) => Writer = require(join(PACKETS, 'change_user.js'));
const HandshakeResponse: new (options: object) => Writer = require(join(PACKETS, 'handshake_response.js'));
const Handshake: new (options: object) => { toPacket(sequence: number): Written } = require(
  join(PACKETS, 'handshake.js'),
);

const UTF8MB4 = 45;
const QUERY_ATTRIBUTES = 0x800_0000;

/** With attributes, even none, as a client that agreed on them; null: as one that did not. */
export type Attributes = Readonly<Record<string, unknown>> | null;

export function writeQuery(sql: string, attributes: Attributes): Buffer {
  return payloadOf(
    new Query(sql, UTF8MB4, attributes ?? undefined, attributes === null ? 0 : QUERY_ATTRIBUTES).toPacket(),
  );
}

export function writeExecute(id: number, parameters: readonly unknown[], attributes: Attributes): Buffer {
  const flags = attributes === null ? 0 : QUERY_ATTRIBUTES;
  return payloadOf(
    new Execute(id, parameters, UTF8MB4, 'Z', attributes ?? undefined, flags, false).toPacket(),
  );
}

export interface LoginFields {
  readonly flags: number;
  readonly user: string;
  readonly password: string;
  readonly database: string;
  readonly charsetNumber: number;
  readonly attributes?: Readonly<Record<string, string>>;
  readonly mariadbExtendedClientFlags?: number;
}

const SCRAMBLE = { authPluginData1: Buffer.alloc(8, 0x31), authPluginData2: Buffer.alloc(12, 0x32) };

export function writeChangeUser(fields: LoginFields): Buffer {
  const { attributes, ...rest } = fields;
  return payloadOf(new ChangeUser({ ...rest, ...SCRAMBLE, connectAttributes: attributes }).toPacket());
}

export function writeResponse(fields: LoginFields): Buffer {
  const { attributes, ...rest } = fields;
  return payloadOf(new HandshakeResponse({ ...rest, ...SCRAMBLE, connectAttributes: attributes }).toPacket());
}

export function writeGreeting(fields: {
  readonly serverVersion: string;
  readonly capabilityFlags: number;
  readonly connectionId: number;
  readonly statusFlags: number;
}): Buffer {
  const greeting = new Handshake({ protocolVersion: 10, characterSet: 8, ...SCRAMBLE, ...fields });
  return payloadOf(greeting.toPacket(0));
}

function payloadOf({ buffer, offset }: Written): Buffer {
  return Buffer.from(buffer.subarray(4, Math.max(offset, 4)));
}

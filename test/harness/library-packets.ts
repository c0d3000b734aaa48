/**
 * Single packets as two independent libraries read them: mysql2 and @vlasky/mysql. Where both know a packet
 * they must agree. Neither exports its packets, so they are loaded by path.
 */
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';

interface VlaskyParser {
  write(bytes: Buffer): void;
  parseLengthCodedBuffer(): Buffer | null;
  reachedPacketEnd(): boolean;
}
interface VlaskyPacket {
  parse(parser: VlaskyParser): void;
}
type VlaskyPacketClass = new (options: object) => VlaskyPacket;
interface Mysql2Packet {
  offset: number;
  end: number;
  buffer: Buffer;
  eofStatusFlags(): number;
  eofWarningCount(): number;
  asError(encoding: string): { errno: number; sqlState: string; message: string };
  sequenceId: number;
}

const require = createRequire(import.meta.url);
const MYSQL2 = join(dirname(require.resolve('mysql2/package.json')), 'lib');
const VLASKY = join(dirname(require.resolve('@vlasky/mysql/package.json')), 'lib', 'protocol');

const PacketOfMysql2: new (id: number, buffer: Buffer, start: number, end: number) => Mysql2Packet = require(
  join(MYSQL2, 'packets', 'packet.js'),
);
const PacketParser: new (
  onPacket: (packet: Mysql2Packet) => void,
) => { execute(chunk: Buffer): void } = require(join(MYSQL2, 'packet_parser.js'));
const ResultSetHeader: new (packet: Mysql2Packet, connection: object) => Mysql2Header = require(
  join(MYSQL2, 'packets', 'resultset_header.js'),
);
const PreparedHeader: new (
  packet: Mysql2Packet,
) => {
  id: number;
  fieldCount: number;
  parameterCount: number;
} = require(join(MYSQL2, 'packets', 'prepared_statement_header.js'));
const ColumnDefinition: new (packet: Mysql2Packet, encoding: string, extended: boolean) => { name: string } =
  require(join(MYSQL2, 'packets', 'column_definition.js'));
const Handshake: { fromPacket(packet: Mysql2Packet): LibraryGreeting } = require(
  join(MYSQL2, 'packets', 'handshake.js'),
);
const HandshakeResponse: {
  fromPacket(packet: Mysql2Packet): { clientFlags: number; charsetNumber: number; database?: string };
} = require(join(MYSQL2, 'packets', 'handshake_response.js'));
const Parser: new (options: { onPacket(this: VlaskyParser): void }) => VlaskyParser = require(
  join(VLASKY, 'Parser.js'),
);
const VLASKY_PACKETS: Readonly<Record<string, VlaskyPacketClass>> = require(join(VLASKY, 'packets'));

interface Mysql2Header {
  fieldCount: number | null;
  affectedRows: number;
  insertId: number;
  serverStatus: number;
  warningStatus: number;
}

export interface LibraryGreeting {
  readonly protocolVersion: number;
  readonly serverVersion: string;
  readonly connectionId: number;
  readonly capabilityFlags: number;
  readonly mariadbExtendedCapabilityFlags: number;
  readonly statusFlags: number;
}

export interface LibraryOk {
  readonly affectedRows: number;
  readonly insertId: number;
  readonly status: number;
  readonly warnings: number;
}

export interface FoundPacket {
  readonly sequence: number;
  readonly payload: Buffer;
}

/** The packets of a stream, full ones put together with those that continue them; throws on a rest. */
export function splitPackets(bytes: Buffer): FoundPacket[] {
  const found: FoundPacket[] = [];
  let length = 0;
  const parser = new PacketParser((packet) => {
    const payload = Buffer.from(packet.buffer.subarray(packet.offset, packet.end));
    found.push({ sequence: packet.sequenceId, payload });
    length += payload.length + 4 * (Math.floor(payload.length / 0xff_ffff) + 1);
  });
  if (bytes.length > 0) parser.execute(bytes);
  if (length !== bytes.length) throw new Error(`${bytes.length - length} bytes stand behind the last packet`);
  return found;
}

export function readOkPacket(payload: Buffer): LibraryOk {
  // mysql2 takes for an OK what begins with 0; one that ends rows begins with 0xfe.
  const asOk = Buffer.concat([Buffer.of(0), payload.subarray(1)]);
  const theirs = new ResultSetHeader(inMysql2(asOk), {
    config: {},
    serverEncoding: 'utf8',
    _handshakePacket: { capabilityFlags: 0x200 },
  });
  return agreed(
    {
      affectedRows: theirs.affectedRows,
      insertId: theirs.insertId,
      status: theirs.serverStatus,
      warnings: theirs.warningStatus,
    },
    vlasky('OkPacket', payload, (packet: Record<string, number>) => ({
      affectedRows: packet.affectedRows,
      insertId: packet.insertId,
      status: packet.serverStatus,
      warnings: packet.warningCount,
    })),
  );
}

export function readEofPacket(payload: Buffer): { status: number; warnings: number } {
  const packet = inMysql2(payload);
  return agreed(
    { status: packet.eofStatusFlags() & 0xffff, warnings: packet.eofWarningCount() & 0xffff },
    vlasky('EofPacket', payload, (theirs: Record<string, number>) => ({
      status: theirs.serverStatus,
      warnings: theirs.warningCount,
    })),
  );
}

export function readErrorPacket(payload: Buffer): { errno: number; sqlState: string; message: string } {
  const packet = inMysql2(payload);
  const theirs = packet.asError('utf8');
  return agreed(
    { errno: theirs.errno, sqlState: theirs.sqlState ?? '', message: theirs.message },
    vlasky('ErrorPacket', payload, (error: Record<string, string | number>) => ({
      errno: error.errno,
      sqlState: error.sqlState ?? '',
      message: error.message,
    })),
  );
}

export function readColumnCount(payload: Buffer): number {
  const header = new ResultSetHeader(inMysql2(payload), {
    config: {},
    serverEncoding: 'utf8',
    _handshakePacket: { capabilityFlags: 0x200 },
  });
  return agreed(
    { count: header.fieldCount },
    vlasky('ResultSetHeaderPacket', payload, (packet: Record<string, number>) => ({
      count: packet.fieldCount,
    })),
  ).count as number;
}

export function readPreparedHeader(payload: Buffer): { id: number; columns: number; parameters: number } {
  const { id, fieldCount, parameterCount } = new PreparedHeader(inMysql2(payload));
  return { id: id >>> 0, columns: fieldCount, parameters: parameterCount };
}

/** The column's name; `extended` is MariaDB's extended metadata, which @vlasky/mysql does not know. */
export function readColumnName(payload: Buffer, extended: boolean): string {
  const { name } = new ColumnDefinition(inMysql2(payload), 'utf8', extended);
  if (extended) return name;
  return agreed(
    { name },
    vlasky('FieldPacket', payload, (packet: Record<string, string>) => ({ name: packet.name })),
  ).name;
}

/** A text row's values, or null where the payload does not hold exactly `columns` of them. */
export function readTextRow(payload: Buffer, columns: number): (Buffer | null)[] | null {
  let values: (Buffer | null)[] | null = null;
  onVlaskyParser(payload, (parser) => {
    const read = Array.from({ length: columns }, () => parser.parseLengthCodedBuffer());
    if (parser.reachedPacketEnd()) values = read;
  });
  return values;
}

export function readGreetingPacket(payload: Buffer): LibraryGreeting {
  const greeting = Handshake.fromPacket(inMysql2(payload));
  agreed(
    { version: greeting.serverVersion, id: greeting.connectionId },
    vlasky('HandshakeInitializationPacket', payload, (packet: Record<string, string | number>) => ({
      version: packet.serverVersion,
      id: packet.threadId,
    })),
  );
  return greeting;
}

export function readResponsePacket(payload: Buffer): {
  clientFlags: number;
  charsetNumber: number;
  database: string | null;
} {
  const { clientFlags, charsetNumber, database } = HandshakeResponse.fromPacket(inMysql2(payload));
  const read = { clientFlags: clientFlags >>> 0, charsetNumber };
  agreed(
    read,
    vlasky('ClientAuthenticationPacket', payload, (packet: Record<string, number>) => ({
      clientFlags: packet.clientFlags,
      charsetNumber: packet.charsetNumber,
    })),
  );
  return { ...read, database: database ?? null };
}

function inMysql2(payload: Buffer): Mysql2Packet {
  const packet = new PacketOfMysql2(0, Buffer.concat([Buffer.alloc(4), payload]), 0, payload.length + 4);
  packet.offset = 4;
  return packet;
}

function onVlaskyParser(payload: Buffer, read: (parser: VlaskyParser) => void): void {
  const header = Buffer.alloc(4);
  header.writeUIntLE(payload.length, 0, 3);
  const parser = new Parser({
    onPacket() {
      read(this);
    },
  });
  parser.write(Buffer.concat([header, payload]));
}

function vlasky<Fields, Read>(name: string, payload: Buffer, pick: (packet: Fields) => Read): Read {
  const Packet = VLASKY_PACKETS[name];
  if (Packet === undefined) throw new Error(`@vlasky/mysql has no ${name}`);
  const packet = new Packet({ protocol41: true });
  let parsed = false;
  onVlaskyParser(payload, (parser) => {
    packet.parse(parser);
    parsed = true;
  });
  if (!parsed) throw new Error(`@vlasky/mysql found no whole packet in ${payload.toString('hex')}`);
  return pick(packet as unknown as Fields);
}

function agreed<T>(mine: T, theirs: unknown): T {
  if (!isDeepStrictEqual(mine, theirs)) {
    throw new Error(`mysql2 reads ${JSON.stringify(mine)}, @vlasky/mysql reads ${JSON.stringify(theirs)}`);
  }
  return mine;
}

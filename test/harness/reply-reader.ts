/**
 * Reads a MySQL reply to its end. Written apart from src/wire, simple and slow, so that each can show the
 * other's mistakes. Source: the "Client/Server Protocol" pages of MariaDB's and MySQL's manuals.
 */
import type { RawPacket } from './received-bytes.ts';

export const CLIENT = {
  LONG_PASSWORD: 1n << 0n,
  FOUND_ROWS: 1n << 1n,
  LONG_FLAG: 1n << 2n,
  CONNECT_WITH_DB: 1n << 3n,
  LOCAL_FILES: 1n << 7n,
  PROTOCOL_41: 1n << 9n,
  TRANSACTIONS: 1n << 13n,
  SECURE_CONNECTION: 1n << 15n,
  MULTI_STATEMENTS: 1n << 16n,
  MULTI_RESULTS: 1n << 17n,
  PS_MULTI_RESULTS: 1n << 18n,
  PLUGIN_AUTH: 1n << 19n,
  CONNECT_ATTRS: 1n << 20n,
  PLUGIN_AUTH_LENENC: 1n << 21n,
  SESSION_TRACK: 1n << 23n,
  DEPRECATE_EOF: 1n << 24n,
  OPTIONAL_RESULTSET_METADATA: 1n << 25n,
  QUERY_ATTRIBUTES: 1n << 27n,
  MARIADB_PROGRESS: 1n << 32n,
  MARIADB_STMT_BULK: 1n << 34n,
  MARIADB_EXTENDED_METADATA: 1n << 35n,
  MARIADB_CACHE_METADATA: 1n << 36n,
} as const;

const MORE_RESULTS = 0x0008;
const CURSOR_EXISTS = 0x0040;
const PACKET_FULL = 0xff_ff_ff;
const PROGRESS_ERRNO = 0xffff;

/** What kind of reply a command has. */
export type ReplyKind =
  /** One OK, EOF or ERR. */
  | 'ok'
  /** COM_QUERY, COM_STMT_EXECUTE, COM_PROCESS_INFO: any number of results. */
  | 'query'
  | 'prepare'
  /** COM_STMT_FETCH: rows without columns. */
  | 'fetch'
  /** COM_FIELD_LIST: columns without rows. */
  | 'fields'
  /** COM_STATISTICS: one packet of text. */
  | 'text';

export interface ErrorPacket {
  readonly errno: number;
  readonly sqlState: string;
  readonly message: string;
}

/** One result of a reply: an OK, or a set of rows. */
export interface RawResult {
  readonly columns: number;
  /** Row payloads, undecoded. */
  readonly rows: readonly Buffer[];
  readonly affectedRows: bigint;
  readonly insertId: bigint;
  readonly warnings: number;
  /** Server status flags of the packet that ended the result. */
  readonly status: number;
}

export interface ReplyFacts {
  readonly results: readonly RawResult[];
  readonly error: ErrorPacket | null;
  /** Of a prepare. */
  readonly statement: { readonly id: number; readonly columns: number; readonly parameters: number } | null;
  /** The text of a 'text' reply. */
  readonly text: string | null;
}

/** Where packets come from, and where a LOCAL INFILE request is answered. */
export interface ReplySource {
  packet(): Promise<RawPacket>;
  /** Called with the file's name and the number of the packet that asked for it; sends the file. */
  sendFile(name: string, sequence: number): void;
}

/** Reads one reply of `kind` as a client with `capabilities` (the negotiated ones) sees it. */
export async function readReply(
  source: ReplySource,
  kind: ReplyKind,
  capabilities: bigint,
): Promise<ReplyFacts> {
  const reader = new Reader(source, capabilities);
  try {
    return await reader.read(kind);
  } catch (error) {
    if (error instanceof ServerError) {
      return { results: reader.results, error: error.packet, statement: null, text: null };
    }
    throw error;
  }
}

class ServerError extends Error {
  readonly packet: ErrorPacket;
  constructor(packet: ErrorPacket) {
    super(packet.message);
    this.packet = packet;
  }
}

class Reader {
  readonly results: RawResult[] = [];
  readonly #source: ReplySource;
  readonly #capabilities: bigint;

  constructor(source: ReplySource, capabilities: bigint) {
    this.#source = source;
    this.#capabilities = capabilities;
  }

  async read(kind: ReplyKind): Promise<ReplyFacts> {
    const facts = { results: this.results, error: null, statement: null, text: null };
    if (kind === 'text') return { ...facts, text: (await this.#next()).payload.toString('utf8') };
    if (kind === 'prepare') return { ...facts, statement: await this.#prepared() };
    if (kind === 'ok') this.results.push(this.#ended([], 0, (await this.#next()).payload));
    else if (kind === 'query') await this.#allResults();
    else this.results.push(await this.#rows(0));
    return facts;
  }

  async #allResults(): Promise<void> {
    do this.results.push(await this.#oneResult());
    while (((this.results.at(-1)?.status ?? 0) & MORE_RESULTS) !== 0);
  }

  async #oneResult(): Promise<RawResult> {
    const { payload, sequence } = await this.#next();
    if (payload[0] === 0x00) return this.#ended([], 0, payload);
    if (payload[0] === 0xfb) {
      this.#source.sendFile(payload.subarray(1).toString('utf8'), sequence);
      return this.#ended([], 0, (await this.#next()).payload);
    }
    const { columns, described } = this.#columnCount(payload);
    if (described) for (let index = 0; index < columns; index += 1) await this.#next();
    if (this.#has('DEPRECATE_EOF')) return this.#rows(columns);
    const afterColumns = this.#ended([], columns, (await this.#next()).payload);
    return (afterColumns.status & CURSOR_EXISTS) !== 0 ? afterColumns : this.#rows(columns);
  }

  /** A byte behind the count tells whether definitions follow: by MySQL's optional metadata, or MariaDB's cache. */
  #columnCount(payload: Buffer): { columns: number; described: boolean } {
    const { value, next } = lengthEncoded(payload, 0);
    const told = this.#has('OPTIONAL_RESULTSET_METADATA') || this.#has('MARIADB_CACHE_METADATA');
    return { columns: Number(value), described: !(told && payload[next] === 0) };
  }

  async #rows(columns: number): Promise<RawResult> {
    const rows: Buffer[] = [];
    for (;;) {
      const { payload } = await this.#next();
      if (this.#endsRows(payload)) return this.#ended(rows, columns, payload);
      rows.push(payload);
    }
  }

  /** A row may begin with 0xfe as well, but is then of 16 MiB and more (or, with old EOFs, 9 bytes and more). */
  #endsRows(payload: Buffer): boolean {
    return payload[0] === 0xfe && payload.length < (this.#has('DEPRECATE_EOF') ? PACKET_FULL : 9);
  }

  async #prepared(): Promise<NonNullable<ReplyFacts['statement']>> {
    const { payload } = await this.#next();
    const id = payload.readUInt32LE(1);
    const columns = payload.readUInt16LE(5);
    const parameters = payload.readUInt16LE(7);
    const described = !this.#has('OPTIONAL_RESULTSET_METADATA') || payload[12] !== 0;
    for (const count of [parameters, columns]) {
      // The old EOF comes also where the definitions before it are left out.
      const end = this.#has('DEPRECATE_EOF') ? 0 : 1;
      const packets = (described ? count : 0) + end;
      for (let left = count === 0 ? 0 : packets; left > 0; left -= 1) await this.#next();
    }
    return { id, columns, parameters };
  }

  #ended(rows: readonly Buffer[], columns: number, payload: Buffer): RawResult {
    if (payload[0] === 0xfe && payload.length < 7) {
      const [warnings, status] =
        payload.length >= 5 ? [payload.readUInt16LE(1), payload.readUInt16LE(3)] : [0, 0];
      return { columns, rows, affectedRows: 0n, insertId: 0n, warnings, status };
    }
    if (payload[0] !== 0x00 && payload[0] !== 0xfe) {
      throw new Error(`neither OK nor EOF: ${payload.subarray(0, 32).toString('hex')}`);
    }
    const affected = lengthEncoded(payload, 1);
    const inserted = lengthEncoded(payload, affected.next);
    const status = payload.readUInt16LE(inserted.next);
    const warnings = payload.readUInt16LE(inserted.next + 2);
    return { columns, rows, affectedRows: affected.value, insertId: inserted.value, warnings, status };
  }

  /** The next payload put together from its packets. Progress reports are passed over; an ERR is thrown. */
  async #next(): Promise<RawPacket> {
    for (;;) {
      const packet = await this.#whole();
      if (packet.payload[0] !== 0xff) return packet;
      if (packet.payload.readUInt16LE(1) !== PROGRESS_ERRNO)
        throw new ServerError(parseError(packet.payload));
    }
  }

  async #whole(): Promise<RawPacket> {
    const first = await this.#source.packet();
    if (first.payload.length < PACKET_FULL) return first;
    const parts = [first.payload];
    let last: RawPacket;
    do {
      last = await this.#source.packet();
      parts.push(last.payload);
    } while (last.payload.length === PACKET_FULL);
    return { sequence: last.sequence, payload: Buffer.concat(parts) };
  }

  #has(name: keyof typeof CLIENT): boolean {
    return (this.#capabilities & CLIENT[name]) !== 0n;
  }
}

export function parseError(payload: Buffer): ErrorPacket {
  const errno = payload.readUInt16LE(1);
  const marked = payload[3] === 0x23;
  return {
    errno,
    sqlState: marked ? payload.toString('latin1', 4, 9) : '',
    message: payload.toString('utf8', marked ? 9 : 3),
  };
}

export function lengthEncoded(bytes: Buffer, at: number): { value: bigint; next: number } {
  const first = bytes.readUInt8(at);
  if (first < 0xfb) return { value: BigInt(first), next: at + 1 };
  if (first === 0xfc) return { value: BigInt(bytes.readUInt16LE(at + 1)), next: at + 3 };
  if (first === 0xfd) return { value: BigInt(bytes.readUIntLE(at + 1, 3)), next: at + 4 };
  if (first === 0xfe) return { value: bytes.readBigUInt64LE(at + 1), next: at + 9 };
  throw new Error(`no length-encoded number begins with 0x${first.toString(16)}`);
}

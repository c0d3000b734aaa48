/**
 * What a recorded session says, as two libraries read its packets; nothing here comes from src/wire. It is
 * for sessions in which the client waits for each reply, and runs once, when fixtures are made.
 */
import {
  type FoundPacket,
  type LibraryOk,
  readColumnCount,
  readColumnName,
  readEofPacket,
  readErrorPacket,
  readGreetingPacket,
  readOkPacket,
  readPreparedHeader,
  readResponsePacket,
  readTextRow,
  splitPackets,
} from './library-packets.ts';
import { COM } from './recorder.ts';
import { CLIENT } from './reply-reader.ts';
import type {
  ExpectedExchange,
  ExpectedLogin,
  ExpectedResult,
  RecordedSession,
  Run,
  Turn,
} from './wire-session.ts';

const MORE_RESULTS = 0x8;
const CURSOR_EXISTS = 0x40;
const PROGRESS_ERRNO = 0xffff;
const PACKET_FULL = 0xff_ffff;
const WITHOUT_REPLY: readonly number[] = [COM.QUIT, COM.STMT_CLOSE, COM.STMT_SEND_LONG_DATA];
const WITH_RESULTS: readonly number[] = [
  COM.QUERY,
  COM.STMT_EXECUTE,
  COM.STMT_BULK_EXECUTE,
  COM.PROCESS_INFO,
];
const NOTHING: ExpectedResult = {
  ok: true,
  errno: 0,
  affectedRows: 0,
  insertId: 0,
  status: 0,
  warnings: 0,
  rows: 0,
  resultSet: false,
};

/** Reads a session of which both sides' bytes are whole. Throws where it makes no sense. */
export function readSession(name: string, runs: readonly Run[]): RecordedSession {
  const loginRuns = runs.slice(0, countLoginRuns(runs));
  const login = { runs: loginRuns, expected: readLogin(loginRuns) };
  const capabilities = BigInt(`0x${login.expected.capabilities}`);
  const turns: Turn[] = [];
  for (let at = loginRuns.length; at < runs.length; ) {
    const reader = new TurnReader(runs, at, capabilities);
    turns.push(reader.read());
    at = reader.at;
  }
  return { name, login, turns };
}

/** The login ends with the server's first OK or ERR. */
function countLoginRuns(runs: readonly Run[]): number {
  const last = runs.findIndex(({ from, bytes }) => {
    const first = from === 'server' ? splitPackets(bytes).at(-1)?.payload[0] : undefined;
    return first === 0x00 || first === 0xff;
  });
  if (last < 0) throw new Error('the login has no end');
  return last + 1;
}

function readLogin(runs: readonly Run[]): ExpectedLogin {
  const [first, response] = runs.map((run) => splitPackets(run.bytes)[0]?.payload ?? Buffer.alloc(0));
  const end = splitPackets(runs.at(-1)?.bytes ?? Buffer.alloc(0)).at(-1)?.payload ?? Buffer.alloc(0);
  const outcome = end[0] === 0xff ? 'refused' : 'done';
  const none = {
    serverVersion: '',
    connectionId: 0,
    capabilities: '0',
    collation: 0,
    database: null,
    status: 0,
  };
  if (first === undefined || response === undefined || first[0] === 0xff) return { ...none, outcome };
  const greeting = readGreetingPacket(first);
  const answer = readResponsePacket(response);
  const isMariadb = (answer.clientFlags & 1) === 0;
  const own = isMariadb ? response.readUInt32LE(28) & greeting.mariadbExtendedCapabilityFlags : 0;
  const base = (answer.clientFlags & greeting.capabilityFlags) >>> 0;
  return {
    outcome,
    serverVersion: greeting.serverVersion,
    connectionId: greeting.connectionId,
    capabilities: ((BigInt(own >>> 0) << 32n) | BigInt(base)).toString(16),
    collation: answer.charsetNumber,
    database: answer.database,
    status: outcome === 'done' ? readOkPacket(end).status : 0,
  };
}

class TurnReader {
  at: number;
  readonly #runs: readonly Run[];
  readonly #first: number;
  readonly #capabilities: bigint;
  /** Packets of the server that are not read yet. */
  #packets: FoundPacket[] = [];

  constructor(runs: readonly Run[], at: number, capabilities: bigint) {
    this.#runs = runs;
    this.#first = at;
    this.at = at;
    this.#capabilities = capabilities;
  }

  read(): Turn {
    const opening = this.#runs[this.at];
    if (opening?.from === 'server') {
      this.at += 1;
      const unsolicited = splitPackets(opening.bytes).map(({ payload }) => readErrorPacket(payload).errno);
      return { runs: [opening], exchanges: [], unsolicited };
    }
    const commands = this.#fromClient();
    const exchanges = commands.map(({ payload }, index) => {
      const type = payload[0] ?? 0;
      if (WITHOUT_REPLY.includes(type)) return { type, results: [], statement: null, localInfile: false };
      if (index !== commands.length - 1)
        throw new Error('a command was sent before the last one was answered');
      return this.#reply(type);
    });
    if (this.#packets.length > 0) throw new Error(`${this.#packets.length} packets stand behind the reply`);
    return { runs: this.#runs.slice(this.#first, this.at), exchanges, unsolicited: [] };
  }

  #fromClient(): FoundPacket[] {
    const run = this.#runs[this.at];
    if (run?.from !== 'client') throw new Error('the client did not speak in its turn');
    this.at += 1;
    return splitPackets(run.bytes);
  }

  /** The next packet of the server; progress reports are passed over. */
  #next(): Buffer {
    for (;;) {
      if (this.#packets.length === 0) {
        const run = this.#runs[this.at];
        if (run?.from !== 'server') throw new Error('the server did not answer');
        this.at += 1;
        this.#packets = splitPackets(run.bytes);
      }
      const { payload } = this.#packets.shift() as FoundPacket;
      if (payload[0] !== 0xff || readErrorPacket(payload).errno !== PROGRESS_ERRNO) return payload;
    }
  }

  #reply(type: number): ExpectedExchange {
    const plain = { type, statement: null, localInfile: false };
    if (type === COM.STMT_PREPARE) return this.#prepared();
    if (WITH_RESULTS.includes(type)) return this.#results(type);
    if (type === COM.STMT_FETCH) return { ...plain, results: [this.#rows(0, 'binary')] };
    if (type === COM.FIELD_LIST) return { ...plain, results: [this.#fields()] };
    if (type === COM.CHANGE_USER) return { ...plain, results: [this.#authenticated()] };
    const payload = this.#next();
    const isText = type === COM.STATISTICS && payload[0] !== 0xff;
    return { ...plain, results: [isText ? NOTHING : this.#ended(payload)] };
  }

  #results(type: number): ExpectedExchange {
    const results: ExpectedResult[] = [];
    let localInfile = false;
    const format = type === COM.QUERY || type === COM.PROCESS_INFO ? 'text' : 'binary';
    do {
      const payload = this.#next();
      if (payload[0] === 0xfb) {
        localInfile = true;
        this.#fromClient();
        results.push(this.#ended(this.#next()));
      } else {
        results.push(
          payload[0] === 0x00 || payload[0] === 0xff ? this.#ended(payload) : this.#table(payload, format),
        );
      }
    } while (((results.at(-1)?.status ?? 0) & MORE_RESULTS) !== 0);
    return { type, results, statement: null, localInfile };
  }

  #table(header: Buffer, format: 'text' | 'binary'): ExpectedResult {
    const cached = this.#has('MARIADB_CACHE_METADATA');
    const columns = readColumnCount(header);
    const described = !cached || header.at(-1) === 1;
    const error = this.#columns(described ? columns : 0);
    if (error !== null) return error;
    if (this.#has('DEPRECATE_EOF')) return this.#rows(columns, format);
    const afterColumns = this.#ended(this.#next());
    if (!afterColumns.ok) return { ...afterColumns, resultSet: true };
    const opensCursor = (afterColumns.status & CURSOR_EXISTS) !== 0;
    return opensCursor ? { ...afterColumns, resultSet: true } : this.#rows(columns, format);
  }

  /** Reads column definitions; an error in their place. */
  #columns(count: number): ExpectedResult | null {
    for (let left = count; left > 0; left -= 1) {
      const payload = this.#next();
      if (payload[0] === 0xff) return { ...this.#ended(payload), resultSet: true };
      readColumnName(payload, this.#has('MARIADB_EXTENDED_METADATA'));
    }
    return null;
  }

  #rows(columns: number, format: 'text' | 'binary'): ExpectedResult {
    for (let rows = 0; ; rows += 1) {
      const payload = this.#next();
      const isEnd = payload[0] === 0xff || (payload[0] === 0xfe && payload.length < PACKET_FULL);
      if (isEnd) return { ...this.#ended(payload), rows, resultSet: true };
      const isRow = format === 'binary' ? payload[0] === 0x00 : readTextRow(payload, columns) !== null;
      if (!isRow) throw new Error(`no row of ${columns} columns: ${payload.subarray(0, 64).toString('hex')}`);
    }
  }

  #prepared(): ExpectedExchange {
    const plain = { type: COM.STMT_PREPARE, localInfile: false };
    const payload = this.#next();
    if (payload[0] === 0xff) return { ...plain, results: [this.#ended(payload)], statement: null };
    const { id, columns, parameters } = readPreparedHeader(payload);
    let last = NOTHING;
    for (const count of [parameters, columns]) {
      this.#columns(count);
      if (count > 0 && !this.#has('DEPRECATE_EOF')) last = this.#ended(this.#next());
    }
    return { ...plain, results: [last], statement: { id, parameters } };
  }

  #fields(): ExpectedResult {
    for (;;) {
      const payload = this.#next();
      if (payload[0] === 0xfe || payload[0] === 0xff) return this.#ended(payload);
      readColumnName(payload, this.#has('MARIADB_EXTENDED_METADATA'));
    }
  }

  #authenticated(): ExpectedResult {
    for (;;) {
      const payload = this.#next();
      if (payload[0] === 0x00 || payload[0] === 0xff) return this.#ended(payload);
      this.#fromClient();
    }
  }

  #ended(payload: Buffer): ExpectedResult {
    if (payload[0] === 0xff) return { ...NOTHING, ok: false, errno: readErrorPacket(payload).errno };
    if (payload[0] !== 0x00 && payload[0] !== 0xfe)
      throw new Error(`neither OK, EOF nor ERR: ${payload.toString('hex')}`);
    const read: LibraryOk | { status: number; warnings: number } =
      payload[0] === 0xfe && payload.length === 5 ? readEofPacket(payload) : readOkPacket(payload);
    return { ...NOTHING, ...read };
  }

  #has(name: keyof typeof CLIENT): boolean {
    return (this.#capabilities & CLIENT[name]) !== 0n;
  }
}

/**
 * Sessions that no server held and no client asked for, yet each byte of which is as the protocol has it: every
 * command, every form of reply, in any order, by dice. Made apart from src/wire, by the writers of the harness.
 */
import { CAPABILITY, MARIADB_CAPABILITY } from '../../src/wire/capabilities.ts';
import { writeQuery } from '../harness/library-commands.ts';
import {
  column,
  eof,
  err,
  int,
  lenenc,
  lenencText,
  ok,
  packets,
  prepareOk,
  progress,
  query,
  stream,
  textRow,
} from '../harness/packet-writer.ts';
import type { Random } from '../harness/random.ts';
import type { Side } from '../harness/wire-session.ts';

export type Kind = 'read' | 'write' | 'delete' | 'other';
export type Counts = Record<`${Kind} ${'ok' | 'error'}`, number>;

/** What one side sends once it has received all that the other side sent before. */
export interface Segment {
  readonly from: Side;
  readonly bytes: Buffer;
}

export interface Agreed {
  readonly base: number;
  readonly mariadb: number;
}

/** A session from behind its login to its end. */
export interface Grammatical {
  readonly agreed: Agreed;
  readonly segments: readonly Segment[];
  /** Statements as the proxy must count them. */
  readonly counts: Counts;
  /** Of them, those that read or change the table that is mirrored. */
  readonly moved: number;
  /** Ends by asking for a binlog, which can't be followed. */
  readonly streams: boolean;
}

export const MOVED_TABLE = 'moved';

const LONGEST = 0xff_ffff;
const LONG_SHARE = 0.0004;
const EXCHANGES_MAX = 12;
const IN_TRANSACTION = 0x3;
const AUTOCOMMIT = 0x2;
const MORE_RESULTS = 0x8;
const CURSOR_EXISTS = 0x40;
const LAST_ROW_SENT = 0x80;
const SESSION_STATE_CHANGED = 0x4000;

export const OLDEST =
  CAPABILITY.CONNECT_WITH_DB |
  CAPABILITY.LOCAL_FILES |
  CAPABILITY.PROTOCOL_41 |
  CAPABILITY.SECURE_CONNECTION |
  CAPABILITY.MULTI_STATEMENTS |
  CAPABILITY.MULTI_RESULTS |
  CAPABILITY.PS_MULTI_RESULTS |
  CAPABILITY.PLUGIN_AUTH;
/** Bits that change the form of what follows. */
const FORMS = [CAPABILITY.SESSION_TRACK, CAPABILITY.DEPRECATE_EOF, CAPABILITY.FOUND_ROWS];
const MYSQL_FORMS = [CAPABILITY.OPTIONAL_RESULTSET_METADATA, CAPABILITY.QUERY_ATTRIBUTES];
const MARIADB_FORMS = [
  MARIADB_CAPABILITY.PROGRESS,
  MARIADB_CAPABILITY.STMT_BULK_OPERATIONS,
  MARIADB_CAPABILITY.CACHE_METADATA,
];

/** All that the scripted server offers: a client takes what it likes of it. */
export const OFFERED: Agreed = {
  base: [...FORMS, ...MYSQL_FORMS].reduce((all, bit) => all | bit, OLDEST) >>> 0,
  mariadb: MARIADB_FORMS.reduce((all, bit) => all | bit, 0),
};

export function makeSession(random: Random): Grammatical {
  return new SessionMaker(random).make();
}

class SessionMaker {
  readonly #random: Random;
  readonly #agreed: Agreed;
  readonly #segments: Segment[] = [];
  readonly #counts: Counts = {
    'read ok': 0,
    'read error': 0,
    'write ok': 0,
    'write error': 0,
    'delete ok': 0,
    'delete error': 0,
    'other ok': 0,
    'other error': 0,
  };
  #moved = 0;
  #statementId = 0;
  #inTransaction = false;

  constructor(random: Random) {
    this.#random = random;
    this.#agreed = chooseAgreed(random);
  }

  make(): Grammatical {
    const random = this.#random;
    const forms = this.#forms();
    for (let left = random.integer(1, EXCHANGES_MAX); left > 0; left -= 1) {
      const pipelined = random.chance(0.15) ? random.integer(2, 6) : 1;
      if (pipelined === 1) random.pick(forms)();
      else this.#pipeline(pipelined);
    }
    const streams = random.chance(0.01);
    if (streams) this.#binlog();
    const { agreed, segments, counts, moved } = {
      agreed: this.#agreed,
      segments: this.#segments,
      counts: this.#counts,
      moved: this.#moved,
    };
    return { agreed, segments, counts, moved, streams };
  }

  #forms(): (() => void)[] {
    const forms = [
      () => this.#rows(),
      () => this.#rows(),
      () => this.#rows(),
      () => this.#change(),
      () => this.#change(),
      () => this.#transaction(),
      () => this.#several(),
      () => this.#procedure(),
      () => this.#infile(),
      () => this.#prepared(),
      () => this.#prepared(),
      () => this.#utility(),
      () => this.#changeUser(),
      () => this.#failure(),
    ];
    if (this.#has(MARIADB_CAPABILITY.STMT_BULK_OPERATIONS)) forms.push(() => this.#bulk());
    return forms;
  }

  // ---- what commands and replies are made of ---------------------------------------------------------------

  #has(mariadbBit: number): boolean {
    return (this.#agreed.mariadb & mariadbBit) !== 0;
  }

  #hasBase(bit: number): boolean {
    return (this.#agreed.base & bit) !== 0;
  }

  get #status(): number {
    return this.#inTransaction ? IN_TRANSACTION : AUTOCOMMIT;
  }

  #count(kind: Kind, outcome: 'ok' | 'error', moved: boolean): void {
    this.#counts[`${kind} ${outcome}`] += 1;
    if (moved) this.#moved += 1;
  }

  #send(from: Side, bytes: Buffer): void {
    this.#segments.push({ from, bytes });
  }

  /** A command and its reply, numbered on from it. */
  #exchange(command: Buffer, reply: readonly Buffer[]): void {
    this.#send('client', packets(command, 0));
    this.#send('server', stream(reply, Math.floor(command.length / LONGEST) + 1));
  }

  #query(sql: string): Buffer {
    if (!this.#hasBase(CAPABILITY.QUERY_ATTRIBUTES)) return query(sql);
    return writeQuery(sql, this.#random.chance(0.3) ? { trace: 'a'.repeat(20), n: 5 } : {});
  }

  #ok(status = this.#status, affectedRows = 0): Buffer {
    if (!this.#hasBase(CAPABILITY.SESSION_TRACK) || this.#random.chance(0.7))
      return ok({ status, affectedRows, insertId: this.#random.integer(0, 300) });
    const state = Buffer.concat([lenencText('done'), lenencText(Buffer.of(1, 5, 4, 0x61, 0x62, 0x63, 0x64))]);
    return ok({ status: status | SESSION_STATE_CHANGED, affectedRows, tail: state });
  }

  #err(): Buffer {
    return err(this.#random.pick([1062, 1064, 1146, 1205, 1317]), 'no '.repeat(this.#random.integer(1, 60)));
  }

  /** What ends rows, or stands between columns and rows. */
  #end(status: number): Buffer {
    return this.#hasBase(CAPABILITY.DEPRECATE_EOF) ? ok({ status }, 0xfe) : eof({ status });
  }

  #progress(): Buffer[] {
    if (!this.#has(MARIADB_CAPABILITY.PROGRESS) || this.#random.chance(0.8)) return [];
    return [progress('copy to tmp table'), progress('sort')];
  }

  #columnCount(count: number, described: boolean): Buffer {
    const flagged =
      this.#has(MARIADB_CAPABILITY.CACHE_METADATA) || this.#hasBase(CAPABILITY.OPTIONAL_RESULTSET_METADATA);
    return flagged ? Buffer.concat([lenenc(count), Buffer.of(described ? 1 : 0)]) : lenenc(count);
  }

  #definitions(count: number): Buffer[] {
    const definitions = Array.from({ length: count }, (_, index) => column(`c${index}`));
    return this.#hasBase(CAPABILITY.DEPRECATE_EOF) ? definitions : [...definitions, eof()];
  }

  #columns(count: number): Buffer[] {
    const mayHide =
      this.#has(MARIADB_CAPABILITY.CACHE_METADATA) || this.#hasBase(CAPABILITY.OPTIONAL_RESULTSET_METADATA);
    const described = !mayHide || this.#random.chance(0.5);
    if (described) return [this.#columnCount(count, true), ...this.#definitions(count)];
    const end = this.#hasBase(CAPABILITY.DEPRECATE_EOF) ? [] : [eof()];
    return [this.#columnCount(count, false), ...end];
  }

  #resultSet(status: number, binary = false): Buffer[] {
    const random = this.#random;
    const count = random.integer(1, 5);
    const rows = random.chance(0.2) ? 0 : random.heavyTailed(1, 400, 0.6);
    const value = (): Buffer | null =>
      random.chance(0.1) ? null : Buffer.alloc(random.heavyTailed(1, 300, 1), 0x78);
    const row = (): Buffer =>
      binary
        ? Buffer.concat([Buffer.of(0, 0), ...Array.from({ length: count }, () => lenencText('binary'))])
        : textRow(Array.from({ length: count }, value));
    return [...this.#columns(count), ...Array.from({ length: rows }, row), this.#end(status)];
  }

  // ---- exchanges -------------------------------------------------------------------------------------------

  #rows(): void {
    const random = this.#random;
    const moved = random.chance(0.5);
    const table = moved ? MOVED_TABLE : 'elsewhere';
    const id = random.integer(1, 1000);
    const reply = [...this.#progress(), ...this.#resultSet(this.#status)];
    const fails = random.chance(0.05);
    if (fails) reply[reply.length - 1] = this.#err();
    if (random.chance(LONG_SHARE)) {
      const at = reply.length - 1;
      const long = lenencText(Buffer.alloc(random.pick([LONGEST - 4, LONGEST, LONGEST + 5]), 0x79));
      // A result of one column may have a row of any length; of more it is the reader's business alone.
      reply.splice(at, 0, long);
    }
    this.#exchange(this.#query(`SELECT * FROM ${table} WHERE id = ${id}`), reply);
    this.#count('read', fails ? 'error' : 'ok', moved);
  }

  #changeText(moved: boolean): { sql: string; kind: Kind } {
    const random = this.#random;
    const table = moved ? MOVED_TABLE : 'elsewhere';
    const id = random.integer(1, 1000);
    const width = random.chance(LONG_SHARE) ? LONGEST : random.heavyTailed(1, 5000, 1);
    return random.pick([
      { sql: `INSERT INTO ${table} (id, v) VALUES (${id}, '${'v'.repeat(width)}')`, kind: 'write' as const },
      { sql: `UPDATE ${table} SET v = 'w' WHERE id = ${id}`, kind: 'write' as const },
      { sql: `REPLACE INTO ${table} (id, v) VALUES (${id}, 'r'), (${id + 1}, 's')`, kind: 'write' as const },
      { sql: `DELETE FROM ${table} WHERE id IN (${id}, ${id + 7})`, kind: 'delete' as const },
    ]);
  }

  #change(): void {
    const moved = this.#random.chance(0.6);
    const { sql, kind } = this.#changeText(moved);
    this.#exchange(this.#query(sql), [...this.#progress(), this.#ok(this.#status, 1)]);
    this.#count(kind, 'ok', moved);
  }

  #failure(): void {
    const moved = this.#random.chance(0.5);
    const { sql, kind } = this.#changeText(moved);
    this.#exchange(this.#query(sql), [this.#err()]);
    this.#count(kind, 'error', moved);
  }

  #transaction(): void {
    this.#inTransaction = true;
    this.#other('START TRANSACTION');
    for (let left = this.#random.integer(0, 4); left > 0; left -= 1) this.#change();
    this.#inTransaction = false;
    this.#other(this.#random.pick(['COMMIT', 'ROLLBACK']));
  }

  #other(sql: string): void {
    this.#exchange(this.#query(sql), [this.#ok()]);
    this.#count('other', 'ok', false);
  }

  /** A text of several statements, of which the last may fail. */
  #several(): void {
    const random = this.#random;
    const count = random.integer(2, 5);
    const texts: string[] = [];
    const reply: Buffer[] = [];
    for (let index = 0; index < count; index += 1) {
      const isLast = index === count - 1;
      const status = this.#status | (isLast ? 0 : MORE_RESULTS);
      const fails = isLast && random.chance(0.2);
      if (random.chance(0.5)) {
        texts.push(`SELECT v FROM ${MOVED_TABLE} WHERE id = ${index}`);
        reply.push(...(fails ? [this.#err()] : this.#resultSet(status)));
        this.#count('read', fails ? 'error' : 'ok', true);
      } else {
        texts.push(`DELETE FROM ${MOVED_TABLE} WHERE id = ${index}`);
        reply.push(fails ? this.#err() : this.#ok(status, 1));
        this.#count('delete', fails ? 'error' : 'ok', true);
      }
    }
    this.#exchange(this.#query(texts.join('; ')), reply);
  }

  #procedure(): void {
    const more = this.#status | MORE_RESULTS;
    const results = Array.from({ length: this.#random.integer(0, 4) }, () => this.#resultSet(more));
    this.#exchange(this.#query(`CALL p(${this.#random.integer(1, 9)})`), [...results.flat(), this.#ok()]);
    this.#count('other', 'ok', false);
  }

  #infile(): void {
    const random = this.#random;
    this.#send('client', packets(this.#query(`LOAD DATA LOCAL INFILE 'f' INTO TABLE elsewhere`), 0));
    this.#send('server', packets(Buffer.from('\xfbf', 'latin1'), 1));
    const lines = Array.from({ length: random.integer(0, 5) }, () =>
      Buffer.alloc(random.integer(1, 3000), 0x6c),
    );
    const data = stream([...lines, Buffer.alloc(0)], 2);
    this.#send('client', data);
    this.#send('server', packets(random.chance(0.8) ? this.#ok() : this.#err(), 3 + lines.length));
    // The last packet says which it was.
    const last = this.#segments.at(-1)!.bytes[4];
    this.#count('write', last === 0xff ? 'error' : 'ok', false);
  }

  #prepared(): void {
    const random = this.#random;
    const id = ++this.#statementId;
    const isRead = random.chance(0.5);
    const sql = isRead
      ? `SELECT * FROM ${MOVED_TABLE} WHERE id = ?`
      : `UPDATE ${MOVED_TABLE} SET v = 'p' WHERE id = ?`;
    this.#exchange(Buffer.from(`\x16${sql}`), this.#prepareReply(id, isRead ? 2 : 0, 1));
    for (let left = random.integer(0, 3); left > 0; left -= 1) this.#execute(id, isRead);
    if (random.chance(0.3)) this.#exchange(Buffer.concat([Buffer.of(0x1a), int(4, id)]), [this.#ok()]);
    // It has no reply, so the next command goes out behind it.
    if (random.chance(0.7)) {
      const close = packets(Buffer.concat([Buffer.of(0x19), int(4, id)]), 0);
      this.#send('client', Buffer.concat([close, packets(Buffer.of(0x0e), 0)]));
      this.#send('server', packets(this.#ok(), 1));
    }
  }

  #prepareReply(id: number, columns: number, parameters: number): Buffer[] {
    const flagged =
      this.#has(MARIADB_CAPABILITY.CACHE_METADATA) || this.#hasBase(CAPABILITY.OPTIONAL_RESULTSET_METADATA);
    const end = this.#hasBase(CAPABILITY.DEPRECATE_EOF) ? [] : [eof()];
    const hidden = flagged && this.#random.chance(0.4);
    const definitions = (count: number): Buffer[] =>
      count === 0 ? [] : hidden ? end : this.#definitions(count);
    return [
      prepareOk(id, columns, parameters, flagged ? (hidden ? 0 : 1) : null),
      ...definitions(parameters),
      ...definitions(columns),
    ];
  }

  #execute(id: number, isRead: boolean): void {
    const random = this.#random;
    const cursor = isRead && random.chance(0.3);
    const value = Buffer.alloc(8);
    value.writeInt32LE(random.integer(1, 1000), 0);
    const withAttributes = this.#hasBase(CAPABILITY.QUERY_ATTRIBUTES);
    const head = [Buffer.of(0x17), int(4, id), Buffer.of(cursor ? 1 : 0), int(4, 1)];
    const named = withAttributes && random.chance(0.5);
    if (named) head[2] = Buffer.of((cursor ? 1 : 0) | 0x08);
    const name = named ? [lenenc(1)] : [];
    const types = named ? Buffer.of(1, 8, 0, 0) : Buffer.of(1, 8, 0);
    const command = Buffer.concat([...head, ...name, Buffer.of(0), types, value]);
    const longData = random.chance(0.1)
      ? packets(Buffer.concat([Buffer.of(0x18), int(4, id), int(2, 0), Buffer.from('12')]), 0)
      : Buffer.alloc(0);
    const fails = random.chance(0.1);
    this.#send('client', Buffer.concat([longData, packets(command, 0)]));
    if (fails) {
      this.#send('server', packets(this.#err(), 1));
    } else if (cursor) {
      this.#openCursor(id);
    } else {
      const reply = isRead ? this.#resultSet(this.#status, true) : [this.#ok(this.#status, 1)];
      this.#send('server', stream(reply, 1));
    }
    this.#count(isRead ? 'read' : 'write', fails ? 'error' : 'ok', true);
  }

  #openCursor(id: number): void {
    const columns = [this.#columnCount(2, true), column('a'), column('b')];
    this.#send('server', stream([...columns, this.#end(this.#status | CURSOR_EXISTS)], 1));
    const fetch = Buffer.concat([Buffer.of(0x1c), int(4, id), int(4, 10)]);
    const rows = Array.from({ length: this.#random.integer(0, 10) }, () => Buffer.of(0, 0, 1, 0x31, 1, 0x32));
    this.#exchange(fetch, [...rows, this.#end(this.#status | LAST_ROW_SENT)]);
  }

  #bulk(): void {
    const id = ++this.#statementId;
    const sql = `INSERT INTO ${MOVED_TABLE} (id, v) VALUES (?, 'b')`;
    this.#exchange(Buffer.from(`\x16${sql}`), this.#prepareReply(id, 0, 1));
    const rows = Array.from({ length: 5 }, (_, row) => Buffer.of(0, row, 0, 0, 0));
    const body = Buffer.concat([Buffer.of(0xfa), int(4, id), int(2, 0x80), Buffer.of(3, 0), ...rows]);
    this.#exchange(body, [this.#ok(this.#status, rows.length)]);
    this.#count('write', 'ok', true);
  }

  #utility(): void {
    const random = this.#random;
    const reset = (): void => {
      this.#inTransaction = false;
      this.#exchange(Buffer.of(0x1f), [this.#ok()]);
    };
    random.pick([
      () => this.#exchange(Buffer.of(0x0e), [this.#ok()]),
      () => this.#exchange(Buffer.from('\x02d'), [random.chance(0.8) ? this.#ok() : this.#err()]),
      () => this.#exchange(Buffer.of(0x09), [Buffer.from('Uptime: 5  Threads: 1')]),
      () => this.#exchange(Buffer.from('\x04moved\0%'), [column('id'), column('v'), eof()]),
      () => this.#exchange(Buffer.of(0x1b, 0, 0), [eof()]),
      () => this.#exchange(Buffer.of(0x0d), [eof()]),
      () => this.#exchange(Buffer.of(0x0c, 1, 0, 0, 0), [this.#err()]),
      () => this.#exchange(Buffer.of(random.integer(0x40, 0xf0)), [this.#err()]),
      reset,
      () => this.#other(`SET @a = ${random.integer(1, 9)}`),
    ])();
  }

  #changeUser(): void {
    const user = Buffer.from(`\x11someone\0\0d\0\x2d\0mysql_native_password\0`);
    this.#send('client', packets(user, 0));
    let sequence = 1;
    if (this.#random.chance(0.7)) {
      this.#send(
        'server',
        packets(Buffer.from(`\xfemysql_native_password\0${'s'.repeat(20)}\0`, 'latin1'), 1),
      );
      this.#send('client', packets(Buffer.alloc(20, 0x70), 2));
      sequence = 3;
    }
    this.#inTransaction = false;
    this.#send('server', packets(this.#ok(), sequence));
  }

  /** Several commands before the first reply. */
  #pipeline(count: number): void {
    const commands: Buffer[] = [];
    const replies: Buffer[] = [];
    for (let left = count; left > 0; left -= 1) {
      const start = this.#segments.length;
      this.#random.pick([() => this.#change(), () => this.#rows(), () => this.#failure()])();
      for (const { from, bytes } of this.#segments.splice(start))
        (from === 'client' ? commands : replies).push(bytes);
    }
    this.#send('client', Buffer.concat(commands));
    this.#send('server', Buffer.concat(replies));
  }

  #binlog(): void {
    this.#send('client', packets(Buffer.concat([Buffer.of(0x12), int(4, 4), int(2, 0), int(4, 7)]), 0));
    const events = Array.from({ length: 5 }, () => Buffer.concat([Buffer.of(0), Buffer.alloc(40, 0x65)]));
    this.#send('server', stream(events, 1));
  }
}

function chooseAgreed(random: Random): Agreed {
  const some = (bits: readonly number[]): number =>
    bits.reduce((all, bit) => (random.chance(0.5) ? all | bit : all), 0);
  const base = OLDEST | some(FORMS);
  // A client of MariaDB's kind does not know MySQL's later bits, nor the other way round.
  if (random.chance(0.5)) return { base: base >>> 0, mariadb: some(MARIADB_FORMS) };
  return { base: (base | some(MYSQL_FORMS)) >>> 0, mariadb: 0 };
}

/** The prepared statements of one session, by the server's ids; bounded in number and bytes. */
import type { Lexed } from '../sql/lexed.ts';
import type { Plan } from '../sql/plan.ts';
import type { Exchange } from '../wire/exchange.ts';
import type { ByteRoom } from './byte-room.ts';
import type { LongData } from './long-data.ts';
import type { SessionEffect } from './session-effect.ts';

/** A prepared statement's text for the shadow. */
export interface PreparedText {
  readonly sql: Buffer;
  /** The same as a string (bytes as latin1 characters): what lanes know it by. */
  readonly name: string;
}

export interface PreparedStatement {
  readonly plan: Plan;
  /** The text, and where its literals and parameters stand in it. */
  readonly sql: Buffer;
  readonly lexed: Lexed;
  readonly effects: readonly SessionEffect[];
  /** The session's when it was prepared: there the server looks for its tables, wherever the session is later. */
  readonly database: string | null;
  /** The session's when it was prepared: a lane that prepares it in others may take it for something else. */
  readonly words: string;
  parameterCount: number;
  /** Types that an earlier execution bound. */
  boundTypes: Buffer | null;
  /** Values sent ahead for the next execution. */
  readonly longData: LongData;
  /** What executions are replayed as, where nothing is cut out of them; null: none has been yet. */
  whole: PreparedText | null;
}

/** The server's own limit is 16,382 for all its sessions together; more than these are relayed, not mirrored. */
const STATEMENTS_MAX = 20_000;
const BYTES_MAX = 16 * 1024 * 1024;
/** What a statement takes besides its text and the places in it. */
const OVERHEAD_BYTES = 500;
/** Bytes of a text up to which what is replayed of it is kept beside it, as bytes and as a string. */
const WHOLE_MAX = 16 * 1024;

/** Execute with this id, MariaDB: the statement prepared last, whose reply may not have come yet. */
const LAST_PREPARED = 0xffff_ffff;

export class PreparedStatements {
  readonly #longDataMax: number;
  /** Null in the many sessions that prepare nothing. */
  #byId: Map<number, PreparedStatement> | null = null;
  readonly #room: ByteRoom;
  #bytes = 0;
  #longDataBytes = 0;
  #last: PreparedStatement | null = null;

  /**
   * `longDataMax`: bytes that values sent ahead may take, of all the session's statements together; `room`: the
   * memory that the statements of all sessions share.
   */
  constructor(longDataMax: number, room: ByteRoom) {
    this.#longDataMax = longDataMax;
    this.#room = room;
  }

  /** COM_STMT_PREPARE was sent. */
  sent(statement: PreparedStatement | null): void {
    this.#last = statement;
  }

  /** The server has prepared it. False: too many are held; executions will not be known. */
  answered(statement: PreparedStatement, reply: Exchange<unknown>): boolean {
    statement.parameterCount = reply.parameterCount;
    this.close(reply.statementId);
    const bytes = sizeOf(statement);
    this.#byId ??= new Map();
    if (this.#byId.size >= STATEMENTS_MAX || this.#bytes + bytes > BYTES_MAX || !this.#room.take(bytes))
      return false;
    this.#bytes += bytes;
    this.#byId.set(reply.statementId, statement);
    return true;
  }

  find(id: number): PreparedStatement | null {
    return id === LAST_PREPARED ? this.#last : (this.#byId?.get(id) ?? null);
  }

  close(id: number): void {
    const statement = this.#byId?.get(id);
    if (statement === undefined) return;
    this.#release(sizeOf(statement));
    this.#byId?.delete(id);
    this.clearLongData(statement);
  }

  /** COM_STMT_SEND_LONG_DATA: a piece of one parameter's value. `whole`: all of the piece is at hand. */
  longData(id: number, ordinal: number, piece: Buffer, whole: boolean): void {
    const data = this.find(id)?.longData;
    if (data === undefined) return;
    const before = data.bytes;
    if (!whole || this.#longDataBytes + piece.length > this.#longDataMax) data.drop();
    data.add(ordinal, piece);
    this.#longDataBytes += data.bytes - before;
  }

  /** COM_STMT_RESET was sent: the values sent ahead are gone by the time the server comes to what is sent behind it. */
  reset(id: number): void {
    const statement = this.find(id);
    if (statement !== null) this.clearLongData(statement);
  }

  /** After an execution, or COM_STMT_RESET, the values sent ahead are used up. */
  clearLongData({ longData }: PreparedStatement): void {
    this.#longDataBytes -= longData.bytes;
    longData.clear();
  }

  /** All are gone: the server has forgotten them, or the session is over. */
  clear(): void {
    this.#byId = null;
    this.#release(this.#bytes);
    this.#longDataBytes = 0;
    this.#last = null;
  }

  #release(bytes: number): void {
    this.#bytes -= bytes;
    this.#room.give(bytes);
  }
}

/** Is what goes to the shadow for it made once, and kept? Of long texts it is made for each execution. */
export function keepsWhole({ sql }: PreparedStatement): boolean {
  return sql.length <= WHOLE_MAX;
}

/** The types that an execution binds take two bytes a parameter. */
function sizeOf(statement: PreparedStatement): number {
  const { sql, lexed, parameterCount } = statement;
  const texts = keepsWhole(statement) ? 3 : 1;
  return OVERHEAD_BYTES + texts * sql.length + lexed.bytes + 2 * parameterCount;
}

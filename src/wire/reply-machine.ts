/**
 * The states of a reply, packet by packet: where it ends, and what its closing packets say. Rows are
 * counted, never decoded. MySQL manual: "Command Phase", "Text Resultset",
 * "Binary Protocol Resultset", "Multi-Resultset"; MariaDB knowledge base: "Result Set Packets".
 *
 * It never guesses: a packet that does not fit is a lost step, and nothing more may be fed then.
 */
import { Fifo } from '../base/fifo.ts';
import { CAPABILITY, type Capabilities, MARIADB_CAPABILITY } from './capabilities.ts';
import type { Exchange } from './exchange.ts';
import { lenencSize, lenencValue } from './lenenc.ts';
import { EOF, ERR, isProgress, LOCAL_INFILE, OK, readEof, readErr, readOk } from './ok-packet.ts';
import { MAX_PAYLOAD, STATUS } from './protocol.ts';
import { replyKind } from './reply-kind.ts';

/** Where in a reply the reader stands. */
type State =
  | 'idle'
  | 'first'
  | 'single'
  | 'columns'
  | 'columns_end'
  | 'rows'
  | 'prepare'
  | 'parameters'
  | 'parameters_end'
  | 'prepared_columns'
  | 'prepared_columns_end'
  | 'fields'
  | 'infile'
  | 'authentication'
  | 'stream';

export interface ReplyHandler<Note> {
  /** A reply is complete. */
  reply(exchange: Exchange<Note>): void;
  /** The server asks the client for data (a file's lines, an authentication's answer), or is done asking. */
  clientData(kind: 'infile' | 'authentication' | 'none'): void;
  /** An ERR packet that answers nothing: the server is about to end the connection. */
  unsolicited(errno: number): void;
  /** What was asked for without an end (a binlog) has begun: commands and replies are over. */
  streaming(): void;
}

/** In place of an EOF's 5 bytes a row may not begin with 0xfe: the manual's rule to tell the two apart. */
const EOF_LENGTH_MAX = 9;
/** A column definition ends with the type (1), flags (2), decimals (1) and two bytes that say nothing. */
const TYPE_FROM_END = 6;
/** Two counts of a byte at least, the status flags and the warnings, behind the first byte. */
const OK_LENGTH_MIN = 7;

export class ReplyMachine<Note> {
  readonly #handler: ReplyHandler<Note>;
  readonly #deprecateEof: boolean;
  readonly #metadataFlag: boolean;
  readonly #pending = new Fifo<Exchange<Note>>();
  #current: Exchange<Note> | null = null;
  #state: State = 'idle';
  #columnsLeft = 0;
  /** COM_STMT_PREPARE: columns to come after the parameters. */
  #preparedColumns = 0;
  #preparedDescribed = true;
  /** The packet number that must come next in this reply; -1: any. */
  sequence = -1;
  /** The packet number that must open this reply; -1: it is open. */
  #opening = -1;
  /** The packet before was full: this one continues it. */
  #continues = false;

  constructor(capabilities: Capabilities, handler: ReplyHandler<Note>) {
    this.#handler = handler;
    this.#deprecateEof = (capabilities.base & CAPABILITY.DEPRECATE_EOF) !== 0;
    this.#metadataFlag =
      (capabilities.base & CAPABILITY.OPTIONAL_RESULTSET_METADATA) !== 0 ||
      (capabilities.mariadb & MARIADB_CAPABILITY.CACHE_METADATA) !== 0;
  }

  /** Commands sent whose replies are not complete. */
  get pending(): number {
    return this.#pending.length + (this.#current === null ? 0 : 1);
  }

  /** The exchanges that still wait, oldest first (for the end of a session). */
  waiting(): Exchange<Note>[] {
    const rest = this.#pending.toArray();
    return this.#current === null ? rest : [this.#current, ...rest];
  }

  /** The exchange whose rows come next; null outside of rows. */
  get rowsOf(): Exchange<Note> | null {
    return this.#state === 'rows' ? this.#current : null;
  }

  /** A row began in a packet before and goes on in the next one. */
  get midRow(): boolean {
    return this.#continues;
  }

  /** A reply has begun or is waited for. */
  get busy(): boolean {
    return this.#current !== null;
  }

  /** A command was sent; its reply is read next after those before it. */
  expect(exchange: Exchange<Note>): void {
    if (replyKind(exchange.type) === 'none') {
      exchange.ok = true;
      exchange.results = 0;
      if (this.#atRest) this.#handler.reply(exchange);
      else this.#pending.push(exchange);
      return;
    }
    if (this.#atRest) this.#begin(exchange);
    else this.#pending.push(exchange);
  }

  /**
   * May a packet numbered `sequence` that begins with byte `first` come now? A reply opens with the number
   * after the command's last packet; only an ERR may come as the server likes, before it ends the connection.
   */
  inOrder(sequence: number, first: number): boolean {
    const opening = this.#opening;
    this.#opening = -1;
    return opening < 0 || sequence === opening || first === ERR;
  }

  /** Is the packet that begins with byte `first` and is `length` long a row, or a row's continuation? */
  isRow(first: number, length: number): boolean {
    if (this.#continues || length === MAX_PAYLOAD) return true;
    if (first === ERR) return false;
    return first !== EOF || (!this.#deprecateEof && length >= EOF_LENGTH_MAX);
  }

  /** All of a row packet has been seen. */
  endRowPacket(length: number): void {
    this.#continues = length === MAX_PAYLOAD;
    if (this.#continues) return;
    this.#current!.rows++;
    this.#current!.rowSink?.endRow();
  }

  /** One packet; `payload[from, to)` is all of it, or the beginning of a long one that came in pieces. */
  packet(payload: Buffer, from: number, to: number, length: number): boolean {
    if (this.#state === 'rows') return this.#rowsPacket(payload, from, to, length);
    const exchange = this.#current;
    if (exchange === null) return this.#outOfTurn(payload, from, to);
    // Of all packets that are looked at here none is ever so long.
    if (length === MAX_PAYLOAD && this.#state !== 'stream') return false;
    if (isProgress(payload, from, to)) return true;
    const first = from < to ? payload[from]! : -1;
    switch (this.#state) {
      case 'first':
        return this.#firstPacket(exchange, payload, from, to, first);
      case 'single':
        return this.#singlePacket(exchange, payload, from, to, first);
      case 'columns':
      case 'parameters':
      case 'prepared_columns':
        return this.#columnPacket(exchange, payload, from, to, first);
      case 'columns_end':
      case 'parameters_end':
      case 'prepared_columns_end':
        return this.#columnsEndPacket(exchange, payload, from, to, first);
      case 'fields':
        if (first === EOF || first === ERR) return this.#terminator(exchange, payload, from, to, first);
        return first >= 0;
      case 'prepare':
        return this.#preparePacket(exchange, payload, from, to, first);
      case 'infile':
        this.#handler.clientData('none');
        return this.#firstPacket(exchange, payload, from, to, first);
      case 'authentication':
        return this.#authenticationPacket(exchange, payload, from, to, first);
      case 'stream':
        if (first === ERR || (first === EOF && length < EOF_LENGTH_MAX))
          return this.#singlePacket(exchange, payload, from, to, first);
        this.#handler.streaming();
        return true;
      case 'idle':
        return false;
    }
  }

  /** A packet that no command waits for: only an error may come so (a shutdown, a kill, a time-out). */
  #outOfTurn(payload: Buffer, from: number, to: number): boolean {
    if (to - from < 3 || payload[from] !== ERR) return false;
    this.#handler.unsolicited(payload.readUInt16LE(from + 1));
    return true;
  }

  #rowsPacket(payload: Buffer, from: number, to: number, length: number): boolean {
    // Even a row of one empty string is a byte long: only the rest of a full packet may be empty.
    if (length === 0 && !this.#continues) return false;
    const first = from < to ? payload[from]! : 0;
    if (!this.isRow(first, length)) return this.#terminator(this.#current!, payload, from, to, first);
    this.#current!.rowSink?.bytes(payload, from, to);
    this.endRowPacket(length);
    return true;
  }

  #firstPacket(exchange: Exchange<Note>, payload: Buffer, from: number, to: number, first: number): boolean {
    if (first === OK) return readOk(exchange, payload, from, to) && this.#resultDone(exchange);
    if (first === ERR) return readErr(exchange, payload, from, to) && this.#replyDone(exchange);
    if (first === LOCAL_INFILE) {
      exchange.localInfile = true;
      this.#state = 'infile';
      this.sequence = -1;
      this.#handler.clientData('infile');
      return true;
    }
    const size = first < 0 ? 0 : lenencSize(first);
    if (size === 0 || from + size > to) return false;
    const columns = Number(lenencValue(payload, from));
    if (columns === 0 || columns > 0xffff) return false;
    exchange.resultSet = true;
    const withMetadata = !this.#metadataFlag || from + size >= to || payload[from + size] !== 0;
    this.#columnsLeft = withMetadata ? columns : 0;
    this.#state = withMetadata ? 'columns' : this.#afterColumns();
    return true;
  }

  #afterColumns(): State {
    return this.#deprecateEof ? 'rows' : 'columns_end';
  }

  #columnPacket(exchange: Exchange<Note>, payload: Buffer, from: number, to: number, first: number): boolean {
    if (first === ERR) return readErr(exchange, payload, from, to) && this.#replyDone(exchange);
    if (first === EOF || first < 0) return false;
    if (this.#state === 'columns') exchange.rowSink?.column?.(payload[to - TYPE_FROM_END] ?? 0);
    if (--this.#columnsLeft > 0) return true;
    if (this.#state === 'columns') {
      this.#state = this.#afterColumns();
    } else if (this.#state === 'parameters') {
      if (!this.#deprecateEof) this.#state = 'parameters_end';
      else return this.#preparedColumnsNext(exchange);
    } else {
      if (!this.#deprecateEof) this.#state = 'prepared_columns_end';
      else return this.#replyDone(exchange);
    }
    return true;
  }

  #columnsEndPacket(
    exchange: Exchange<Note>,
    payload: Buffer,
    from: number,
    to: number,
    first: number,
  ): boolean {
    if (first === ERR) return readErr(exchange, payload, from, to) && this.#replyDone(exchange);
    if (first !== EOF || !readEof(exchange, payload, from, to)) return false;
    if (this.#state === 'parameters_end') return this.#preparedColumnsNext(exchange);
    if (this.#state === 'prepared_columns_end') return this.#replyDone(exchange);
    // A cursor was opened: its rows come by COM_STMT_FETCH, and this reply ends here.
    if ((exchange.status & STATUS.CURSOR_EXISTS) !== 0) return this.#resultDone(exchange);
    this.#state = 'rows';
    return true;
  }

  #preparePacket(
    exchange: Exchange<Note>,
    payload: Buffer,
    from: number,
    to: number,
    first: number,
  ): boolean {
    if (first === ERR) return readErr(exchange, payload, from, to) && this.#replyDone(exchange);
    if (first !== OK || to - from < 9) return false;
    exchange.ok = true;
    exchange.statementId = payload.readUInt32LE(from + 1);
    exchange.parameterCount = payload.readUInt16LE(from + 7);
    this.#preparedColumns = payload.readUInt16LE(from + 5);
    this.#preparedDescribed = !this.#metadataFlag || to - from < 13 || payload[from + 12] !== 0;
    return this.#definitions('parameters', exchange.parameterCount) || this.#preparedColumnsNext(exchange);
  }

  #preparedColumnsNext(exchange: Exchange<Note>): boolean {
    return this.#definitions('prepared_columns', this.#preparedColumns) || this.#replyDone(exchange);
  }

  /** False: none come. MySQL leaves out the definitions that nobody wants, but not the EOF behind them. */
  #definitions(which: 'parameters' | 'prepared_columns', count: number): boolean {
    if (count === 0 || (!this.#preparedDescribed && this.#deprecateEof)) return false;
    this.#columnsLeft = count;
    this.#state = this.#preparedDescribed ? which : `${which}_end`;
    return true;
  }

  #singlePacket(exchange: Exchange<Note>, payload: Buffer, from: number, to: number, first: number): boolean {
    if (first === ERR) return readErr(exchange, payload, from, to) && this.#replyDone(exchange);
    if (first === EOF) return this.#readEnd(exchange, payload, from, to) && this.#replyDone(exchange);
    if (first === OK) return readOk(exchange, payload, from, to) && this.#replyDone(exchange);
    // COM_STATISTICS answers a bare text.
    exchange.ok = true;
    return first >= 0 && this.#replyDone(exchange);
  }

  #authenticationPacket(
    exchange: Exchange<Note>,
    payload: Buffer,
    from: number,
    to: number,
    first: number,
  ): boolean {
    if (first !== OK && first !== ERR) {
      this.sequence = -1;
      return true;
    }
    this.#handler.clientData('none');
    return this.#singlePacket(exchange, payload, from, to, first);
  }

  /** The packet after the last row, or an error in its place. */
  #terminator(exchange: Exchange<Note>, payload: Buffer, from: number, to: number, first: number): boolean {
    if (first === ERR) {
      if (isProgress(payload, from, to)) return true;
      return readErr(exchange, payload, from, to) && this.#replyDone(exchange);
    }
    return this.#readEnd(exchange, payload, from, to) && this.#resultDone(exchange);
  }

  /**
   * An EOF, or an OK that begins like one. With DEPRECATE_EOF both may come: servers end by an old EOF the
   * rows that a procedure's handler cut short.
   */
  #readEnd(exchange: Exchange<Note>, payload: Buffer, from: number, to: number): boolean {
    const isOk = this.#deprecateEof && to - from >= OK_LENGTH_MIN;
    return isOk ? readOk(exchange, payload, from, to) : readEof(exchange, payload, from, to);
  }

  #resultDone(exchange: Exchange<Note>): boolean {
    if ((exchange.status & STATUS.MORE_RESULTS_EXISTS) === 0) return this.#replyDone(exchange);
    exchange.nextResult();
    this.#state = 'first';
    return true;
  }

  #replyDone(exchange: Exchange<Note>): boolean {
    this.#current = null;
    this.#state = 'idle';
    this.sequence = -1;
    this.#opening = -1;
    this.#continues = false;
    this.#handler.reply(exchange);
    this.#beginNext();
    return true;
  }

  /** While a handler is told of a reply, nothing is current though others wait: who sends then must not overtake. */
  get #atRest(): boolean {
    return this.#current === null && this.#pending.length === 0;
  }

  #beginNext(): void {
    while (this.#current === null) {
      const next = this.#pending.shift();
      if (next === null) return;
      if (replyKind(next.type) === 'none') this.#handler.reply(next);
      else this.#begin(next);
    }
  }

  #begin(exchange: Exchange<Note>): void {
    this.#current = exchange;
    this.sequence = -1;
    this.#opening = (Math.floor(exchange.length / MAX_PAYLOAD) + 1) & 0xff;
    switch (replyKind(exchange.type)) {
      case 'result':
        this.#state = 'first';
        break;
      case 'prepare':
        this.#state = 'prepare';
        break;
      case 'fetch':
        exchange.resultSet = true;
        this.#state = 'rows';
        break;
      case 'fields':
        this.#state = 'fields';
        break;
      case 'authentication':
        this.#state = 'authentication';
        this.#handler.clientData('authentication');
        break;
      case 'stream':
        this.#state = 'stream';
        break;
      default:
        this.#state = 'single';
    }
  }
}

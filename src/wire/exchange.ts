/** One command and what the server answered to it: all that the house ever learns of the two. */

/** One of the results of a reply. */
export interface ResultSummary {
  readonly ok: boolean;
  readonly errno: number;
  readonly affectedRows: number | bigint;
  /** The second number of the answer's message, which after an UPDATE says how many rows were changed; null: none. */
  readonly changedRows: number | null;
  readonly insertId: number | bigint;
  readonly status: number;
  readonly warnings: number;
  readonly rows: number;
  /** Came as a result set (even an empty one), not as an OK or ERR packet. */
  readonly resultSet: boolean;
}

/** Is fed the bytes of every row of a reply, piece by piece. */
export interface RowSink {
  /** The type of a column, before the first row; not called where the server leaves the definitions out. */
  column?(type: number): void;
  bytes(chunk: Buffer, from: number, to: number): void;
  endRow(): void;
}

/** A procedure may answer any number of results; past this many they are counted only. */
const EARLIER_RESULTS_MAX = 1024;

const RELEASED = Buffer.alloc(0);

/**
 * Made by the command reader, filled in by the reply reader. The result fields hold the last result; where
 * there were several, `earlier` holds those before it. `Note` is what the caller hangs on it.
 */
export class Exchange<Note> implements ResultSummary {
  /** The command byte. */
  readonly type: number;
  /**
   * The payload from the command byte on; its beginning only, where it was longer than the reader keeps. Of a
   * command that came from a client it is there while the command is handed over; later only after `keep`.
   */
  payload: Buffer;
  /** The whole payload's length in bytes. */
  readonly length: number;
  /** Only the payload's beginning is at hand. */
  readonly truncated: boolean;

  note: Note | null = null;
  /** Set before the reply to have its rows' bytes seen. */
  rowSink: RowSink | null = null;
  /** Milliseconds of the caller's clock. */
  sentAtMs = 0;
  answeredAtMs = 0;

  ok = false;
  errno = 0;
  affectedRows: number | bigint = 0;
  changedRows: number | null = null;
  insertId: number | bigint = 0;
  status = 0;
  warnings = 0;
  rows = 0;
  resultSet = false;
  earlier: ResultSummary[] | null = null;
  /** How many results have begun; may be more than `earlier` kept. */
  results = 1;
  /** COM_STMT_PREPARE: what the server calls the statement, and how many parameters it takes. */
  statementId = 0;
  parameterCount = 0;
  /** LOAD DATA LOCAL: the server asked the client for a file. */
  localInfile = false;

  #kept = false;

  constructor(type: number, payload: Buffer, length: number) {
    this.type = type;
    this.payload = payload;
    this.length = length;
    this.truncated = payload.length < length;
  }

  /** Makes the payload last beyond the call that hands the command over. */
  keep(): Buffer {
    if (!this.#kept) this.payload = Buffer.from(this.payload);
    this.#kept = true;
    return this.payload;
  }

  /** The bytes under a payload that was not kept are about to be used for something else. */
  release(): void {
    if (!this.#kept) this.payload = RELEASED;
  }

  /** Puts the result read so far aside and makes room for the next one of the same reply. */
  nextResult(): void {
    const { ok, errno, affectedRows, changedRows, insertId, status, warnings, rows, resultSet } = this;
    this.earlier ??= [];
    if (this.earlier.length < EARLIER_RESULTS_MAX) {
      const told = { ok, errno, affectedRows, changedRows, insertId, status, warnings, rows, resultSet };
      this.earlier.push(told);
    }
    this.results++;
    this.ok = false;
    this.affectedRows = 0;
    this.changedRows = null;
    this.insertId = 0;
    this.warnings = 0;
    this.rows = 0;
    this.resultSet = false;
  }
}

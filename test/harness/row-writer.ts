/**
 * A client that writes to rows of its own, one change after the other: text and prepared statements, transactions
 * that are committed and rolled back, savepoints. The changes of a row do not commute, so that a replay in another
 * order, once too often or not at all shows.
 */
import { type Connection, createConnection, type ResultSetHeader } from 'mysql2/promise';
import type { Random } from './random.ts';

/** `ENGINE` is to be replaced. */
export const WRITER_SCHEMA = `
  CREATE TABLE entries (folderid BIGINT NOT NULL, itemid INT NOT NULL, value BIGINT UNSIGNED NOT NULL,
    note VARCHAR(60) NOT NULL DEFAULT '', at DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP,
    PRIMARY KEY (folderid, itemid)) ENGINE=ENGINE_OF_ENTRIES;
  CREATE TABLE numbers (id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY, owner BIGINT NOT NULL,
    value BIGINT UNSIGNED NOT NULL) ENGINE=InnoDB`;
export const WRITER_TABLES = { entries: { key: 'folderid' }, numbers: { key: 'id' } } as const;

export interface RowWriterOptions {
  /** Its folders are `first`, `first + 1`, … and nobody else's. */
  readonly first: number;
  readonly folders: number;
  /** Folders that others write to as well, at a tenth of the changes; none: 0. */
  readonly shared: { readonly first: number; readonly folders: number };
  /** Rows that the server numbers: a tenth of the changes where left out. */
  readonly numbers?: 'none';
  readonly random: Random;
  readonly port: () => number;
  readonly database: string;
}

/** What a change may meet where others write beside it: deadlock (and with it the end of the savepoints), lock wait, duplicate key. */
const TOLERATED: ReadonlySet<number> = new Set([1213, 1305, 1205, 1062]);
const ITEMS = 5;
/** Values stay below 2^31 however often they are multiplied. */
const MODULUS = 2_147_483_647;
const SESSION_CHANGES_MAX = 8;
const ANSWER_TIMEOUT_MS = 30_000;

export class RowWriter {
  statements = 0;
  readonly #options: RowWriterOptions;
  #connection: Connection | null = null;
  #numbers: number[] = [];

  constructor(options: RowWriterOptions) {
    this.#options = options;
  }

  /** One session from its connect to its end. Rejects where the connection breaks or a statement fails that must not. */
  async session(): Promise<void> {
    const { port, database, random } = this.#options;
    const connection = await createConnection({
      host: '127.0.0.1',
      port: port(),
      user: 'root',
      database,
      connectTimeout: ANSWER_TIMEOUT_MS,
    });
    // A connection that breaks between two statements tells of it by an event.
    connection.on('error', () => undefined);
    this.#connection = connection;
    try {
      for (let left = random.integer(1, SESSION_CHANGES_MAX); left > 0; left -= 1) await this.#change();
      await connection.end();
    } finally {
      connection.destroy();
      this.#connection = null;
    }
  }

  async #change(): Promise<void> {
    const dice = this.#options.random.next();
    if (dice < 0.65 || (dice < 0.75 && this.#options.numbers === 'none')) await this.#single();
    else if (dice < 0.75) await this.#number();
    else await this.#transaction();
  }

  async #transaction(): Promise<void> {
    const { random } = this.#options;
    await this.#run('START TRANSACTION');
    for (let left = random.integer(1, 4); left > 0; left -= 1) {
      if (random.chance(0.2)) {
        await this.#run('SAVEPOINT here');
        await this.#single();
        if (random.chance(0.5)) await this.#run('ROLLBACK TO here');
      } else await this.#single();
    }
    await this.#run(random.chance(0.8) ? 'COMMIT' : 'ROLLBACK');
  }

  /** A row that the server numbers, and a change of one that it has numbered before. */
  async #number(): Promise<void> {
    const { random, first } = this.#options;
    const form = random.pick(['(owner, value) VALUES (?, ?)', '(id, owner, value) VALUES (0, ?, ?)']);
    const made = await this.#run(`INSERT INTO numbers ${form}`, first, random.integer(1, MODULUS));
    if (made !== null && made.insertId > 0) this.#numbers.push(made.insertId);
    const known = this.#numbers.length > 0 ? random.pick(this.#numbers) : null;
    if (known === null) return;
    if (random.chance(0.3)) await this.#run('DELETE FROM numbers WHERE id = ?', known);
    else await this.#run(`UPDATE numbers SET value = (value * 3 + 1) % ${MODULUS} WHERE id = ?`, known);
  }

  async #single(): Promise<void> {
    const { random } = this.#options;
    const folder = this.#folder();
    const item = random.integer(1, ITEMS);
    const dice = random.next();
    const value = random.integer(1, MODULUS);
    if (dice < 0.25)
      await this.#run('REPLACE INTO entries (folderid, itemid, value) VALUES (?, ?, ?)', folder, item, value);
    else if (dice < 0.35)
      await this.#run(
        'INSERT INTO entries (folderid, itemid, value, at) VALUES (?, ?, ?, NOW()), (?, ?, ?, NOW())',
        ...[folder, item, value, this.#folder(), random.integer(1, ITEMS), value],
      );
    else if (dice < 0.75)
      await this.#run(
        `UPDATE entries SET value = (value * 3 + ?) % ${MODULUS}, note = CONCAT(LEFT(note, 40), ?) WHERE folderid = ?`,
        ...[value % 1000, 'ab', folder],
      );
    else if (dice < 0.95)
      await this.#run(
        'DELETE FROM entries WHERE folderid = ? AND itemid IN (?, ?)',
        folder,
        item,
        1 + (item % ITEMS),
      );
    else await this.#run('DELETE FROM entries WHERE folderid = ?', folder);
  }

  #folder(): number {
    const { random, first, folders, shared } = this.#options;
    if (shared.folders > 0 && random.chance(0.1)) return shared.first + random.integer(0, shared.folders - 1);
    return first + random.integer(0, folders - 1);
  }

  /** Prepared or with its values in the text, by dice; null: it failed in a way that others may have caused. */
  async #run(sql: string, ...values: (number | string)[]): Promise<ResultSetHeader | null> {
    const connection = this.#connection!;
    try {
      this.statements += 1;
      const prepared = values.length > 0 && this.#options.random.chance(0.5);
      const options = { sql, values, timeout: ANSWER_TIMEOUT_MS };
      const [result] = prepared
        ? await connection.execute<ResultSetHeader>(options)
        : await connection.query<ResultSetHeader>(options);
      return result;
    } catch (error) {
      const errno = error instanceof Error && 'errno' in error ? Number(error.errno) : 0;
      if (TOLERATED.has(errno)) return null;
      throw error;
    }
  }
}

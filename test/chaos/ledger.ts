/**
 * A client that knows what must be in the database: it writes to folders of its own and keeps account of what
 * was answered, what failed or was rolled back, and what became of nothing it can know.
 */
import { type Connection, createConnection } from 'mysql2/promise';
import type { Random } from '../harness/random.ts';
import { describe } from './checked-stream.ts';

export const LEDGER_SCHEMA = `CREATE TABLE ledger (
  folderid BIGINT NOT NULL, itemid BIGINT NOT NULL, note VARCHAR(40) NOT NULL,
  PRIMARY KEY (folderid, itemid)) ENGINE=InnoDB`;
export const LEDGER_TABLES = { ledger: { key: 'folderid' } } as const;

const ANSWER_TIMEOUT_MS = 30_000;
/** Ids of two writers are so far apart; a folder is written to by a few sessions and then left alone. */
const WRITER_STRIDE = 1_000_000;
const SESSIONS_A_FOLDER = 3;
const FOLDERS_AT_ONCE = 4;
const DUPLICATE_KEY = 1062;

/** A folder's items by what is known of them. */
export interface Folder {
  readonly id: number;
  readonly items: Set<number>;
  /** Written by statements that failed or were rolled back: on no server, ever. */
  readonly never: Set<number>;
  /** `doubt`: a connection ended before a change of it was answered. */
  state: 'sure' | 'doubt';
}

/** A session's end that was not its own wish. */
export interface Break {
  readonly openedAtMs: number;
  readonly brokenAtMs: number;
  readonly during: 'connect' | 'statement' | 'transaction';
  readonly error: unknown;
}

/** What a change does to its folder once it is known to stand. */
type Change = {
  readonly folder: Folder;
  readonly added: readonly number[];
  readonly removed: readonly number[];
};

export interface LedgerWriterOptions {
  readonly writer: number;
  readonly random: Random;
  readonly database: string;
  /** Where to connect to; asked before each session. */
  readonly port: () => number;
}

export class LedgerWriter {
  readonly folders: Folder[] = [];
  readonly breaks: Break[] = [];
  /** Answers that are not what they must be. */
  readonly faults: string[] = [];
  /** Sessions that ended well. */
  sessions = 0;
  statements = 0;
  readonly #options: LedgerWriterOptions;
  #connection: Connection | null = null;
  #lastId: number;
  #during: Break['during'] = 'connect';
  /** Changes whose commit is on its way to the server. */
  #asked: Change[] = [];

  constructor(options: LedgerWriterOptions) {
    this.#options = options;
    this.#lastId = (options.writer + 1) * WRITER_STRIDE;
  }

  /** One session from its connect to its end; a connection that breaks is told by `breaks`. */
  async session(): Promise<void> {
    const openedAtMs = performance.now();
    const { random } = this.#options;
    try {
      this.#during = 'connect';
      this.#connection = await this.#connect();
      this.#during = 'statement';
      for (let left = random.integer(1, 6); left > 0; left -= 1) await this.#act();
      await this.#connection.end();
      this.sessions += 1;
    } catch (error) {
      for (const { folder } of this.#asked) folder.state = 'doubt';
      this.breaks.push({ openedAtMs, brokenAtMs: performance.now(), during: this.#during, error });
      this.#connection?.destroy();
    }
    this.#asked = [];
    this.#connection = null;
    if (random.chance(1 / SESSIONS_A_FOLDER)) this.folders.push(this.#newFolder());
  }

  #act(): Promise<void> {
    const { random } = this.#options;
    const dice = random.next();
    const folder = this.#folder();
    if (dice < 0.3) return this.#read(folder);
    if (dice < 0.55) return this.#alone(this.#insert(folder, random.integer(1, 5)));
    if (dice < 0.65) return this.#alone(this.#delete(folder));
    if (dice < 0.75) return this.#failing(folder);
    return this.#transaction();
  }

  async #read(folder: Folder): Promise<void> {
    const sql = 'SELECT itemid FROM ledger WHERE folderid = ? ORDER BY itemid';
    const { random } = this.#options;
    const rows = await this.#run(
      random.chance(0.5) ? [sql, folder.id] : [sql.replace('?', String(folder.id))],
    );
    const got = (rows as { itemid: number }[]).map(({ itemid }) => itemid);
    const wanted = [...folder.items].sort((a, b) => a - b);
    if (folder.state === 'sure' && got.join() !== wanted.join())
      this.faults.push(`folder ${folder.id} holds ${got.join()} instead of ${wanted.join()}`);
  }

  /** Committed by itself. */
  async #alone(step: { sql: string; change: Change }): Promise<void> {
    this.#asked = [step.change];
    await this.#run([step.sql]);
    this.#apply();
  }

  /** Its last row is there already, so that none of its rows may stay. */
  async #failing(folder: Folder): Promise<void> {
    const [there] = folder.items;
    if (there === undefined || folder.state === 'doubt') return;
    const { sql, change } = this.#insert(folder, this.#options.random.integer(1, 3));
    for (const item of change.added) folder.never.add(item);
    const outcome = await this.#run([`${sql}, (${folder.id}, ${there}, 'twice')`]).then(
      () => 'no error',
      (error: unknown) => {
        if (error instanceof Error && 'errno' in error && error.errno === DUPLICATE_KEY) return null;
        throw error;
      },
    );
    if (outcome !== null) this.faults.push(`a duplicate row gave ${outcome}`);
  }

  async #transaction(): Promise<void> {
    const { random } = this.#options;
    await this.#run(['START TRANSACTION']);
    this.#during = 'transaction';
    const ending = random.pick(['COMMIT', 'COMMIT', 'ROLLBACK']);
    const changes: Change[] = [];
    for (let left = random.integer(1, 4); left > 0; left -= 1) {
      const folder = this.#folder();
      if (random.chance(0.2)) {
        await this.#failing(folder);
        continue;
      }
      const { sql, change } = this.#insert(folder, random.integer(1, 4));
      // Until the commit is sent a break undoes them.
      for (const item of change.added) folder.never.add(item);
      await this.#run([sql]);
      changes.push(change);
    }
    if (ending === 'COMMIT') {
      for (const { folder, added } of changes) for (const item of added) folder.never.delete(item);
      this.#asked = changes;
    }
    await this.#run([ending]);
    this.#apply();
    this.#during = 'statement';
  }

  #insert(folder: Folder, rows: number): { sql: string; change: Change } {
    const added = Array.from({ length: rows }, () => this.#nextId());
    const values = added.map((item) => `(${folder.id}, ${item}, 'note ${item}')`);
    return {
      sql: `INSERT INTO ledger (folderid, itemid, note) VALUES ${values.join(', ')}`,
      change: { folder, added, removed: [] },
    };
  }

  #delete(folder: Folder): { sql: string; change: Change } {
    const removed = [...folder.items].slice(0, this.#options.random.integer(1, 2));
    return {
      sql: `DELETE FROM ledger WHERE folderid = ${folder.id} AND itemid IN (${[0, ...removed].join(', ')})`,
      change: { folder, added: [], removed },
    };
  }

  /** What was asked for stands. */
  #apply(): void {
    for (const { folder, added, removed } of this.#asked) {
      for (const item of added) folder.items.add(item);
      for (const item of removed) folder.items.delete(item);
    }
    this.#asked = [];
  }

  #folder(): Folder {
    if (this.folders.length === 0) this.folders.push(this.#newFolder());
    return this.#options.random.pick(this.folders.slice(-FOLDERS_AT_ONCE));
  }

  #newFolder(): Folder {
    return { id: this.#nextId(), items: new Set(), never: new Set(), state: 'sure' };
  }

  #nextId(): number {
    this.#lastId += 1;
    return this.#lastId;
  }

  /** One place for a value: the statement is prepared. */
  async #run([sql, value]: readonly [sql: string, value?: number]): Promise<unknown> {
    const options = { sql, timeout: ANSWER_TIMEOUT_MS };
    const connection = this.#connection!;
    const [result] = await (value === undefined
      ? connection.query(options)
      : connection.execute(options, [value]));
    this.statements += 1;
    return result;
  }

  async #connect(): Promise<Connection> {
    const { database, port } = this.#options;
    const connection = await createConnection({
      host: '127.0.0.1',
      port: port(),
      user: 'root',
      database,
      connectTimeout: ANSWER_TIMEOUT_MS,
    });
    connection.on('error', () => {});
    return connection;
  }
}

/** A break in words, for the report of a failure. */
export function describeBreak({ during, error }: Break): string {
  return `${during}: ${describe(error)}`;
}

/** What one server holds of a writer's folders, by folder. */
export async function readLedger(
  server: { query(sql: string): Promise<unknown> },
  database: string,
): Promise<ReadonlyMap<number, ReadonlySet<number>>> {
  const rows = (await server.query(`SELECT folderid, itemid FROM ${database}.ledger`)) as {
    folderid: number;
    itemid: number;
  }[];
  const folders = new Map<number, Set<number>>();
  for (const { folderid, itemid } of rows) {
    const items = folders.get(folderid) ?? new Set();
    folders.set(folderid, items.add(itemid));
  }
  return folders;
}

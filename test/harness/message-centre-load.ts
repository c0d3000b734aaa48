/** The reference workload's sessions, as data: any client can run them. The same seed gives the same sessions. */
import { folderId, MOVED_TABLES, type MovedTable, TYPES, titleOf, USERS, WORKS } from './message-centre.ts';
import { createRandom, type Random } from './random.ts';

export type Value = bigint | number | string | null;

export interface Statement {
  /** With `?` places when it is prepared, with its literals otherwise. */
  readonly sql: string;
  /** The places' values; empty when it is not prepared. */
  readonly params: readonly Value[];
  readonly kind: 'read' | 'write' | 'delete' | 'other';
  readonly prepared: boolean;
  /** Whether its tables are among those that move; transaction control counts with what it surrounds. */
  readonly moved: boolean;
}

export interface Session {
  /** Short: connect, a handful of statements, gone. Long: one of the few that stay. */
  readonly length: 'short' | 'long';
  readonly statements: readonly Statement[];
}

export interface LoadOptions {
  readonly seed: number;
  /** As seeded. */
  readonly folders: number;
  /** 0 to 999: streams that run at once must differ, so that their new item ids do. */
  readonly stream: number;
  /** Share of sessions that use prepared statements; 0.4 where left out. */
  readonly preparedShare?: number;
  /** False leaves out the statements on users and works; true where left out. */
  readonly unmoved?: boolean;
}

export interface Load {
  next(): Session;
}

/** A place of a statement and its value, or plain SQL. */
type Part = string | { readonly value: Value };

const ITEMS_A_STREAM = 1_000_000_000_000n;
const TS_FIRST = 1_720_000_000;
const ITEMS_REMEMBERED = 200;

/** Reads are nine statements in ten; a session is an inbox page, a publication, a clean-up, or a long mixture. */
export function createLoad(options: LoadOptions): Load {
  const random = createRandom(options.seed * 1009 + options.stream);
  const author = new Author(options, random);
  return {
    next() {
      author.prepared = random.chance(options.preparedShare ?? 0.4);
      if (random.chance(0.03)) {
        const statements = Array.from({ length: random.integer(6, 15) }, () => author.page());
        return { length: 'long', statements: statements.flat() };
      }
      return { length: 'short', statements: author.page() };
    },
  };
}

interface Made {
  readonly table: MovedTable;
  readonly folder: bigint;
  readonly type: number;
  readonly item: bigint;
}

/** Writes statements; remembers the items it made, so that its deletes and checks find some. */
class Author {
  prepared = false;
  readonly #options: LoadOptions;
  readonly #random: Random;
  readonly #made: Made[] = [];
  #items = 0n;

  constructor(options: LoadOptions, random: Random) {
    this.#options = options;
    this.#random = random;
  }

  page(): Statement[] {
    const dice = this.#random.next();
    const unmoved = this.#options.unmoved !== false;
    if (dice < 0.13) return [...(unmoved ? this.#publish() : []), ...this.#fanOut()];
    if (dice < 0.2) return [this.#newest(), this.#remove()];
    return [...(unmoved ? this.#profile() : []), ...this.#inbox()];
  }

  #inbox(): Statement[] {
    const statements = [this.#newest(), this.#countByType(), this.#newest()];
    for (let left = this.#random.integer(2, 6); left > 0; left -= 1) {
      statements.push(this.#random.chance(0.4) ? this.#exists() : this.#newest());
    }
    return statements;
  }

  #newest(): Statement {
    return this.#moved('read', [
      `SELECT folderid, type, itemid, senderid, ts, title FROM ${this.#table()} WHERE folderid = `,
      { value: this.#folder() },
      ' ORDER BY ts DESC, type, itemid LIMIT 25',
    ]);
  }

  #countByType(): Statement {
    const table = this.#table();
    const folder = { value: this.#folder() };
    if (this.#random.chance(0.5)) {
      return this.#moved('read', [
        `SELECT type, COUNT(*) FROM ${table} WHERE folderid = `,
        folder,
        ' GROUP BY type ORDER BY type',
      ]);
    }
    const type = { value: this.#random.pick(TYPES) };
    return this.#moved('read', [
      `SELECT COUNT(*) FROM ${table} WHERE folderid = `,
      folder,
      ' AND type = ',
      type,
    ]);
  }

  #exists(): Statement {
    const known =
      this.#made.length > 0 && this.#random.chance(0.7) ? this.#random.pick(this.#made) : undefined;
    return this.#moved('read', [
      `SELECT 1 FROM ${known?.table ?? this.#table()} WHERE folderid = `,
      { value: known?.folder ?? this.#folder() },
      ' AND type = ',
      { value: known?.type ?? this.#random.pick(TYPES) },
      ' AND itemid = ',
      { value: known?.item ?? BigInt(this.#random.integer(1, 5000)) },
      ' LIMIT 1',
    ]);
  }

  /** One work, one statement, a row in each of many folders. */
  #fanOut(): Statement[] {
    const table = this.#table();
    const parts: Part[] = [`INSERT INTO ${table} (folderid, type, itemid, senderid, ts, title) VALUES `];
    const sender = this.#random.integer(1, USERS);
    const type = this.#random.pick(TYPES);
    const title = this.#random.chance(0.1) ? null : titleOf(this.#random);
    const rows = this.#random.heavyTailed(1, 80, 1);
    for (let row = 0; row < rows; row += 1) {
      const folder = this.#folder();
      const item = this.#newItem();
      this.#remember({ table, folder, type, item });
      parts.push(row === 0 ? '(' : ', (', { value: folder }, ', ', { value: type }, ', ', { value: item });
      parts.push(', ', { value: sender }, ', ', { value: TS_FIRST + Number(this.#items) }, ', ');
      parts.push({ value: title }, ')');
    }
    return [this.#moved('write', parts)];
  }

  /** By a list of items, by type, or, seldom, a whole folder. */
  #remove(): Statement {
    const known = this.#made.splice(0, this.#random.integer(1, 4));
    const first = known[0];
    const table = first?.table ?? this.#table();
    const folder = first?.folder ?? this.#folder();
    const parts: Part[] = [`DELETE FROM ${table} WHERE folderid = `, { value: folder }];
    const dice = this.#random.next();
    if (dice < 0.6) {
      parts.push(' AND type = ', { value: first?.type ?? 1 }, ' AND itemid IN (');
      for (const [index, { item }] of known.entries()) parts.push(index === 0 ? '' : ', ', { value: item });
      parts.push(known.length === 0 ? '0)' : ')');
    } else if (dice < 0.9) {
      parts.push(' AND type = ', { value: this.#random.pick(TYPES) });
    }
    return this.#moved('delete', parts);
  }

  #profile(): Statement[] {
    const statements: Statement[] = [];
    if (this.#random.chance(0.3)) {
      statements.push(this.#plain('other', 'SET NAMES utf8mb4'));
    }
    const user = { value: this.#random.integer(1, USERS) };
    if (this.#random.chance(0.3)) {
      const sql =
        'SELECT u.name, w.title, w.views FROM users u JOIN works w ON w.ownerid = u.id WHERE u.id = ';
      statements.push(this.#unmoved('read', [sql, user]));
    } else {
      statements.push(this.#unmoved('read', ['SELECT name, unread FROM users WHERE id = ', user]));
    }
    return statements;
  }

  /** Locks are taken in one order (users, then works; one row each), so that no two sessions deadlock. */
  #publish(): Statement[] {
    const user = { value: this.#random.integer(1, USERS) };
    const work = { value: this.#random.integer(1, WORKS) };
    return [
      this.#plain('other', 'START TRANSACTION'),
      this.#unmoved('write', ['UPDATE users SET unread = unread + 1 WHERE id = ', user]),
      this.#unmoved('write', ['UPDATE works SET views = views + 1 WHERE id = ', work]),
      this.#unmoved('read', ['SELECT views FROM works WHERE id = ', work]),
      this.#plain('other', this.#random.chance(0.85) ? 'COMMIT' : 'ROLLBACK'),
    ];
  }

  #table(): MovedTable {
    return this.#random.pick(MOVED_TABLES);
  }

  /** A few folders are looked at all the time, most of them seldom. */
  #folder(): bigint {
    return folderId(Math.floor(this.#options.folders * this.#random.next() ** 2));
  }

  #newItem(): bigint {
    this.#items += 1n;
    return BigInt(this.#options.stream + 1) * ITEMS_A_STREAM + this.#items;
  }

  #remember(made: Made): void {
    this.#made.push(made);
    if (this.#made.length > ITEMS_REMEMBERED) this.#made.shift();
  }

  #moved(kind: Statement['kind'], parts: readonly Part[]): Statement {
    return this.#statement(kind, parts, true);
  }

  #unmoved(kind: Statement['kind'], parts: readonly Part[]): Statement {
    return this.#statement(kind, parts, false);
  }

  #plain(kind: Statement['kind'], sql: string): Statement {
    return { sql, params: [], kind, prepared: false, moved: false };
  }

  #statement(kind: Statement['kind'], parts: readonly Part[], moved: boolean): Statement {
    const { prepared } = this;
    const values = parts.flatMap((part) => (typeof part === 'string' ? [] : [part.value]));
    const sql = parts.map((part) => (typeof part === 'string' ? part : prepared ? '?' : literal(part.value)));
    return { sql: sql.join(''), params: prepared ? values : [], kind, prepared, moved };
  }
}

function literal(value: Value): string {
  if (value === null) return 'NULL';
  return typeof value === 'string' ? `'${value.replace(/[\\']/g, '\\$&')}'` : String(value);
}

/** The temporary tables of a session, by database and name; bounded. */
import type { Plan, TableName } from '../sql/plan.ts';

/** Names beyond these are not told apart: the session's statements are not mirrored. */
const TABLES_MAX = 1000;

type Standing = 'temporary' | 'perhaps';

export class TemporaryTables {
  /** Null in the many sessions that create none. */
  #names: Map<string, Standing> | null = null;

  copy(): TemporaryTables {
    const copy = new TemporaryTables();
    copy.#names = this.#names && new Map(this.#names);
    return copy;
  }

  get some(): boolean {
    return this.#names !== null && this.#names.size > 0;
  }

  /** May a table of this name, in this database, be temporary? More than can be told apart count as every table. */
  has(database: string | null, name: string): boolean {
    return !this.#told || this.#names?.has(keyOf(database, name)) === true;
  }

  /** Is it temporary for certain? */
  isSurely(database: string | null, name: string): boolean {
    return this.#told && this.#names?.get(keyOf(database, name)) === 'temporary';
  }

  /** A definition was changed, in a session whose database is `database`. */
  follow({ digest, tables, temporary }: Plan, database: string | null): void {
    const each = (change: (key: string) => void, of: readonly TableName[] = tables): void => {
      for (const table of of) change(keyOf(table.database ?? database, table.name));
    };
    const [first] = tables;
    // Without the word TEMPORARY as well, the temporary table of a name is dropped first.
    if (digest.startsWith(temporary ? 'DROP' : 'DROP TABLE')) each((key) => this.#drop(key));
    // What stands behind the first is what the new table is filled from.
    else if (temporary && first !== undefined) each((key) => this.#add(key, 'temporary'), [first]);
    else if (this.some && /^(?:ALTER|RENAME)\b/i.test(digest) && /\bRENAME\b/i.test(digest)) {
      const isOurs = tables.some((table) => this.has(table.database ?? database, table.name));
      // Which of the names is left to a temporary table depends on the server and on the order of them.
      if (isOurs) each((key) => this.#add(key, 'perhaps'));
    }
  }

  /** Any of them may have been dropped, and so be a lasting one. */
  doubtAll(): void {
    for (const key of this.#names?.keys() ?? []) this.#names?.set(key, 'perhaps');
  }

  /** It may have been made, or dropped. */
  perhaps(database: string | null, name: string): void {
    this.#add(keyOf(database, name), 'perhaps');
  }

  get #told(): boolean {
    return this.#names === null || this.#names.size < TABLES_MAX;
  }

  #add(key: string, standing: Standing): void {
    this.#names ??= new Map();
    if (this.#told) this.#names.set(key, standing);
  }

  #drop(key: string): void {
    if (this.#told) this.#names?.delete(key);
  }
}

function keyOf(database: string | null, name: string): string {
  return `${database ?? ''}.${name}`;
}

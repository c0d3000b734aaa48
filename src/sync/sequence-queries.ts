/** Reads what gives out numbers on one server: AUTO_INCREMENT columns, rows of sequence tables, SEQUENCEs. */
import { messageOf } from '../base/errors.ts';
import type { SequenceTable } from '../config/sequences-schema.ts';
import type { Step } from './auto-increment.ts';
import {
  type NamedReading,
  type Place,
  type Reading,
  type SequenceKind,
  type ServerReadings,
  sequenceId,
} from './sequence.ts';
import { autoIncrementReading, objectReading, rowReading } from './sequence-reading.ts';
import type { ServerKind } from './side.ts';
import type { Row, Value } from './value.ts';

type Field = Value | undefined;

/** As much of a server as is asked here. */
export interface NumberSource {
  readonly kind: ServerKind;
  rows(sql: string, values?: readonly unknown[]): Promise<readonly Row[]>;
}

export interface SequenceScope {
  /** The database on this server; null: every one but the server's own. */
  readonly database: string | null;
  /** Whether the AUTO_INCREMENT of a table is compared. */
  readonly moves: (table: string) => boolean;
  /** Whether a SEQUENCE is. */
  readonly movesObject: (name: string) => boolean;
  readonly sequenceTables: ReadonlyMap<string, SequenceTable>;
}

/** The same of these tables alone. */
export function narrowed(scope: SequenceScope, tables: ReadonlySet<string>): SequenceScope {
  return {
    ...scope,
    moves: (table) => tables.has(table) && scope.moves(table),
    movesObject: (name) => tables.has(name) && scope.movesObject(name),
    sequenceTables: new Map([...scope.sequenceTables].filter(([table]) => tables.has(table))),
  };
}

/** Of each kind; beyond as many nothing is read, as memory and time are bounded. */
const SEQUENCES_MAX = 10_000;
/** For one server, on top of the bound of each query. */
const READING_MAX_MS = 120_000;
/** More tables than a server of sense has. */
const OTHERS_MAX = 200_000;
const OWN_DATABASES = "('mysql', 'information_schema', 'performance_schema', 'sys')";

/** Rejects where the server as a whole can't be asked. */
export async function readSequences(
  server: NumberSource,
  place: Place,
  scope: SequenceScope,
): Promise<ServerReadings> {
  return new SequenceReader(server, place, scope).read();
}

interface Column {
  readonly database: string;
  readonly table: string;
  readonly name: string;
  readonly type: string;
  readonly numbered: boolean;
}

class OutOfTime extends Error {
  constructor() {
    super(`its numbers could not be read within ${READING_MAX_MS / 1000} s`);
  }
}

class SequenceReader {
  readonly #server: NumberSource;
  readonly #place: Place;
  readonly #scope: SequenceScope;
  readonly #sequences = new Map<string, NamedReading>();
  readonly #faults: string[] = [];
  /** Tables of another engine than InnoDB. */
  readonly #othersEngines = new Set<string>();
  readonly #until = performance.now() + READING_MAX_MS;

  constructor(server: NumberSource, place: Place, scope: SequenceScope) {
    this.#server = server;
    this.#place = place;
    this.#scope = scope;
  }

  async read(): Promise<ServerReadings> {
    const { moves, sequenceTables } = this.#scope;
    const step = await this.#step();
    const columns = await this.#columns();
    await this.#readEngines();
    for (const column of columns) {
      if (column.numbered && moves(column.table)) await this.#readColumn(column, step);
    }
    for (const table of sequenceTables.keys()) await this.#readSequenceTable(table, columns);
    if (this.#server.kind === 'mariadb') await this.#readObjects(step);
    return { type: 'read', sequences: this.#sequences, faults: this.#faults };
  }

  async #step(): Promise<Step> {
    const [row] = await this.#ask('SELECT @@GLOBAL.auto_increment_increment, @@GLOBAL.auto_increment_offset');
    return { increment: wholeOf(row?.[0]) ?? 1n, offset: wholeOf(row?.[1]) ?? 1n };
  }

  async #columns(): Promise<Column[]> {
    const named = [...this.#scope.sequenceTables.keys()];
    const [scope, values] = this.#inScope('TABLE_SCHEMA');
    const alsoOf = named.length === 0 ? '' : ` OR TABLE_NAME IN (${named.map(() => '?').join(', ')})`;
    const rows = await this.#ask(
      `SELECT TABLE_SCHEMA, TABLE_NAME, COLUMN_NAME, COLUMN_TYPE, EXTRA FROM information_schema.COLUMNS
        WHERE ${scope} AND (EXTRA LIKE '%auto_increment%'${alsoOf})
        ORDER BY TABLE_SCHEMA, TABLE_NAME, ORDINAL_POSITION LIMIT ${SEQUENCES_MAX + 1}`,
      [...values, ...named],
    );
    if (rows.length > SEQUENCES_MAX)
      this.#faults.push(`only the first ${SEQUENCES_MAX} columns that give out numbers are looked at`);
    return rows.slice(0, SEQUENCES_MAX).map(([database, table, name, type, extra]) => ({
      database: textOf(database),
      table: textOf(table),
      name: textOf(name),
      type: textOf(type),
      numbered: /auto_increment/i.test(textOf(extra)),
    }));
  }

  /** The column may be gone since it was listed, or the account may not read the table: that is told of it alone. */
  async #readColumn(column: Column, step: Step): Promise<void> {
    const reading = await this.#attempt(() => this.#columnReading(column, step));
    this.#add('auto_increment', column.database, column.table, column.name, reading);
  }

  async #columnReading({ database, table, name, type }: Column, step: Step): Promise<Reading> {
    const prefix = this.#othersEngines.has(placeOf(database, table))
      ? await this.#prefixOf(database, table, name)
      : [];
    if (prefix.length > 0) {
      const why = `is counted by itself for each value of ${prefix.join(', ')}: the rows alone decide`;
      return { type: 'incomparable', why };
    }
    const [highest] = await this.#ask(
      `SELECT CAST(CAST(MAX(${quoted(name)}) AS DECIMAL(65, 0)) AS CHAR) FROM ${quoted(database)}.${quoted(table)}`,
    );
    // Behind that query: of a table not opened since its start MySQL 9 says a number that is too low by one.
    const [counter] = await this.#ask(
      `SELECT CAST(AUTO_INCREMENT AS CHAR) FROM information_schema.TABLES
        WHERE TABLE_SCHEMA = ? AND TABLE_NAME = ?`,
      [database, table],
    );
    return autoIncrementReading({
      counter: wholeOf(counter?.[0]),
      highest: wholeOf(highest?.[0]),
      columnType: type,
      step,
    });
  }

  /** InnoDB always counts for the whole table; of others an index has to be asked. */
  async #readEngines(): Promise<void> {
    const [scope, values] = this.#inScope('TABLE_SCHEMA');
    const rows = await this.#ask(
      `SELECT TABLE_SCHEMA, TABLE_NAME FROM information_schema.TABLES
        WHERE ${scope} AND ENGINE IS NOT NULL AND ENGINE <> 'InnoDB' LIMIT ${OTHERS_MAX}`,
      values,
    );
    for (const [database, table] of rows) this.#othersEngines.add(placeOf(textOf(database), textOf(table)));
  }

  /**
   * The columns before it in the index by which MyISAM and Aria count; none where an index begins with it.
   * https://dev.mysql.com/doc/refman/8.4/en/example-auto-increment.html
   */
  async #prefixOf(database: string, table: string, column: string): Promise<string[]> {
    const rows = await this.#ask(
      `SELECT INDEX_NAME, COLUMN_NAME FROM information_schema.STATISTICS
        WHERE TABLE_SCHEMA = ? AND TABLE_NAME = ? ORDER BY INDEX_NAME, SEQ_IN_INDEX`,
      [database, table],
    );
    const indexes = new Map<string, string[]>();
    for (const [index, name] of rows)
      indexes.set(textOf(index), [...(indexes.get(textOf(index)) ?? []), textOf(name)]);
    const prefixes = [...indexes.values()]
      .filter((columns) => columns.includes(column))
      .map((columns) => columns.slice(0, columns.indexOf(column)));
    return prefixes.sort((left, right) => left.length - right.length)[0] ?? [];
  }

  async #readSequenceTable(table: string, columns: readonly Column[]): Promise<void> {
    const own = columns.filter((column) => column.table === table);
    const databases = new Set(own.map((column) => column.database));
    if (databases.size === 0)
      this.#faults.push(`the sequence table ${table} is not there, or the account may not see it`);
    for (const database of databases) {
      try {
        await this.#readRows(
          database,
          table,
          own.filter((column) => column.database === database),
        );
      } catch (error) {
        if (error instanceof OutOfTime) throw error;
        this.#faults.push(`the sequence table ${table} can't be read: ${messageOf(error)}`);
      }
    }
  }

  async #readRows(database: string, table: string, columns: readonly Column[]): Promise<void> {
    const wanted = this.#scope.sequenceTables.get(table);
    if (wanted === undefined) return;
    const value = columns.find((column) => column.name === wanted.value);
    const name = wanted.name === null ? null : columns.find((column) => column.name === wanted.name);
    if (value === undefined || name === undefined) {
      const missing = value === undefined ? wanted.value : wanted.name;
      throw new Error(`it has no column ${missing}; see sequences.tables.${table}`);
    }
    const rows = await this.#ask(
      `SELECT ${name === null ? "''" : `CAST(${quoted(name.name)} AS CHAR)`}, CAST(${quoted(value.name)} AS CHAR)
         FROM ${quoted(database)}.${quoted(table)} LIMIT ${SEQUENCES_MAX + 1}`,
    );
    if (rows.length > SEQUENCES_MAX) throw new Error(`it has more than ${SEQUENCES_MAX} rows`);
    if (name === null && rows.length > 1)
      throw new Error(`it has ${rows.length} rows; name the column that tells them apart`);
    const seen = new Set<string>();
    for (const [part, number] of rows) {
      const reading = await this.#attempt(async () => {
        if (seen.has(textOf(part))) throw new Error('several rows have this name');
        return rowReading(wholeOf(number), value.type);
      });
      seen.add(textOf(part));
      this.#add('row', database, table, textOf(part), reading);
    }
  }

  async #readObjects(step: Step): Promise<void> {
    const [scope, values] = this.#inScope('TABLE_SCHEMA');
    const rows = await this.#ask(
      `SELECT TABLE_SCHEMA, TABLE_NAME FROM information_schema.TABLES
        WHERE ${scope} AND TABLE_TYPE = 'SEQUENCE' ORDER BY TABLE_SCHEMA, TABLE_NAME LIMIT ${SEQUENCES_MAX}`,
      values,
    );
    for (const [database, name] of rows) {
      if (!this.#scope.movesObject(textOf(name))) continue;
      const reading = await this.#attempt(() => this.#objectReading(textOf(database), textOf(name), step));
      this.#add('object', textOf(database), textOf(name), '', reading);
    }
  }

  async #objectReading(database: string, name: string, step: Step): Promise<Reading> {
    const columns = [
      ...['next_not_cached_value', 'minimum_value', 'maximum_value'],
      ...['increment', 'cache_size', 'cycle_option'],
    ];
    const [row] = await this.#ask(
      `SELECT ${columns.map((column) => `CAST(${column} AS CHAR)`).join(', ')} FROM ${quoted(database)}.${quoted(name)}`,
    );
    const [nextNotCached, minimum, maximum, increment, cache, cycle] = columns.map(
      (_, index) => wholeOf(row?.[index]) ?? 0n,
    ) as [bigint, bigint, bigint, bigint, bigint, bigint];
    const cycles = cycle !== 0n;
    return objectReading({ nextNotCached, minimum, maximum, increment, cache, cycles, step }, this.#place);
  }

  async #ask(sql: string, values: readonly unknown[] = []): Promise<readonly Row[]> {
    if (performance.now() > this.#until) throw new OutOfTime();
    return this.#server.rows(sql, values);
  }

  async #attempt(read: () => Promise<Reading>): Promise<Reading> {
    try {
      return await read();
    } catch (error) {
      if (error instanceof OutOfTime) throw error;
      return { type: 'unreadable', reason: messageOf(error) };
    }
  }

  #add(kind: SequenceKind, database: string, table: string, part: string, reading: Reading): void {
    const sequence = { kind, database: this.#scope.database === null ? database : null, table, part };
    this.#sequences.set(sequenceId(sequence), { sequence, reading });
  }

  #inScope(column: string): [condition: string, values: readonly unknown[]] {
    const { database } = this.#scope;
    return database === null ? [`${column} NOT IN ${OWN_DATABASES}`, []] : [`${column} = ?`, [database]];
  }
}

function placeOf(database: string, table: string): string {
  return `${database}\0${table}`;
}

function textOf(field: Field): string {
  return field?.toString() ?? '';
}

/** Null for NULL. Throws where it is no whole number. */
function wholeOf(field: Field): bigint | null {
  if (field === null || field === undefined) return null;
  const text = field.toString();
  if (!/^-?\d+(?:\.0+)?$/.test(text))
    throw new Error(`${JSON.stringify(text.slice(0, 40))} is no whole number`);
  return BigInt(text.split('.')[0] ?? '');
}

export function quoted(name: string): string {
  return `\`${name.replaceAll('`', '``')}\``;
}

/** The columns with AUTO_INCREMENT of one server, and the columns of its sequence tables. */
import type { Step } from './auto-increment.ts';
import type { NamedReading, Reading } from './sequence.ts';
import { autoIncrementReading } from './sequence-reading.ts';
import { type AskedForNumbers, quoted, SEQUENCES_MAX, textOf, wholeOf } from './sequence-source.ts';

export interface Column {
  readonly database: string;
  readonly table: string;
  readonly name: string;
  /** COLUMN_TYPE: `bigint(20) unsigned`. */
  readonly type: string;
  readonly numbered: boolean;
}

/** More tables than a server of sense has. */
const OTHERS_MAX = 200_000;

/** In the tables' order; `whole` is false where there are more than are looked at. */
export async function listColumns(
  server: AskedForNumbers,
): Promise<{ readonly columns: readonly Column[]; readonly whole: boolean }> {
  const named = [...server.scope.sequenceTables.keys()];
  const [scope, values] = server.inScope();
  const alsoOf = named.length === 0 ? '' : ` OR TABLE_NAME IN (${named.map(() => '?').join(', ')})`;
  const rows = await server.rows(
    `SELECT TABLE_SCHEMA, TABLE_NAME, COLUMN_NAME, COLUMN_TYPE, EXTRA FROM information_schema.COLUMNS
      WHERE ${scope} AND (EXTRA LIKE '%auto_increment%'${alsoOf})
      ORDER BY TABLE_SCHEMA, TABLE_NAME, ORDINAL_POSITION LIMIT ${SEQUENCES_MAX + 1}`,
    [...values, ...named],
  );
  const columns = rows.slice(0, SEQUENCES_MAX).map(([database, table, name, type, extra]) => ({
    database: textOf(database),
    table: textOf(table),
    name: textOf(name),
    type: textOf(type),
    numbered: /auto_increment/i.test(textOf(extra)),
  }));
  return { columns, whole: rows.length <= SEQUENCES_MAX };
}

export async function readNumberedColumns(
  server: AskedForNumbers,
  columns: readonly Column[],
  step: Step,
): Promise<NamedReading[]> {
  const others = await otherEngines(server);
  const readings: NamedReading[] = [];
  for (const column of columns) {
    const { database, table, name, numbered } = column;
    if (!numbered || !server.scope.moves(table)) continue;
    const reading = await server.attempt(async () => {
      const prefix = others.has(placeOf(database, table)) ? await prefixOf(server, column) : [];
      return prefix.length === 0 ? await readingOf(server, column, step) : countedBy(prefix);
    });
    const sequence = { kind: 'auto_increment', database: server.named(database), table, part: name } as const;
    readings.push({ sequence, reading });
  }
  return readings;
}

async function readingOf(server: AskedForNumbers, column: Column, step: Step): Promise<Reading> {
  const { database, table, name, type } = column;
  const [highest] = await server.rows(
    `SELECT CAST(CAST(MAX(${quoted(name)}) AS DECIMAL(65, 0)) AS CHAR) FROM ${quoted(database)}.${quoted(table)}`,
  );
  // Behind that query: of a table not opened since its start MySQL 9 says a number that is too low by one.
  const [counter] = await server.rows(
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

function countedBy(prefix: readonly string[]): Reading {
  const why = `is counted by itself for each value of ${prefix.join(', ')}: the rows alone decide`;
  return { type: 'incomparable', why };
}

/** Tables of another engine than InnoDB, which always counts for the whole table; of others an index has to be asked. */
async function otherEngines(server: AskedForNumbers): Promise<ReadonlySet<string>> {
  const [scope, values] = server.inScope();
  const rows = await server.rows(
    `SELECT TABLE_SCHEMA, TABLE_NAME FROM information_schema.TABLES
      WHERE ${scope} AND ENGINE IS NOT NULL AND ENGINE <> 'InnoDB' LIMIT ${OTHERS_MAX}`,
    values,
  );
  return new Set(rows.map(([database, table]) => placeOf(textOf(database), textOf(table))));
}

/**
 * The columns before it in the index by which MyISAM and Aria count; none where an index begins with it.
 * https://dev.mysql.com/doc/refman/8.4/en/example-auto-increment.html
 */
async function prefixOf(
  server: AskedForNumbers,
  { database, table, name: column }: Column,
): Promise<string[]> {
  const rows = await server.rows(
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

function placeOf(database: string, table: string): string {
  return `${database}\0${table}`;
}

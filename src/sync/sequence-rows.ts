/** The sequence tables of one server: a row for each sequence, with the last number that it gave out. */
import { messageOf } from '../base/errors.ts';
import type { SequenceTable } from '../config/sequences-schema.ts';
import type { Column } from './numbered-columns.ts';
import type { NamedReading } from './sequence.ts';
import { rowReading } from './sequence-reading.ts';
import { type AskedForNumbers, quoted, SEQUENCES_MAX, textOf, wholeOf } from './sequence-source.ts';

export interface SequenceRows {
  readonly readings: readonly NamedReading[];
  /** What is not as the configuration says, in sentences. */
  readonly faults: readonly string[];
}

/** `columns`: those of the sequence tables at least. */
export async function readSequenceTables(
  server: AskedForNumbers,
  columns: readonly Column[],
): Promise<SequenceRows> {
  const readings: NamedReading[] = [];
  const faults: string[] = [];
  for (const [table, wanted] of server.scope.sequenceTables) {
    const own = columns.filter((column) => column.table === table);
    if (own.length === 0)
      faults.push(`the sequence table ${table} is not there, or the account may not see it`);
    for (const database of new Set(own.map((column) => column.database))) {
      const there = own.filter((column) => column.database === database);
      try {
        readings.push(...(await readTable(server, there, wanted)));
      } catch (error) {
        faults.push(`the sequence table ${table} can't be read: ${messageOf(error)}`);
      }
    }
  }
  return { readings, faults };
}

/** `columns`: all of one table. */
async function readTable(
  server: AskedForNumbers,
  columns: readonly Column[],
  wanted: SequenceTable,
): Promise<NamedReading[]> {
  const { value, name } = columnsOf(columns, wanted);
  const { database, table } = value;
  const rows = await server.rows(
    `SELECT ${name === null ? "''" : `CAST(${quoted(name.name)} AS CHAR)`}, ${asText(value)}
       FROM ${quoted(database)}.${quoted(table)} LIMIT ${SEQUENCES_MAX + 1}`,
  );
  if (rows.length > SEQUENCES_MAX) throw new Error(`it has more than ${SEQUENCES_MAX} rows`);
  if (name === null && rows.length > 1)
    throw new Error(`it has ${rows.length} rows; name the column that tells them apart`);
  const seen = new Set<string>();
  const readings: NamedReading[] = [];
  for (const [field, number] of rows) {
    const part = textOf(field);
    const reading = await server.attempt(async () => {
      if (field === null) throw new Error(`its ${name?.name} is NULL, so that nothing can name it`);
      if (seen.has(part)) throw new Error('several rows have this name');
      return rowReading(wholeOf(number), value.type);
    });
    seen.add(part);
    readings.push({ sequence: { kind: 'row', database: server.named(database), table, part }, reading });
  }
  return readings;
}

/** A FLOAT shows six of its digits alone. */
function asText({ name, type }: Column): string {
  return `CAST(${quoted(name)}${/^float/i.test(type) ? ' + 0E0' : ''} AS CHAR)`;
}

function columnsOf(
  columns: readonly Column[],
  wanted: SequenceTable,
): { readonly value: Column; readonly name: Column | null } {
  const find = (name: string): Column => {
    const found = columns.find((column) => column.name === name);
    if (found !== undefined) return found;
    throw new Error(`it has no column ${name}; see sequences.tables.${columns[0]?.table}`);
  };
  return { value: find(wanted.value), name: wanted.name === null ? null : find(wanted.name) };
}

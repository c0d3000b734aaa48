/** The SEQUENCEs of a MariaDB server. */
import type { Step } from './auto-increment.ts';
import type { NamedReading, Place, Reading } from './sequence.ts';
import { objectReading } from './sequence-reading.ts';
import { type AskedForNumbers, quoted, SEQUENCES_MAX, textOf, wholeOf } from './sequence-source.ts';

export async function readObjects(
  server: AskedForNumbers,
  place: Place,
  step: Step,
): Promise<NamedReading[]> {
  if (server.kind !== 'mariadb') return [];
  const [scope, values] = server.inScope();
  const rows = await server.rows(
    `SELECT TABLE_SCHEMA, TABLE_NAME FROM information_schema.TABLES
      WHERE ${scope} AND TABLE_TYPE = 'SEQUENCE' ORDER BY TABLE_SCHEMA, TABLE_NAME LIMIT ${SEQUENCES_MAX}`,
    values,
  );
  const readings: NamedReading[] = [];
  for (const row of rows) {
    const [database, table] = [textOf(row[0]), textOf(row[1])];
    if (!server.scope.movesObject(table)) continue;
    const from = `${quoted(database)}.${quoted(table)}`;
    const reading = await server.attempt(() => readObject(server, from, place, step));
    readings.push({
      sequence: { kind: 'object', database: server.named(database), table, part: '' },
      reading,
    });
  }
  return readings;
}

/** https://mariadb.com/docs/server/reference/sql-structure/sequences/sequence-overview */
async function readObject(server: AskedForNumbers, from: string, place: Place, step: Step): Promise<Reading> {
  const [row] = await server.rows(
    `SELECT CAST(next_not_cached_value AS CHAR), CAST(minimum_value AS CHAR), CAST(maximum_value AS CHAR),
            CAST(increment AS CHAR), CAST(cache_size AS CHAR), CAST(cycle_option AS CHAR) FROM ${from}`,
  );
  const field = (index: number): bigint => wholeOf(row?.[index]) ?? 0n;
  const figures = {
    nextNotCached: field(0),
    minimum: field(1),
    maximum: field(2),
    increment: field(3),
    cache: field(4),
    cycles: field(5) !== 0n,
    step,
  };
  return objectReading(figures, place);
}

/** What the configuration names and a server has not, or does not show: a name that is misspelt would else be in order. */
import type { Place } from './sequence.ts';
import { type AskedForNumbers, textOf } from './sequence-source.ts';

const HIDDEN = 'is not there, or the account may not see it';

/** In a sentence; null: it is there, or the configuration takes every database. */
export async function databaseAbsence(server: AskedForNumbers, place: Place): Promise<string | null> {
  const { database } = server.scope;
  if (database === null) return null;
  const rows = await server.rows(
    'SELECT SCHEMA_NAME FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = ?',
    [database],
  );
  if (rows.length > 0) return null;
  return `the database ${database} ${HIDDEN}: see ${place.startsWith('old') ? 'old' : 'new'}.database of the shard`;
}

/** In sentences, of the tables that the configuration lists. */
export async function tableAbsences(server: AskedForNumbers): Promise<string[]> {
  const listed = [...server.scope.listed];
  if (listed.length === 0) return [];
  const [scope, values] = server.inScope();
  const rows = await server.rows(
    `SELECT DISTINCT TABLE_NAME FROM information_schema.TABLES
      WHERE ${scope} AND TABLE_NAME IN (${listed.map(() => '?').join(', ')})`,
    [...values, ...listed],
  );
  const there = new Set(rows.map(([table]) => textOf(table)));
  return listed
    .filter((table) => !there.has(table))
    .map((table) => `the table ${table} ${HIDDEN}: see "tables"`);
}

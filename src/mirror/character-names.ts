/** The SET NAMES statement that stands for a collation id, as a client's login or COM_CHANGE_USER names it. */
import mysql2 from 'mysql2';
import type { ServerKind } from './sql-modes.ts';

/** MySQL 8's own collations: asked for by id, MariaDB takes its default instead. */
const MYSQL_ONLY = /_0900_/;

/** Made beforehand, as every login asks for one. */
const STATEMENTS: Readonly<Record<ServerKind, Map<number, string>>> = {
  mariadb: new Map(),
  mysql: new Map(),
};
for (const [name, id] of Object.entries(mysql2.Charsets)) {
  // mysql2's table also has bare character sets, which stand for their default collation.
  if (typeof id !== 'number' || !(name.includes('_') || name === 'BINARY')) continue;
  STATEMENTS.mariadb.set(id, makeStatement(name.toLowerCase(), 'mariadb'));
  STATEMENTS.mysql.set(id, makeStatement(name.toLowerCase(), 'mysql'));
}

/** An id that is not known gets the lane's default, as a server then takes its own. */
export function setNamesFor(collationId: number, primary: ServerKind | null = null): string {
  return STATEMENTS[primary ?? 'mariadb'].get(collationId) ?? 'SET NAMES utf8mb4';
}

const NAMES = /^SET (?:NAMES|(CHARACTER SET)) ['"]?(\w+)['"]?(?: COLLATE ['"]?(\w+)['"]?)?$/i;

/** What a SET NAMES or SET CHARACTER SET sets one of its variables to, as SQL; null: the statement does not say. */
export function namedIn(statement: string, variable: string): string | null {
  const [, ofDatabase, charset, collation] = NAMES.exec(statement) ?? [];
  const isConnection = variable.endsWith('_connection');
  if (charset === undefined || (isConnection && ofDatabase !== undefined)) return null;
  const value = variable === 'collation_connection' ? collation : charset;
  return value === undefined ? null : `'${value}'`;
}

function makeStatement(collation: string, primary: ServerKind): string {
  if (collation === 'binary') return 'SET NAMES binary';
  const charset = collation.slice(0, collation.indexOf('_'));
  if (primary !== 'mysql' && MYSQL_ONLY.test(collation)) return `SET NAMES ${charset}`;
  return `SET NAMES ${charset} COLLATE ${collation}`;
}

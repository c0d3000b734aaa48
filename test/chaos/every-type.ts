/** A table that has a column of every type, filled from literals: of each side its own spelling. */
import type { Connection, RowDataPacket } from 'mysql2/promise';
import type { ServerKind, Sides } from '../../src/sync/side.ts';
import { COLUMN_CASES, type ColumnCase } from '../integration/column-cases.ts';

export const EVERY_TYPE = 'every_type';
const MODE = 'ALLOW_INVALID_DATES,NO_AUTO_VALUE_ON_ZERO';
const ROWS_A_FOLDER = 2;

/** Its columns are `c0`, `c1` and so on. */
export function casesOf(kinds: Sides<ServerKind>): readonly ColumnCase[] {
  return COLUMN_CASES.filter(({ kinds: needed, values, types }) => {
    if (needed?.old === 'mariadb' && needed.new === 'mysql' && kinds.old === kinds.new) return false;
    // One row is to stay small, and the text of a FLOAT in a DOUBLE is not the one way to write it.
    if (values.some((value) => String(value).includes('REPEAT'))) return false;
    if (types.old === 'FLOAT' && types.new === 'DOUBLE') return false;
    return (needed?.old ?? kinds.old) === kinds.old && (needed?.new ?? kinds.new) === kinds.new;
  });
}

/** As many folders as there are columns; one of the same name makes room. */
export async function createEveryType(
  connection: Connection,
  side: 'old' | 'new',
  cases: readonly ColumnCase[],
  engine: string,
): Promise<void> {
  await connection.query(`SET SESSION sql_mode = '${MODE}', time_zone = '+00:00'`);
  const columns = cases.map(({ types }, column) => `c${column} ${types[side]}`);
  await connection.query(`DROP TABLE IF EXISTS ${EVERY_TYPE}`);
  await connection.query(
    `CREATE TABLE ${EVERY_TYPE} (folderid BIGINT NOT NULL, id INT NOT NULL, ${columns.join(', ')},
       PRIMARY KEY (folderid, id)) ENGINE ${engine}`,
  );
  const names = ['folderid', 'id', ...cases.map((_, column) => `c${column}`)];
  for (let folder = 0; folder < cases.length; folder++) {
    const rows = Array.from({ length: ROWS_A_FOLDER }, (_, id) => {
      const values = cases.map((one, column) => literalOf(one, side, folder * ROWS_A_FOLDER + id + column));
      return `(${[folder, id, ...values].join(', ')})`;
    });
    await connection.query(
      `INSERT IGNORE INTO ${EVERY_TYPE} (${names.join(', ')}) VALUES ${rows.join(', ')}`,
    );
  }
}

/** Another value in each column, of one row of a folder each. */
export async function corruptEveryType(connection: Connection, cases: readonly ColumnCase[]): Promise<void> {
  await connection.query(`SET SESSION sql_mode = '${MODE}', time_zone = '+00:00'`);
  for (const [column, one] of cases.entries()) {
    const other = literalOf(one, 'new', column * ROWS_A_FOLDER + column + 1);
    await connection.query(
      `UPDATE IGNORE ${EVERY_TYPE} SET c${column} = ${other} WHERE folderid = ${column} AND id = 0`,
    );
  }
}

/** What the server says of each value, and its bytes. */
export async function everyTypeRows(connection: Connection, cases: readonly ColumnCase[]): Promise<unknown> {
  const values = cases.flatMap((_, column) => [`c${column}`, `HEX(c${column})`]);
  const [rows] = await connection.query<RowDataPacket[][]>({
    sql: `SELECT folderid, id, ${values.join(', ')} FROM ${EVERY_TYPE} ORDER BY folderid, id`,
    rowsAsArray: true,
    typeCast: (field) => field.buffer()?.toString('latin1') ?? null,
  });
  return rows;
}

function literalOf({ values }: ColumnCase, side: 'old' | 'new', place: number): string {
  const value = values[place % values.length]!;
  return typeof value === 'string' ? value : value[side === 'old' ? 0 : 1];
}

/** sysbench's tables, made by hand: its own `prepare` would fill each server with other rows. */
import { createRandom } from '../../test/harness/random.ts';
import type { SqlServer } from '../../test/harness/sql-server.ts';

export interface SysbenchTables {
  readonly tables: number;
  readonly rows: number;
}

const ROWS_AN_INSERT = 1000;
const C_LENGTH = 119;
const PAD_LENGTH = 59;

/** The same seed gives the same rows on every server. `database` exists. */
export async function makeSysbenchTables(
  server: Pick<SqlServer, 'connect'>,
  database: string,
  engine: string,
  { tables, rows }: SysbenchTables,
): Promise<void> {
  const random = createRandom(tables * rows);
  const digits = (length: number): string =>
    Array.from({ length }, (_, at) => (at % 12 === 11 ? '-' : String(random.integer(0, 9)))).join('');
  const connection = await server.connect({ database });
  try {
    for (let table = 1; table <= tables; table += 1) {
      await connection.query(`CREATE TABLE sbtest${table} (
        id INTEGER NOT NULL AUTO_INCREMENT PRIMARY KEY, k INTEGER NOT NULL DEFAULT 0,
        c CHAR(120) NOT NULL DEFAULT '', pad CHAR(60) NOT NULL DEFAULT '', KEY k_${table} (k)) ENGINE=${engine}`);
      for (let done = 0; done < rows; done += ROWS_AN_INSERT) {
        const values = Array.from(
          { length: Math.min(ROWS_AN_INSERT, rows - done) },
          () => `(${random.integer(1, rows)},'${digits(C_LENGTH)}','${digits(PAD_LENGTH)}')`,
        );
        await connection.query(`INSERT INTO sbtest${table} (k, c, pad) VALUES ${values.join(',')}`);
      }
    }
  } finally {
    connection.destroy();
  }
}

/** Every variable that a session of a real server may set stands under a class: none is missed in silence. */
import type { RowDataPacket } from 'mysql2/promise';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { variableClass } from '../../src/sql/session-variables.ts';
import { startMariadb } from '../harness/mariadb.ts';
import { startMysql } from '../harness/mysql.ts';
import type { SqlServer } from '../harness/sql-server.ts';

/** ER_GLOBAL_VARIABLE, ER_INCORRECT_GLOBAL_LOCAL_VAR, and a session's that is read only. */
const NOT_OF_SESSIONS: readonly unknown[] = [1229, 1238, 1621];

describe.each([
  ['MariaDB', startMariadb],
  ['MySQL 9', startMysql],
] as const)('%s', (_kind, startServer) => {
  let server: SqlServer;
  beforeAll(async () => {
    server = await startServer({ name: 'variables' });
  });
  afterAll(() => server?.destroy());

  async function settable(): Promise<string[]> {
    const client = await server.connect();
    const [rows] = await client.query<RowDataPacket[]>('SHOW SESSION VARIABLES');
    const names: string[] = [];
    for (const name of rows.map((row) => String(row.Variable_name))) {
      const error: unknown = await client.query(`SET SESSION ${name} = @@SESSION.${name}`).then(
        () => null,
        (refusal) => refusal.errno,
      );
      if (!NOT_OF_SESSIONS.includes(error)) names.push(name.toLowerCase());
    }
    await client.end();
    return names;
  }

  it('every variable that a session may set stands under a class', async () => {
    const names = await settable();
    expect(names.length).toBeGreaterThan(150);
    expect(names).toEqual(
      expect.arrayContaining(['sql_mode', 'timestamp', 'sql_auto_is_null', 'sort_buffer_size']),
    );
    expect(names.filter((name) => variableClass(name) === 'unnamed')).toEqual([]);
  });
});

/** What every server of the harness must do, whichever kind it is. */
import { expect } from 'vitest';
import type { SqlServer } from '../harness/sql-server.ts';

/** The server must be fresh, and is left with a database `kept`. */
export async function expectRowsKept(server: SqlServer): Promise<void> {
  await server.query('CREATE DATABASE kept; CREATE TABLE kept.rows_ (id INT PRIMARY KEY) ENGINE=InnoDB');
  await server.query('INSERT INTO kept.rows_ VALUES (1)');
  const before = server.pid;
  await server.restart();
  expect(server.pid).not.toBe(before);
  await server.query('INSERT INTO kept.rows_ VALUES (2)');
  await server.kill9();
  await expect(server.query('SELECT 1')).rejects.toThrow('ECONNREFUSED');
  await server.restart();
  expect(await server.query('SELECT id FROM kept.rows_')).toEqual([{ id: 1 }, { id: 2 }]);
}

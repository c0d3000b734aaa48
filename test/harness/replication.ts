/** MariaDB servers that follow one another, by GTIDs. */
import type { SqlServer } from './sql-server.ts';
import { waitFor } from './wait.ts';

/** Arguments of a server that can be followed, and can follow: rows in a binary log. */
export function loggedRows(id: number): readonly string[] {
  return [`--server-id=${id}`, '--log-bin=bin', '--binlog-format=ROW'];
}

/** Makes `replica` follow `primary`, both of MariaDB and with nothing in them; the primary has a binary log. */
export async function follow(replica: SqlServer, primary: SqlServer): Promise<void> {
  await primary.query(
    `CREATE USER repl@'%' IDENTIFIED BY 'repl'; GRANT REPLICATION SLAVE ON *.* TO repl@'%'`,
  );
  await replica.query(`CHANGE MASTER TO master_host = '127.0.0.1', master_port = ${primary.port},
    master_user = 'repl', master_password = 'repl', master_use_gtid = slave_pos; START SLAVE`);
  await untilCaughtUp(replica, primary);
}

export async function untilCaughtUp(replica: SqlServer, primary: SqlServer): Promise<void> {
  await waitFor(
    async () => {
      const [[at], [there]] = await Promise.all([
        primary.query<never[]>('SELECT @@GLOBAL.gtid_binlog_pos AS pos') as Promise<{ pos: string }[]>,
        replica.query<never[]>('SELECT @@GLOBAL.gtid_slave_pos AS pos') as Promise<{ pos: string }[]>,
      ]);
      return at?.pos === there?.pos;
    },
    { what: 'the replica to have caught up' },
  );
}

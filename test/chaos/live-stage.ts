/** Both clusters with a replica each, a proxy between them, and clients that notice everything. */
import { type Connection, createConnection } from 'mysql2/promise';
import { runCli } from '../harness/cli.ts';
import { startDelayLine } from '../harness/delay-line.ts';
import { type Mariadb, startMariadb } from '../harness/mariadb.ts';
import { createSchema, MESSAGE_CENTRE_TABLES, MOVED_TABLES, seed } from '../harness/message-centre.ts';
import type { Load, Statement } from '../harness/message-centre-load.ts';
import { freePorts } from '../harness/ports.ts';
import { type Proxy as RunningProxy, startProxy } from '../harness/proxy.ts';
import type { Random } from '../harness/random.ts';
import { follow, loggedRows } from '../harness/replication.ts';
import { compareDatabases, type DifferingRow } from '../harness/row-differences.ts';
import { temporaryDirectory } from '../harness/temp.ts';
import { waitFor } from '../harness/wait.ts';
import { writeSyncConfig } from '../integration/sync-command-stage.ts';
import { NEW, OLD, SHARD } from './centre-stage.ts';
import { describe as describeError } from './checked-stream.ts';

/** Those that every round of traffic writes, and all: of which each is written now and then. */
export const HOT_COUNTERS = 40;
export const COUNTERS = 4000;
const TABLES = { ...MESSAGE_CENTRE_TABLES, counters: { key: 'folderid' } };
const COUNTERS_SQL = 'CREATE TABLE counters (folderid BIGINT PRIMARY KEY, x BIGINT NOT NULL) ENGINE=InnoDB';
const ANSWER_TIMEOUT_MS = 30_000;

export interface LiveStage {
  readonly replicas: readonly Mariadb[];
  readonly proxy: () => RunningProxy;
  /** In which the sync reaches the new primary by itself, not by the mirror's way. */
  readonly syncConfig: string;
  /** Not between a kill and the time when it is ready again. */
  isServing(): boolean;
  setRatios(percent: number): Promise<void>;
  /** How long each piece of what the mirror says, and hears, is under way. */
  delayReplays(ms: number): void;
  /** Rows taken away from the new side, changed and added there, and counters put out of step. */
  corrupt(): Promise<void>;
  differing(tables?: readonly string[]): Promise<readonly DifferingRow[]>;
  /** `kill -9`, and up again with the same journal and ports. */
  killProxy(): Promise<void>;
  close(): Promise<void>;
}

/** Half of the old tables are MyISAM, half InnoDB. */
export async function startLiveStage(options: {
  readonly seed: number;
  readonly folders: number;
}): Promise<LiveStage> {
  const [old, oldReplica, fresh, freshReplica] = await Promise.all([
    startMariadb({ name: 'old', extra: [...loggedRows(1), '--transaction-isolation=READ-COMMITTED'] }),
    startMariadb({ name: 'old replica', extra: loggedRows(2) }),
    startMariadb({ name: 'new', extra: loggedRows(3) }),
    startMariadb({ name: 'new replica', extra: loggedRows(4) }),
  ]);
  const servers = [old, oldReplica, fresh, freshReplica];
  await Promise.all([follow(oldReplica, old), follow(freshReplica, fresh)]);
  await Promise.all([fill(old, OLD, options), fill(fresh, NEW, options)]);
  const [port = 0, adminPort = 0] = await freePorts(2);
  const place = (primary: Mariadb, replica: Mariadb, database: string) => ({
    host: primary.host,
    port: primary.port,
    database,
    replica: { host: replica.host, port: replica.port },
  });
  const line = await startDelayLine(fresh.port);
  const sides = { old: place(old, oldReplica, OLD), new: place(fresh, freshReplica, NEW) };
  const config = {
    admin: { port: adminPort },
    tables: TABLES,
    shards: [{ name: SHARD, port, ...sides, new: { ...sides.new, port: line.port } }],
    mirror: { reads: 0, writes: 0, deletes: 0 },
    journal: { directory: temporaryDirectory('live-journal') },
  };
  const syncConfig = await writeSyncConfig({
    tables: TABLES,
    shards: { [SHARD]: sides },
    more: { admin: config.admin },
  });
  let proxy = await startProxy({ config });
  let serving: 'yes' | 'no' = 'yes';
  return {
    replicas: [oldReplica, freshReplica],
    proxy: () => proxy,
    syncConfig,
    delayReplays: (ms) => line.set(ms),
    isServing: () => serving === 'yes',
    async setRatios(percent) {
      const words = ['reads', 'writes', 'deletes'].map((kind) => `${kind}=${percent}`);
      // The command waits two seconds for the proxy, which a busy machine may need longer for.
      await waitFor(
        async () => {
          const { code, stderr } = await runCli(['ratio', 'set', ...words, '--config', proxy.configFile]);
          return code === 0 || Promise.reject(new Error(stderr));
        },
        { what: `the ratios ${words.join(', ')}` },
      );
    },
    corrupt: () => corrupt(fresh),
    async differing(tables = Object.keys(TABLES)) {
      const databases = [
        { server: old, database: OLD },
        { server: fresh, database: NEW },
      ] as const;
      return (await compareDatabases(...databases, () => 'folderid', tables)).differing;
    },
    async killProxy() {
      serving = 'no';
      await proxy.kill9();
      proxy = await startProxy({ config });
      serving = 'yes';
    },
    async close() {
      await proxy.kill9();
      await line.close();
      await Promise.all(servers.map((server) => server.destroy()));
    },
  };
}

async function fill(server: Mariadb, database: string, rows: { seed: number; folders: number }) {
  const isOld = database === OLD;
  await createSchema(server, database, { engine: isOld ? 'MyISAM' : 'InnoDB', unmoved: isOld });
  if (isOld) {
    for (const table of MOVED_TABLES.slice(6))
      await server.query(`ALTER TABLE ${database}.${table} ENGINE=InnoDB`);
  }
  await seed(server, database, { ...rows, rowsMax: 200 });
  const counters = Array.from({ length: COUNTERS }, (_, at) => `(${at + 1}, 0)`);
  await server.query(`USE ${database}; ${COUNTERS_SQL}; INSERT INTO counters VALUES ${counters.join(', ')}`);
}

async function corrupt(fresh: Mariadb): Promise<void> {
  await fresh.query(`USE ${NEW}; UPDATE counters SET x = x - 7 WHERE folderid % 3 = 0;
    ${MOVED_TABLES.slice(0, 4)
      .map(
        (table) =>
          `DELETE FROM ${table} WHERE itemid % 11 = 0; UPDATE ${table} SET ts = ts + 1 WHERE itemid % 13 = 0`,
      )
      .join('; ')}`);
}

/** What the clients saw together. */
export class Seen {
  statements = 0;
  readonly faults: string[] = [];
  /** Connections that a kill of the proxy has cost; null: it is not to be killed, so that each is a fault. */
  broken: number | null;

  constructor(broken: number | null) {
    this.broken = broken;
  }

  note(error: unknown, sql: string): void {
    if (this.broken !== null && /ECONNRE|closed|PROTOCOL_CONNECTION_LOST|EPIPE/i.test(describeError(error)))
      this.broken += 1;
    else this.faults.push(`${describeError(error)}: ${sql.slice(0, 120)}`);
  }
}

/** The statements of one session after the other. */
export type Sessions = () => readonly Pick<Statement, 'sql' | 'params' | 'prepared'>[];

export interface Course {
  over(): boolean;
  /** The proxy serves, so that it is worth to try again. */
  back(): boolean;
  /** The next session may begin. */
  turn(): boolean;
}

/** Sessions one after the other until `over`; never rejects. */
export async function runSessions(
  next: Sessions,
  port: number,
  seen: Seen,
  { over, back, turn }: Course,
): Promise<void> {
  while (!over() && seen.faults.length === 0) {
    await waitFor(() => over() || turn(), { timeoutMs: 60_000, what: 'the turn of the next session' });
    let sql = 'connect';
    let client: Connection | undefined;
    try {
      client = await createConnection({
        ...{ host: '127.0.0.1', port, user: 'root', database: OLD },
        ...{ supportBigNumbers: true, bigNumberStrings: true, connectTimeout: ANSWER_TIMEOUT_MS },
      });
      client.on('error', () => {});
      for (const statement of next()) {
        sql = statement.sql;
        const asked = { sql, timeout: ANSWER_TIMEOUT_MS };
        if (statement.prepared) await client.execute(asked, [...statement.params]);
        else await client.query(asked);
        seen.statements += 1;
      }
      await client.end();
    } catch (error) {
      client?.destroy();
      seen.note(error, sql);
      await waitFor(() => over() || back(), { timeoutMs: 60_000, what: 'the proxy to serve again' });
    }
  }
}

export function centreSessions(load: Load): () => readonly Statement[] {
  return () => load.next().statements;
}

/** Changes relative to what is there: done twice, or left out, they can be seen for good. */
export function counterSessions(random: Random, counters: number) {
  const plain = (sql: string) => ({ sql, params: [], prepared: false });
  const add = (folder: number) =>
    plain(`UPDATE counters SET x = x + ${random.integer(1, 9)} WHERE folderid = ${folder}`);
  return () => {
    const first = random.integer(1, counters - 1);
    if (random.chance(0.6)) return [add(first)];
    // In one order, so that no two deadlock.
    const statements = [plain('BEGIN'), add(first), plain('DO 1'), add(random.integer(first + 1, counters))];
    return [...statements, plain(random.chance(0.9) ? 'COMMIT' : 'ROLLBACK')];
  };
}

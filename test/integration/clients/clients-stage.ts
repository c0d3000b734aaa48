/**
 * One server of either kind, one proxy between them in both directions, and for each client and old server a
 * shard with databases of its own: sessions run side by side and yet have counters and rows to themselves.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { RowDataPacket } from 'mysql2/promise';
import { startMariadb } from '../../harness/mariadb.ts';
import type { Labels } from '../../harness/metrics-text.ts';
import { startMysql } from '../../harness/mysql.ts';
import { freePorts } from '../../harness/ports.ts';
import { type ProxyConfig, type Proxy as RunningProxy, startProxy } from '../../harness/proxy.ts';
import type { SqlServer } from '../../harness/sql-server.ts';
import { temporaryDirectory } from '../../harness/temp.ts';
import { makeCertificates } from '../../harness/tls.ts';
import { waitFor } from '../../harness/wait.ts';
import type { Runner, SessionSettings, StepLine } from './client.ts';

export const KINDS = ['MariaDB', 'MySQL 9'] as const;
export type Kind = (typeof KINDS)[number];

const MEBIBYTE = 1024 * 1024;
const PASSWORD = 'a secret';
const TABLES = ['messages', 'bodies', 'facts', 'loaded'] as const;
const SCHEMA = [
  'messages (folderid BIGINT NOT NULL, itemid BIGINT NOT NULL, title VARCHAR(200), PRIMARY KEY (folderid, itemid))',
  'bodies (folderid BIGINT PRIMARY KEY, text LONGTEXT, body LONGBLOB)',
  `facts (folderid BIGINT PRIMARY KEY, price DECIMAL(20, 6), share DOUBLE, day DATE, at DATETIME(6), clock TIME(3),
     small TINYINT, big BIGINT UNSIGNED, raw VARBINARY(16), title VARCHAR(200))`,
  'loaded (folderid INT PRIMARY KEY, a INT)',
];
/** Only the old server has what does not move. */
const OLD_ONLY = `
  CREATE TABLE digits (d INT PRIMARY KEY);
  INSERT INTO digits VALUES (0), (1), (2), (3), (4), (5), (6), (7), (8), (9);
  CREATE PROCEDURE two(IN n INT) BEGIN SELECT n; SELECT n + 1, 'two'; END;
  CREATE PROCEDURE outs(IN n INT, OUT twice INT) SET twice = n * 2;`;
const CHARSET = 'CHARACTER SET utf8mb4';

/** A shard of one client on one old server. */
export interface Cell {
  readonly client: Runner;
  readonly kind: Kind;
  readonly shard: string;
  readonly settings: SessionSettings;
}

/** What became of one client on one old server. */
export interface Run {
  readonly cell: Cell;
  readonly direct: readonly StepLine[];
  readonly relayed: readonly StepLine[];
}

/** A key of a moved table whose rows differ between the two servers. */
export interface Difference {
  readonly table: string;
  readonly folder: string;
}

/** Values of 16 MiB and more wait in it, on a machine that other tests keep busy. */
const QUEUE_TIMEOUT_MS = 60_000;

export class ClientsStage {
  readonly cells: readonly Cell[];
  readonly #servers: Readonly<Record<Kind, SqlServer>>;
  /** One that speaks plainly to its servers, and one that speaks TLS to them. */
  readonly #proxies: readonly RunningProxy[];

  private constructor(
    servers: Readonly<Record<Kind, SqlServer>>,
    proxies: readonly RunningProxy[],
    cells: readonly Cell[],
  ) {
    this.#servers = servers;
    this.#proxies = proxies;
    this.cells = cells;
  }

  static async start(clients: readonly Runner[]): Promise<ClientsStage> {
    const tls = await makeCertificates();
    const { ca, server: certificate } = tls;
    const withTls = [
      `--ssl-ca=${ca}`,
      `--ssl-cert=${certificate.certificate}`,
      `--ssl-key=${certificate.key}`,
    ];
    const [mariadb, mysql] = await Promise.all([startMariadb({ extra: withTls }), startMysql({ tls })]);
    const servers = { MariaDB: mariadb, 'MySQL 9': mysql };
    const ports = await freePorts(2 * clients.length * KINDS.length);
    const csv = join(temporaryDirectory('clients'), 'numbers.csv');
    writeFileSync(csv, '1,10\n2,20\n3,30\n');
    const cells = clients.flatMap((client, row) =>
      KINDS.map((kind, column): Cell => {
        const shard = `${client.id}_${kind === 'MariaDB' ? 'mariadb' : 'mysql'}`;
        const [port = 0, tlsport = 0] = ports.slice(2 * (row * KINDS.length + column));
        const account = { user: client.id, password: PASSWORD, database: `old_${client.id}` };
        const settings = { port, tlsport, ca, csv, ...account };
        return { client, kind, shard, settings };
      }),
    );
    for (const kind of KINDS) await prepareServer(servers[kind], clients);
    const shards = (portOf: (cell: Cell) => number): Shard[] =>
      cells.map((cell) => ({
        name: cell.shard,
        port: portOf(cell),
        old: { host: '127.0.0.1', port: servers[cell.kind].port, database: cell.settings.database },
        new: {
          host: '127.0.0.1',
          port: servers[otherThan(cell.kind)].port,
          database: `new_${cell.client.id}`,
        },
      }));
    const config = {
      listen: { tls: certificate },
      tables: Object.fromEntries(TABLES.map((table) => [table, { key: 'folderid' }])),
      mirror: { reads: 100, writes: 100, deletes: 100 },
      lanes: { perShard: 2 },
      queue: { bytes: 256 * MEBIBYTE, statementBytes: 64 * MEBIBYTE, unitBytes: 128 * MEBIBYTE },
    };
    const proxies = await Promise.all([
      startProxy({ config: { ...config, shards: shards(({ settings }) => settings.port) } }),
      startProxy({
        name: 'tls-proxy',
        config: {
          ...config,
          oldTls: { ca },
          newTls: { ca },
          shards: shards(({ settings }) => settings.tlsport),
        },
      }),
    ]);
    return new ClientsStage(servers, proxies, cells);
  }

  /** The client's session on the old server itself, then anew through the proxy. */
  async run(cell: Cell): Promise<Run> {
    const old = this.#servers[cell.kind];
    const direct = await cell.client.run({ ...cell.settings, port: old.port, tlsport: old.port });
    await emptyTables(old, cell.settings.database);
    // The server forgets that it knows the account: the first login is the full exchange again.
    await old.query(`ALTER USER '${cell.settings.user}'@'%' IDENTIFIED BY '${PASSWORD}'`);
    const relayed = await cell.client.run(cell.settings);
    await waitFor(async () => (await this.metric('understudy_mirror_queue_statements', cell)) === 0, {
      what: `the mirror of ${cell.shard} to have nothing left to send`,
      timeoutMs: QUEUE_TIMEOUT_MS,
    });
    return { cell, direct, relayed };
  }

  /** The folders that differ between the two servers now. */
  async differences(cell: Cell): Promise<readonly Difference[]> {
    const fresh = this.#servers[otherThan(cell.kind)];
    const differences = await Promise.all(
      TABLES.map(async (table) => {
        const old = await contentOf(this.#servers[cell.kind], cell.settings.database, table);
        const copy = await contentOf(fresh, `new_${cell.client.id}`, table);
        const folders = [...new Set([...old.keys(), ...copy.keys()])];
        const differing = folders.filter((folder) => old.get(folder) !== copy.get(folder));
        return differing.map((folder) => ({ table, folder }));
      }),
    );
    return differences.flat();
  }

  /** Summed over the proxies. */
  async metric(name: string, cell: Cell, labels: Labels = {}): Promise<number> {
    const wanted = { ...labels, shard: cell.shard };
    const figures = await Promise.all(this.#proxies.map((proxy) => proxy.metric(name, wanted)));
    return figures.reduce((sum, figure) => sum + figure, 0);
  }

  logs(): string {
    return this.#proxies.map((proxy) => proxy.logs()).join('');
  }

  async close(): Promise<void> {
    await Promise.all(this.#proxies.map((proxy) => proxy.kill9()));
    await Promise.all(Object.values(this.#servers).map((server) => server.destroy()));
  }
}

type Shard = ProxyConfig['shards'][number];

const otherThan = (kind: Kind): Kind => (kind === 'MariaDB' ? 'MySQL 9' : 'MariaDB');

async function prepareServer(server: SqlServer, clients: readonly Runner[]): Promise<void> {
  const tables = SCHEMA.map((table) => `CREATE TABLE ${table} ENGINE=InnoDB;`).join('\n');
  for (const { id } of clients) {
    await server.query(`
      CREATE DATABASE old_${id} ${CHARSET}; USE old_${id}; ${tables} ${OLD_ONLY}
      CREATE DATABASE new_${id} ${CHARSET}; USE new_${id}; ${tables}
      CREATE USER '${id}'@'%' IDENTIFIED BY '${PASSWORD}'; GRANT ALL ON old_${id}.* TO '${id}'@'%'`);
  }
}

async function emptyTables(server: SqlServer, database: string): Promise<void> {
  await server.query(`USE ${database}; ${TABLES.map((table) => `DELETE FROM ${table};`).join(' ')}`);
}

/** By folder, a hash of its rows as the server's own bytes spell them. */
async function contentOf(
  server: SqlServer,
  database: string,
  table: (typeof TABLES)[number],
): Promise<ReadonlyMap<string, string>> {
  const [first] = await server.query<RowDataPacket[]>(`SELECT * FROM ${database}.${table} LIMIT 1`);
  const spelled = Object.keys(first ?? { folderid: 0 }).map(
    (name) => `IFNULL(HEX(CONCAT(\`${name}\`)), 'NULL')`,
  );
  const content = `SHA2(CONCAT_WS(',', ${spelled.join(', ')}), 256)`;
  const [, rows] = await server.query<RowDataPacket[][]>(
    `USE ${database}; SELECT folderid, ${content} AS content FROM ${table} ORDER BY 1, 2`,
  );
  const folders = new Map<string, string>();
  for (const { folderid, content } of rows ?? []) {
    folders.set(String(folderid), `${folders.get(String(folderid)) ?? ''}${content}`);
  }
  return folders;
}

/** Two servers, and two proxies between them: one mirrors everything, one a quarter. */
import type { Connection, RowDataPacket } from 'mysql2/promise';
import type { Doubt } from '../../src/journal/journal.ts';
import { type FaultyProxy, startFaultyProxy } from '../harness/faulty-proxy.ts';
import { startMariadb } from '../harness/mariadb.ts';
import { startMysql } from '../harness/mysql.ts';
import { freePort } from '../harness/ports.ts';
import { type ProxyConfig, type Proxy as RunningProxy, startProxy } from '../harness/proxy.ts';
import type { SqlServer } from '../harness/sql-server.ts';
import { temporaryDirectory } from '../harness/temp.ts';
import { waitFor } from '../harness/wait.ts';
import type { KeySort } from './statement-keys.ts';
import { type Dialect, type FuzzedTable, fuzzedSchema, fuzzedTables, refill } from './statement-tables.ts';

export const SHARD = 's00';
export const OLD_DATABASE = 'app';
const NEW_DATABASE = 'app_new';
/** Of the new server: without it replays are so quick that none has another beside it to be mistaken for. */
const LATENCY_MS = 2;
/** By which a statement that waits for another's lock does not wait long. */
const IMPATIENT = ['--innodb-lock-wait-timeout=1', '--lock-wait-timeout=1'];

/** Statements and transactions of others: of clients that are gone, too. */
const STILL_AT_WORK = `
  SELECT (SELECT COUNT(*) FROM information_schema.processlist
      WHERE command NOT IN ('Sleep', 'Daemon') AND id <> CONNECTION_ID() AND user = 'root')
    + (SELECT COUNT(*) FROM information_schema.innodb_trx WHERE trx_mysql_thread_id <> CONNECTION_ID()) AS busy`;

export interface DifferingKey {
  readonly table: string;
  /** As text; null: NULL. */
  readonly key: string | null;
  readonly old: readonly string[];
  readonly new: readonly string[];
}

interface Side {
  readonly server: SqlServer;
  readonly connection: Connection;
}

interface Between {
  readonly network: FaultyProxy;
  readonly proxies: readonly RunningProxy[];
  readonly tables: readonly FuzzedTable[];
  /** Of each proxy, but for its port and its ratios. */
  readonly config: ProxyConfig;
}

export class StatementStage {
  readonly proxies: readonly RunningProxy[];
  /** Of both servers. */
  readonly tables: readonly FuzzedTable[];
  readonly #old: Side;
  readonly #new: Side;
  readonly #network: FaultyProxy;
  readonly #config: ProxyConfig;
  #mortal: { readonly proxy: RunningProxy; readonly config: ProxyConfig } | null = null;

  static async start(from: Dialect, to: Dialect): Promise<StatementStage> {
    const tables = fuzzedTables(from, to);
    const [old, fresh] = await Promise.all([
      startSide(from, 'old', fuzzedSchema('MyISAM', 'old', tables)),
      startSide(to, 'new', fuzzedSchema('InnoDB', 'new', tables)),
    ]);
    const network = await startFaultyProxy(fresh.server);
    await network.set({ mode: 'latency', ms: LATENCY_MS });
    const moved = tables.filter((table) => table.moved);
    const config = {
      tables: Object.fromEntries(moved.map(({ name }) => [name, { key: 'k' }])),
      shards: [
        {
          name: SHARD,
          port: 0,
          old: { host: old.server.host, port: old.server.port, database: OLD_DATABASE },
          new: { host: network.host, port: network.port, database: NEW_DATABASE },
        },
      ],
      compare: 100,
    };
    const proxies = await Promise.all([100, 25].map((percent) => startAt(percent, config)));
    return new StatementStage(old, fresh, { network, proxies, tables, config });
  }

  private constructor(old: Side, fresh: Side, { network, proxies, tables, config }: Between) {
    this.#old = old;
    this.#new = fresh;
    this.#network = network;
    this.proxies = proxies;
    this.tables = tables;
    this.#config = config;
  }

  get old(): SqlServer {
    return this.#old.server;
  }

  async close(): Promise<void> {
    await Promise.all([...this.proxies, this.#mortal?.proxy].map((proxy) => proxy?.kill9()));
    await this.#network.close();
    await Promise.all([this.#old, this.#new].map(({ server }) => server.destroy()));
  }

  /** A proxy beside the others, with a journal that holds nothing yet. */
  async startMortal(): Promise<RunningProxy> {
    await this.#mortal?.proxy.kill9();
    const journal = { directory: temporaryDirectory('journal') };
    const config = { ...this.#config, shards: await withPort(this.#config.shards), ...ratios(100), journal };
    const proxy = await startProxy({ name: 'proxy-mortal', config });
    this.#mortal = { proxy, config };
    return proxy;
  }

  /** `kill -9` of that one, and its next start, once the old server is done with what its clients had sent. */
  async killMortal(): Promise<RunningProxy> {
    const { proxy: dying, config } = this.#mortal!;
    await dying.kill9();
    await waitFor(
      async () => {
        const [rows] = await this.#old.connection.query<RowDataPacket[]>(STILL_AT_WORK);
        return Number(rows[0]?.busy) === 0;
      },
      { timeoutMs: 60_000, what: 'the old server to end the sessions of a proxy that was killed' },
    );
    const proxy = await startProxy({ name: 'proxy-mortal', config });
    this.#mortal = { proxy, config };
    return proxy;
  }

  /** The rows that every round begins with, on both servers. */
  async refill(): Promise<void> {
    const sql = this.tables.map(refill).join('; ');
    await Promise.all([this.#old, this.#new].map(({ connection }) => connection.query(sql)));
  }

  /** Nobody writes any more, on either side. */
  async untilQuiet(proxy: RunningProxy): Promise<void> {
    await waitFor(
      async () => {
        const shard = (await proxy.status()).shards[0]!;
        const connected = await proxy.metric('understudy_connections');
        const waiting = await proxy.metric('understudy_mirror_queue_statements');
        const state = { waiting, connected, pending: shard.journal.pending, shadow: shard.shadow.state };
        if (waiting + connected + shard.journal.pending === 0 && shard.shadow.state !== 'down') return true;
        throw new Error(JSON.stringify(state));
      },
      { timeoutMs: 60_000, what: 'everything to come to rest' },
    );
  }

  /** Keys of which the two sides have other rows. */
  async differences(): Promise<DifferingKey[]> {
    const [old, fresh] = await Promise.all(
      [this.#old, this.#new].map(({ connection }) => readAll(connection, this.tables)),
    );
    return [...new Set([...old!.keys(), ...fresh!.keys()])].flatMap((name) => {
      const [here = [], there = []] = [old!.get(name), fresh!.get(name)];
      if (here.join('\n') === there.join('\n')) return [];
      const [table, key] = JSON.parse(name) as [string, string | null];
      return [{ table, key, old: here, new: there }];
    });
  }
}

async function startAt(percent: number, config: ProxyConfig): Promise<RunningProxy> {
  const shards = await withPort(config.shards);
  return startProxy({ name: `proxy-${percent}`, config: { ...config, shards, ...ratios(percent) } });
}

async function withPort(shards: ProxyConfig['shards']): Promise<ProxyConfig['shards']> {
  const port = await freePort();
  return shards.map((shard) => ({ ...shard, port }));
}

function ratios(percent: number) {
  return { mirror: { reads: percent, writes: percent, deletes: percent } };
}

async function startSide(dialect: Dialect, name: 'old' | 'new', schema: string): Promise<Side> {
  const extra = name === 'old' ? IMPATIENT : [];
  const server = await (dialect === 'mariadb' ? startMariadb({ name, extra }) : startMysql({ name, extra }));
  const database = name === 'old' ? OLD_DATABASE : NEW_DATABASE;
  const connection = await server.connect({ multipleStatements: true, charset: 'utf8mb4' });
  await connection.query(
    `CREATE DATABASE ${database} CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci; USE ${database}; ${schema}`,
  );
  await connection.query("SET foreign_key_checks = 0, sql_mode = '', timestamp = 1700000000");
  return { server, connection };
}

/** A table and a key, as JSON, to the key's rows in an order of their own. */
async function readAll(
  connection: Connection,
  tables: readonly FuzzedTable[],
): Promise<ReadonlyMap<string, string[]>> {
  const sql = tables.map(({ name }) => `SELECT k AS key_of, t.* FROM ${name} t`).join('; ');
  const [results] = await connection.query<RowDataPacket[][]>({
    sql,
    rowsAsArray: true,
    typeCast: (field) => field.buffer(),
  });
  const keys = new Map<string, string[]>();
  tables.forEach(({ name }, index) => {
    for (const row of results[index] as unknown as (Buffer | null)[][]) {
      const [key = null, ...values] = row.map((value) => value?.toString('utf8'));
      const at = JSON.stringify([name, key]);
      const rows = keys.get(at) ?? [];
      rows.push(JSON.stringify(values));
      keys.set(at, rows.sort());
    }
  });
  return keys;
}

/** Of those keys the ones that neither a doubt of theirs nor one of their table covers. */
export function unseen(
  tables: readonly FuzzedTable[],
  differing: readonly DifferingKey[],
  doubts: readonly Doubt[],
): DifferingKey[] {
  const byName = new Map(tables.map((table) => [table.name, table]));
  const place = (table: string, key: string): string =>
    `${table}/${canonical(byName.get(table)?.sort ?? 'integer', key)}`;
  const names = new Set(doubts.map(({ table, key }) => (key === null ? table : place(table, key))));
  return differing.filter(({ table, key }) => {
    if (byName.get(table)?.moved !== true) return false;
    return !names.has('*') && !names.has(table) && (key === null || !names.has(place(table, key)));
  });
}

/** One text for what the column takes for one key. */
function canonical(sort: KeySort, key: string): string {
  if (sort === 'amount') return `${Number(key)}`;
  // BINARY(n) is filled up with zero bytes.
  if (sort === 'bytes') return key.replace(/\0+$/, '');
  if (sort === 'uuid') return key.toLowerCase();
  if (sort !== 'text' && sort !== 'nullable') return key;
  return key
    .normalize('NFKD')
    .replace(/[^\x20-\x7e\p{Script=Han}\p{Script=Katakana}\p{Script=Hangul}]/gu, '')
    .toLowerCase()
    .trimEnd();
}

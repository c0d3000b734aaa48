/** The steps that the two Node clients do by the same calls, mysql2 and the mariadb connector alike. */
import { readFileSync } from 'node:fs';
import { errorOf, FAILING, GBK, setting } from './step.ts';

/** As much of either client's connection as the steps call. */
export interface NodeConnection {
  query(sql: string): Promise<unknown>;
  execute(sql: string, values: string[]): Promise<unknown>;
  prepare(sql: string): Promise<unknown>;
  beginTransaction(): Promise<unknown>;
  commit(): Promise<unknown>;
  rollback(): Promise<unknown>;
  reset(): Promise<unknown>;
  ping(): Promise<unknown>;
  end(): Promise<unknown>;
}

/** Beside the account's own settings. */
export interface NodeSettings {
  readonly port?: number;
  readonly compress?: boolean;
  readonly ssl?: { readonly ca: string };
}

/** Either client gives its rows as arrays. */
interface Row {
  readonly [column: number]: unknown;
}

export interface NodeClient<Connection extends NodeConnection> {
  readonly db: Connection;
  open(more: NodeSettings): Promise<Connection>;
  /** A connection whose session begins in this collation. */
  openIn(collation: string): Promise<Connection>;
  rowsOf(db: Connection, sql: string): Promise<readonly Row[]>;
}

type Facts = Promise<Record<string, unknown>>;

export async function transactions<C extends NodeConnection>({ db, rowsOf }: NodeClient<C>): Facts {
  await db.beginTransaction();
  await db.query("INSERT INTO messages VALUES (4, 1, 'rolled back')");
  await db.rollback();
  await db.beginTransaction();
  await db.query("INSERT INTO messages VALUES (4, 2, 'committed')");
  await db.query('SAVEPOINT s');
  await db.execute('INSERT INTO messages VALUES (4, 3, ?)', ['undone']);
  await db.query('ROLLBACK TO SAVEPOINT s');
  await db.commit();
  await db.query('SET autocommit = 0');
  await db.query("INSERT INTO messages VALUES (4, 4, 'also committed')");
  await db.commit();
  await db.query('SET autocommit = 1');
  return { items: await rowsOf(db, 'SELECT itemid FROM messages WHERE folderid = 4 ORDER BY 1') };
}

export async function errors<C extends NodeConnection>({ db, rowsOf }: NodeClient<C>): Facts {
  await db.query("INSERT INTO messages VALUES (5, 1, 'one')");
  const seen: unknown[] = [];
  for (const sql of FAILING) seen.push(await errorOf(() => db.query(sql)));
  seen.push(await errorOf(() => db.prepare('SELECT missing FROM messages')));
  await db.query("INSERT IGNORE INTO messages VALUES (5, 1, 'double')");
  return { errors: seen, warnings: await rowsOf(db, 'SHOW WARNINGS'), after: await rowsOf(db, 'SELECT 1') };
}

export async function charset<C extends NodeConnection>({ db, openIn, rowsOf }: NodeClient<C>): Facts {
  const latin1 = await openIn('LATIN1_SWEDISH_CI');
  await latin1.query("INSERT INTO messages VALUES (10, 1, 'é')");
  const [read] = await rowsOf(latin1, 'SELECT title FROM messages WHERE folderid = 10');
  const gbk = await openIn('GBK_CHINESE_CI');
  await gbk.query(`INSERT INTO messages VALUES (10, 2, '${GBK}')`);
  const stored = await rowsOf(db, 'SELECT HEX(title) FROM messages WHERE folderid = 10 ORDER BY itemid');
  await Promise.all([latin1.end(), gbk.end()]);
  return { latin1: Buffer.from(String(read?.[0]), 'latin1').toString('hex'), stored };
}

/** `change` is the client's own way to begin the session anew as the same account. */
export async function session<C extends NodeConnection>(
  { open, rowsOf }: NodeClient<C>,
  change: (other: C) => Promise<unknown>,
): Facts {
  const other = await open({});
  await other.query('SET @mine = 1');
  await change(other);
  const [changed] = await rowsOf(other, 'SELECT @mine');
  await other.query('SET @mine = 2');
  await other.reset();
  const [reset] = await rowsOf(other, 'SELECT @mine');
  await other.query("INSERT INTO messages VALUES (13, 1, 'changed')");
  await other.ping();
  await other.end();
  return { changed: true, forgotten: changed?.[0] === null && reset?.[0] === null };
}

export async function compression<C extends NodeConnection>({ open, rowsOf }: NodeClient<C>): Facts {
  const other = await open({ compress: true });
  await other.query("INSERT INTO messages VALUES (12, 1, REPEAT('compressed ', 10))");
  const rows = await rowsOf(other, 'SELECT title FROM messages WHERE folderid = 12');
  await other.end();
  return { rows };
}

/** Old is reached in plain behind the proxy, so that what the server says of its own connection is left out. */
export async function tls<C extends NodeConnection>(client: NodeClient<C>): Facts {
  const { rows } = await underTls(client, 'PORT', 15);
  return { rows };
}

export function tlsThrough<C extends NodeConnection>(client: NodeClient<C>): Facts {
  return underTls(client, 'TLSPORT', 16);
}

async function underTls<C extends NodeConnection>(
  { open, rowsOf }: NodeClient<C>,
  port: string,
  folder: number,
): Facts {
  const other = await open({ port: Number(setting(port)), ssl: { ca: readFileSync(setting('CA'), 'utf8') } });
  await other.query(`INSERT INTO messages VALUES (${folder}, 1, 'under TLS')`);
  const [cipher] = await rowsOf(other, "SHOW SESSION STATUS LIKE 'Ssl_cipher'");
  const rows = await rowsOf(other, `SELECT title FROM messages WHERE folderid = ${folder}`);
  await other.end();
  return { rows, encrypted: cipher?.[1] !== '' };
}

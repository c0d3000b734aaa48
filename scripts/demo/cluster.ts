/** What the demo runs on: an old and a new cluster of real servers, etcd, and the proxy between them. */
import { randomBytes } from 'node:crypto';
import { type Etcd, startEtcd } from '../../test/harness/etcd.ts';
import { type Mariadb, startMariadb } from '../../test/harness/mariadb.ts';
import { createSchema, MESSAGE_CENTRE_TABLES, seed } from '../../test/harness/message-centre.ts';
import { freePorts } from '../../test/harness/ports.ts';
import { type Proxy as RunningProxy, startProxy } from '../../test/harness/proxy.ts';
import { copyTables, multiplyRows } from './copy.ts';
import type { Side } from './side.ts';

export const SERVICE = 'message-centre';
export const PREFIX = `/understudy/${SERVICE}/`;
/** The application's account, which exists on the old cluster alone. */
export const APP = { user: 'app', password: 'demo' } as const;
/** Folders (inboxes) of a shard. */
export const FOLDERS = 300;

const ROWS_OF_LARGEST_FOLDER = 4000;
/** Shards filled at once. */
const FILLS_AT_ONCE = 2;
/** More servers than this are not started at once: each boot keeps a core busy. */
const BOOTS_AT_ONCE = 4;

export interface Layout {
  readonly shards: number;
  readonly oldServers: number;
  readonly newHosts: number;
}

export interface Shard {
  readonly name: string;
  /** The proxy's port for it. */
  readonly port: number;
  readonly old: Side;
  readonly new: Side;
}

export interface Cluster {
  readonly oldServers: readonly Mariadb[];
  readonly newHosts: readonly Mariadb[];
  readonly shards: readonly Shard[];
  readonly etcd: Etcd;
  readonly proxy: RunningProxy;
  /** Rows of the moved tables, as seeded and copied. */
  readonly rows: number;
  /** Of the accounts of our own. */
  readonly passwords: { readonly old: string; readonly new: string };
}

export interface SetUp {
  readonly layout: Layout;
  /** How often the seeded rows of a shard (about 10,000) are doubled. */
  readonly doublings: number;
  /** How long a shadow that is back takes until it gets all units again. */
  readonly rampMs: number;
  /** Each step asks it before it begins. */
  readonly signal: AbortSignal;
  /** Told of each step, in a few words. */
  readonly step: (text: string) => void;
}

/** Starts and fills everything; the caller ends the processes. Throws where one can't be started. */
export async function startCluster(setUp: SetUp): Promise<Cluster> {
  const { layout, signal, step } = setUp;
  step(`starting ${layout.oldServers} old and ${layout.newHosts} new MariaDB servers, and etcd`);
  const servers = await startServers(layout, signal);
  const ports = await freePorts(layout.shards);
  const shards = ports.map((port, index) => placeShard(servers, layout, index, port));
  const passwords = { old: randomBytes(12).toString('hex'), new: randomBytes(12).toString('hex') };
  await createAccounts(servers, passwords);
  const rows = await fill(shards, setUp);
  signal.throwIfAborted();
  step('starting the proxy');
  const proxy = await startProxy({
    config: proxyConfig(shards, servers.etcd.url, setUp.rampMs),
    env: { UNDERSTUDY_OLD_PASSWORD: passwords.old, UNDERSTUDY_NEW_PASSWORD: passwords.new },
  });
  return { ...servers, shards, proxy, rows, passwords };
}

interface Servers {
  readonly oldServers: readonly Mariadb[];
  readonly newHosts: readonly Mariadb[];
  readonly etcd: Etcd;
}

async function startServers(layout: Layout, signal: AbortSignal): Promise<Servers> {
  const etcd = startEtcd();
  // It is awaited behind the servers, and may fail before them.
  etcd.catch(() => {});
  const names = [
    ...Array.from({ length: layout.oldServers }, (_, index) => `old-${index + 1}`),
    ...Array.from({ length: layout.newHosts }, (_, index) => `new-${index + 1}`),
  ];
  const all: Mariadb[] = [];
  while (all.length < names.length) {
    signal.throwIfAborted();
    const batch = names.slice(all.length, all.length + BOOTS_AT_ONCE);
    all.push(...(await Promise.all(batch.map((name) => startMariadb({ name })))));
  }
  return {
    oldServers: all.slice(0, layout.oldServers),
    newHosts: all.slice(layout.oldServers),
    etcd: await etcd,
  };
}

/** Neighbouring shards share a server, on either side. */
function placeShard(servers: Servers, layout: Layout, index: number, port: number): Shard {
  const number = String(index).padStart(2, '0');
  const old = servers.oldServers[Math.floor((index * layout.oldServers) / layout.shards)];
  const fresh = servers.newHosts[Math.floor((index * layout.newHosts) / layout.shards)];
  if (old === undefined || fresh === undefined) throw new Error(`shard ${number} has no server`);
  return {
    name: `s${number}`,
    port,
    old: { server: old, database: `mc_${number}` },
    new: { server: fresh, database: `shard_${number}` },
  };
}

/** The accounts have the rights that they need, and no more. */
async function createAccounts(servers: Servers, passwords: { old: string; new: string }): Promise<void> {
  for (const server of servers.oldServers) {
    await server.query(`CREATE USER ${APP.user} IDENTIFIED BY '${APP.password}';
      GRANT SELECT, INSERT, UPDATE, DELETE ON \`mc\\_%\`.* TO ${APP.user};
      CREATE USER understudy IDENTIFIED BY '${passwords.old}';
      GRANT SELECT, SHOW VIEW, TRIGGER ON \`mc\\_%\`.* TO understudy`);
  }
  for (const server of servers.newHosts) {
    await server.query(`CREATE USER understudy IDENTIFIED BY '${passwords.new}';
      GRANT SELECT, INSERT, UPDATE, DELETE, TRIGGER ON \`shard\\_%\`.* TO understudy`);
  }
}

async function fill(shards: readonly Shard[], setUp: SetUp): Promise<number> {
  // From both ends, so that shards filled at once stand on different servers.
  const left = shards.map((shard, index) => ({ shard, seed: index + 1 }));
  let rows = 0;
  const work = async (take: () => (typeof left)[number] | undefined): Promise<void> => {
    for (let next = take(); next !== undefined; next = take()) {
      setUp.signal.throwIfAborted();
      setUp.step(`filling shard ${next.shard.name}: MyISAM, then copied by SQL to InnoDB`);
      const filled = await fillShard(next.shard, next.seed, setUp.doublings);
      rows += filled;
    }
  };
  await Promise.all(
    Array.from({ length: FILLS_AT_ONCE }, (_, index) =>
      work(() => (index % 2 === 0 ? left.shift() : left.pop())),
    ),
  );
  return rows;
}

/** Returns its rows on either side. */
async function fillShard(shard: Shard, seedNumber: number, doublings: number): Promise<number> {
  const { old, new: fresh } = shard;
  await createSchema(old.server, old.database, { engine: 'MyISAM', unmoved: true });
  await createSchema(fresh.server, fresh.database, { engine: 'InnoDB', unmoved: false });
  const rowsMax = ROWS_OF_LARGEST_FOLDER;
  await seed(old.server, old.database, { seed: seedNumber, folders: FOLDERS, rowsMax });
  await multiplyRows(old, doublings);
  return copyTables(old, fresh);
}

function proxyConfig(shards: readonly Shard[], etcdUrl: string, rampMs: number) {
  const endpoint = ({ server, database }: Side) => ({ host: server.host, port: server.port, database });
  return {
    service: SERVICE,
    tables: MESSAGE_CENTRE_TABLES,
    shards: shards.map((shard) => ({
      name: shard.name,
      port: shard.port,
      old: endpoint(shard.old),
      new: endpoint(shard.new),
    })),
    newUser: { user: 'understudy', password: { env: 'UNDERSTUDY_NEW_PASSWORD' } },
    oldUser: { user: 'understudy', password: { env: 'UNDERSTUDY_OLD_PASSWORD' } },
    mirror: { reads: 0, writes: 0, deletes: 0 },
    compare: 10,
    etcd: { hosts: [etcdUrl], prefix: PREFIX },
    breaker: { backoffMinMs: 250, backoffMaxMs: 2000, rampMs },
    // A client that stays in a transaction must not hold up the demo's own end.
    drainTimeoutMs: 2000,
  };
}

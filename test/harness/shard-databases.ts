/** Shards between databases of one server that plays both clusters. */
import type { Mariadb } from './mariadb.ts';
import { freePort, freePorts } from './ports.ts';

/** `old_NAME` and `new_NAME`, a table of messages in each. */
export async function makeShardDatabases(server: Mariadb, names: readonly string[]): Promise<void> {
  for (const name of names) {
    for (const side of ['old', 'new']) {
      await server.query(`CREATE DATABASE ${side}_${name};
        CREATE TABLE ${side}_${name}.messages (folderid BIGINT PRIMARY KEY, ts INT) ENGINE=InnoDB`);
    }
  }
}

/** The configuration's `shards` between those, each on a free port. */
export async function shardsBetween({ host, port }: Mariadb, names: readonly string[]) {
  const ports = await freePorts(names.length);
  return names.map((name, index) => ({
    name,
    port: ports[index] ?? 0,
    old: { host, port, database: `old_${name}` },
    new: { host, port, database: `new_${name}` },
  }));
}

/** The shard `s00` from `mc_00` to `shard_00`, on a free port: for tests that make these databases themselves. */
export async function shardBetween({ host, port }: Pick<Mariadb, 'host' | 'port'>) {
  return {
    name: 's00',
    port: await freePort(),
    old: { host, port, database: 'mc_00' },
    new: { host, port, database: 'shard_00' },
  };
}

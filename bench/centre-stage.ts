/** The message centre's 16 shards on two servers, and the three ways to them; each way has rows of its own. */

import type { LoadShard } from '../test/harness/load-figures.ts';
import { type Mariadb, startMariadb, TO_THE_DISK } from '../test/harness/mariadb.ts';
import { createSchema, MESSAGE_CENTRE_TABLES, seed } from '../test/harness/message-centre.ts';
import { freePort } from '../test/harness/ports.ts';
import { type Proxy as RunningProxy, startProxy } from '../test/harness/proxy.ts';

export const SHARDS = 16;
export const FOLDERS = 30;
/** So that a read finds about as many rows as the original site’s did. */
const ROWS = { rowsMin: 200, rowsMax: 4000 } as const;
const SERVER_SETTINGS = ['--innodb-flush-log-at-trx-commit=2', '--max-connections=1000', ...TO_THE_DISK];

export const CENTRE_WAYS = ['direct', 'mirror-0', 'mirror-100'] as const;
export type CentreWayName = (typeof CENTRE_WAYS)[number];

export interface CentreWay {
  readonly name: CentreWayName;
  readonly shards: readonly LoadShard[];
  /** Null: nothing stands in between. */
  readonly proxy: RunningProxy | null;
}

export interface CentreStage {
  readonly ways: readonly CentreWay[];
  end(): Promise<void>;
}

/** Takes a minute or so. MyISAM on the old server, InnoDB on the new one, as the real migration had it. */
export async function setCentreStage(workers: number): Promise<CentreStage> {
  const [old, shadow] = await Promise.all([startServer('old'), startServer('new')]);
  const ways: CentreWay[] = [];
  for (const name of CENTRE_WAYS) ways.push(await startWay(name, old, shadow, workers));
  return {
    ways,
    async end() {
      await Promise.all(ways.map(({ proxy }) => proxy?.stop()));
      await Promise.all([old.destroy(), shadow.destroy()]);
    },
  };
}

async function startWay(
  name: CentreWayName,
  old: Mariadb,
  shadow: Mariadb,
  workers: number,
): Promise<CentreWay> {
  const shards: LoadShard[] = [];
  for (let index = 0; index < SHARDS; index++) {
    const database = `${name.replace('-', '_')}_${index}`;
    await createSchema(old, database, { engine: 'MyISAM', unmoved: true });
    await seed(old, database, { seed: index + 1, folders: FOLDERS, ...ROWS });
    if (name === 'mirror-100') {
      await createSchema(shadow, database, { engine: 'InnoDB', unmoved: false });
      await seed(shadow, database, { seed: index + 1, folders: FOLDERS, ...ROWS });
    }
    const port = name === 'direct' ? old.port : await freePort();
    shards.push({ name: `s${String(index).padStart(2, '0')}`, port, database });
  }
  if (name === 'direct') return { name, shards, proxy: null };
  const ratio = name === 'mirror-100' ? 100 : 0;
  const proxy = await startProxy({
    name,
    config: {
      tables: MESSAGE_CENTRE_TABLES,
      workers,
      shards: shards.map((shard) => ({
        name: shard.name,
        port: shard.port,
        old: { host: old.host, port: old.port, database: shard.database },
        new: { host: shadow.host, port: shadow.port, database: shard.database },
      })),
      mirror: { reads: ratio, writes: ratio, deletes: ratio },
      logLevel: 'warn',
    },
  });
  return { name, shards, proxy };
}

function startServer(name: string): Promise<Mariadb> {
  return startMariadb({ name, extra: SERVER_SETTINGS });
}

/** The load as the demo sees it: started, watched, stopped. */

import { type LoadFigures, NO_LOAD } from '../../test/harness/load-figures.ts';
import { APP, type Cluster, FOLDERS } from './cluster.ts';
import type { LoadConfig, ToLoad } from './load-messages.ts';
import { startWorkerProcess } from './worker-process.ts';

const USERS_A_SHARD = 8;
const USERS_A_SHARD_OF_MANY = 4;
const SHARDS_MANY = 8;

export interface RunningLoad {
  /** The latest that it told. */
  figures(): LoadFigures;
  /** Throws where the load has ended unasked. */
  check(): void;
  /** Lets the sessions end, and returns the last figures. */
  stop(): Promise<LoadFigures>;
}

/** Starts the load; `round` counts the loads of one demo from 0. */
export function startLoad(cluster: Cluster, rate: number, round = 0): RunningLoad {
  const { shards } = cluster;
  const config: LoadConfig = {
    shards: shards.map((shard) => ({ name: shard.name, port: shard.port, database: shard.old.database })),
    account: APP,
    folders: FOLDERS,
    rate,
    usersAShard: shards.length > SHARDS_MANY ? USERS_A_SHARD_OF_MANY : USERS_A_SHARD,
    round,
  };
  let latest = NO_LOAD;
  const worker = startWorkerProcess<LoadFigures, ToLoad>('./load-worker.ts', config, (figures) => {
    latest = figures;
  });
  return {
    figures: () => latest,
    check() {
      const failure = worker.failure();
      if (failure !== undefined) throw new Error(`the load failed: ${failure}`);
    },
    async stop() {
      await worker.end({ type: 'stop' });
      return latest;
    },
  };
}

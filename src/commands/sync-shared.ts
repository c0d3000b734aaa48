/** A sync that several processes share by etcd, put together from its options. */
import { createHash } from 'node:crypto';
import type { EtcdSettings } from '../config/load.ts';
import { syncJobsPrefix } from '../control/control-keys.ts';
import { EtcdSharedStore } from '../control/etcd-shared-store.ts';
import type { OpenedKeeper } from '../sync/pass-keeper.ts';
import { SharedJob } from '../sync/shared-job.ts';
import { SharedKeeper } from '../sync/shared-keeper.ts';
import type { SyncRunOptions } from '../sync/sync-tools.ts';

/** Rejects with SharedStoreLost where etcd does not answer, and as `SharedJob.join`. */
export async function openSharedKeeper(
  run: SyncRunOptions,
  etcd: EtcdSettings,
  proxies: readonly string[] | null,
): Promise<OpenedKeeper> {
  const { told, stop } = run;
  const { etcdTimeoutMs } = run.config.sync;
  const now = (): number => performance.now();
  const store = new EtcdSharedStore({
    ...{ etcd, now, patienceMs: etcdTimeoutMs },
    told: (fault) =>
      told.warns(
        fault === null
          ? 'etcd answers again'
          : `${fault}; the sync waits for it, ${etcdTimeoutMs / 1000} seconds at most`,
      ),
  });
  try {
    const job = await SharedJob.join({
      store,
      prefix: syncJobsPrefix(etcd.prefix),
      ttlSeconds: etcd.leaseTtlSeconds,
      told: (text) => told.warns(text),
      ...wishesOf(run, proxies),
    });
    const options = { store, job, now, clock: Date.now, random: Math.random, told, stop };
    return { keeper: new SharedKeeper(options), close: () => store.close() };
  } catch (error) {
    store.close();
    throw error;
  }
}

/** All by which the processes of one sync must be alike. */
function wishesOf(
  { config, plan, selection, method, force }: SyncRunOptions,
  proxies: readonly string[] | null,
) {
  const { shards, tables, keys } = selection;
  const compared = JSON.stringify([config.shards, config.tables]);
  const wishes = {
    mode: plan.mode,
    '--check': plan.check,
    '--passes': plan.passes,
    '--shard': shards,
    '--table': tables,
    '--keys': keys,
    '--hash': method.hash,
    '--columns': method.columns,
    '--force': force,
    '--proxy': proxies,
    '"shards" or "tables" of the configuration': createHash('sha256').update(compared).digest('hex'),
  };
  const scope = {
    shards: [...shards],
    tables: tables === null ? null : [...tables],
    check: plan.check,
  };
  return { wishes, scope };
}

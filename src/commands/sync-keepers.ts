/** How a sync is kept: by a file of this machine, or in etcd, where others may take part in it. */
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { CheckpointFile } from '../sync/checkpoint.ts';
import { LoneKeeper } from '../sync/lone-keeper.ts';
import type { OpenedKeeper, PassKeeper } from '../sync/pass-keeper.ts';
import type { SyncRunOptions } from '../sync/sync-tools.ts';

/** `proxies`: as the command line names them. Its client is loaded only where etcd is used. */
export async function openKeeper(
  run: SyncRunOptions,
  { alone, proxies }: { readonly alone: boolean; readonly proxies: readonly string[] | null },
): Promise<OpenedKeeper> {
  const { etcd } = run.config;
  if (etcd === undefined || alone) return { keeper: loneKeeper(run), close: () => undefined };
  const { openSharedKeeper } = await import('./sync-shared.ts');
  return openSharedKeeper(run, etcd, proxies);
}

function loneKeeper({ config, selection, method, plan, told, stop }: SyncRunOptions): PassKeeper {
  const { service, shards, tables, sync } = config;
  const job = JSON.stringify([shards, tables, selection, method, plan.check]);
  // Another sync of the same service has a file of its own.
  const name = `${service}-${createHash('sha256').update(job).digest('hex').slice(0, 12)}.json`;
  const checkpoint = new CheckpointFile(join(sync.checkpoint, name), (reason) =>
    told.warns(`where the sync is could not be written down, so that it would begin anew: ${reason}`),
  );
  return new LoneKeeper({ checkpoint, job, now: () => performance.now(), told, stop });
}

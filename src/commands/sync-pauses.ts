/** What may pause a sync: a file on this machine, and a key in etcd that pauses all of them. */
import { access } from 'node:fs/promises';
import type { Config } from '../config/load.ts';
import type { SyncPause } from '../control/sync-pause.ts';

export interface Pauses {
  /** Why everybody is to wait; null: nobody wants that. Never rejects. */
  reason(): Promise<string | null>;
  close(): void;
}

/** `file`: undefined where no file pauses it. */
export async function pausesOf(
  file: string | undefined,
  { etcd }: Pick<Config, 'etcd'>,
  warn: (text: string) => void,
): Promise<Pauses> {
  const key = etcd === undefined ? null : await pauseKey(etcd, warn);
  return {
    reason: async () => (await fileReason(file)) ?? (await key?.reason()) ?? null,
    close: () => key?.close(),
  };
}

function fileReason(file: string | undefined): Promise<string | null> {
  if (file === undefined) return Promise.resolve(null);
  return access(file).then(
    () => `the file ${file} is there`,
    (error: NodeJS.ErrnoException) =>
      // A file that nobody may look at may be there.
      error.code === 'ENOENT' || error.code === 'ENOTDIR'
        ? null
        : `whether ${file} is there can't be seen: ${error.message}`,
  );
}

/** Its client is loaded only where there is an etcd. */
async function pauseKey(etcd: NonNullable<Config['etcd']>, warn: (text: string) => void): Promise<SyncPause> {
  const { SyncPause: Key } = await import('../control/sync-pause.ts');
  return new Key({
    etcd,
    now: () => performance.now(),
    told: (fault) => warn(fault ?? 'the key that pauses the sync can be read again'),
  });
}

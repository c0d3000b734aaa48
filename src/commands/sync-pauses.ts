/** What may pause a sync: a file on this machine, and a key in etcd that pauses all of them. */
import { access } from 'node:fs/promises';
import type { Config } from '../config/load.ts';
import { SyncPause } from '../control/sync-pause.ts';

export interface Pauses {
  /** Why everybody is to wait; null: nobody wants that. Never rejects. */
  reason(): Promise<string | null>;
  close(): void;
}

/** `file`: undefined where no file pauses it. */
export function pausesOf(
  file: string | undefined,
  { etcd }: Pick<Config, 'etcd'>,
  warn: (text: string) => void,
): Pauses {
  const key =
    etcd === undefined
      ? null
      : new SyncPause({
          etcd,
          now: () => performance.now(),
          told: (fault) => warn(fault ?? 'the key that pauses the sync can be read again'),
        });
  return {
    reason: async () => (await fileReason(file)) ?? (await key?.reason()) ?? null,
    close: () => key?.close(),
  };
}

function fileReason(file: string | undefined): Promise<string | null> {
  if (file === undefined) return Promise.resolve(null);
  return access(file).then(
    () => `the file ${file} is there`,
    () => null,
  );
}

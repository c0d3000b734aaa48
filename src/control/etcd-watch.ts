/**
 * A watch on the prefix that only says "something changed": the values are then read anew, whole and of
 * one revision, so a lost, doubled or late event can never leave us with a wrong value.
 */
import { proxiesPrefix } from './control-keys.ts';
import { controlRanges } from './control-ranges.ts';
import type { EtcdClient } from './etcd-client.ts';
import { etcdReason } from './etcd-error.ts';

export interface WatchEvents {
  /** A key other than the proxies' registrations was written or deleted. */
  onChange(): void;
  /** The watch is over, of whatever cause (also when etcd has compacted its start away). Called once. */
  onEnd(reason: string): void;
}

export interface Watch {
  /** For when the client is closed too: it drops calls that are under way. */
  close(): void;
}

/** Watches all keys under `prefix`, but those of the sync's jobs, from `startRevision` on. Rejects when no stream can be opened. */
export async function openWatch(
  client: EtcdClient,
  prefix: string,
  startRevision: number,
  events: WatchEvents,
): Promise<Watch> {
  const stream = await client.etcd.watchClient.watch();
  const registrations = Buffer.from(proxiesPrefix(prefix));
  let state: 'open' | 'ended' = 'open';
  const end = (reason: string): void => {
    if (state === 'ended') return;
    state = 'ended';
    // Not cancelled: etcd3 would take that for a failure of the host and drop the other calls with it.
    stream.end();
    events.onEnd(reason);
  };
  stream
    .on('error', (error) => end(etcdReason(error)))
    .on('end', () => end('the stream was ended'))
    .on('data', (reply) => {
      if (reply.canceled) {
        end(etcdReason(reply.cancel_reason || `compacted at revision ${reply.compact_revision}`));
      } else if (reply.events.some((event) => !startsWith(event.kv.key, registrations))) {
        events.onChange();
      }
    });
  for (const range of controlRanges(prefix))
    stream.write({ create_request: { ...range, start_revision: String(startRevision) } });
  return {
    close: () => {
      state = 'ended';
      stream.cancel();
    },
  };
}

function startsWith(key: Buffer, prefix: Buffer): boolean {
  return key.subarray(0, prefix.length).equals(prefix);
}

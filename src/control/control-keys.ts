/** The names of the keys under the prefix, both ways. */
import { RATIO_KINDS, type RatioKind } from '../config/ratios.ts';

export type ControlKey =
  | { readonly type: 'ratio'; readonly shard: string | undefined; readonly kind: RatioKind }
  | { readonly type: 'proxy'; readonly id: string }
  /** Of the sync, which a proxy has no part in. */
  | { readonly type: 'sync' }
  | { readonly type: 'unknown'; readonly reason: string };

export function ratioKey(prefix: string, kind: RatioKind, shard: string | undefined): string {
  return shard === undefined ? `${prefix}mirror/${kind}` : `${prefix}shards/${shard}/mirror/${kind}`;
}

export function proxiesPrefix(prefix: string): string {
  return `${prefix}proxies/`;
}

/** What the processes of one sync share: many keys, changed often, that no proxy reads or watches. */
export function syncJobsPrefix(prefix: string): string {
  return `${prefix}sync/jobs/`;
}

/** What `key` means, given its whole name and the shards of the configuration. */
export function readControlKey(prefix: string, key: string, shards: readonly string[]): ControlKey {
  const parts = key.slice(prefix.length).split('/');
  if (parts[0] === 'proxies' && parts.length === 2) return { type: 'proxy', id: parts[1] ?? '' };
  if (parts[0] === 'sync') return { type: 'sync' };
  if (parts[0] === 'mirror' && parts.length === 2) return readKind(parts[1], undefined);
  if (parts[0] === 'shards' && parts[2] === 'mirror' && parts.length === 4) {
    const shard = parts[1] ?? '';
    if (!shards.includes(shard))
      return { type: 'unknown', reason: 'names a shard that this proxy does not have' };
    return readKind(parts[3], shard);
  }
  return { type: 'unknown', reason: 'is no key that this version reads' };
}

function readKind(name: string | undefined, shard: string | undefined): ControlKey {
  const kind = RATIO_KINDS.find((known) => known === name);
  if (kind === undefined)
    return { type: 'unknown', reason: `names no kind of statement (${RATIO_KINDS.join(', ')})` };
  return { type: 'ratio', shard, kind };
}

/**
 * What etcd says about the ratios, with the last good value of each key. Pure: each full read of the
 * prefix is folded into the ledger before it, which gives a new ledger and what is worth telling.
 */
import { readControlKey } from './control-keys.ts';
import { parsePercent } from './parse-percent.ts';
import type { RatioLayer } from './snapshot.ts';

export interface KeyValue {
  readonly key: string;
  readonly value: string;
  readonly modRevision: string;
}

interface LedgerEntry {
  readonly modRevision: string;
  /** Undefined where the key never held a good value: then it counts for nothing. */
  readonly lastGood: number | undefined;
}

export interface RatioLedger {
  readonly entries: ReadonlyMap<string, LedgerEntry>;
  readonly layer: RatioLayer;
}

export interface Rejection {
  readonly key: string;
  readonly value: string;
  readonly reason: string;
}

export interface FoldedRead {
  readonly ledger: RatioLedger;
  /** True when a ratio key was written or deleted since the last read, even to the same value. */
  readonly changed: boolean;
  /** Values refused now; one bad write is refused once, not at each read. */
  readonly rejected: readonly Rejection[];
  readonly unknown: readonly { readonly key: string; readonly reason: string }[];
}

export const EMPTY_LEDGER: RatioLedger = { entries: new Map(), layer: { all: {}, shards: {} } };

/** `read` is every key under `prefix`, as of one revision. */
export function foldRead(
  before: RatioLedger,
  read: readonly KeyValue[],
  names: { readonly prefix: string; readonly shards: readonly string[] },
): FoldedRead {
  const entries = new Map<string, LedgerEntry>();
  const all: Record<string, number> = {};
  const shards: Record<string, Record<string, number>> = {};
  const rejected: Rejection[] = [];
  const unknown: { key: string; reason: string }[] = [];
  let changed = false;
  for (const item of read) {
    const meaning = readControlKey(names.prefix, item.key, names.shards);
    if (meaning.type === 'unknown') unknown.push({ key: item.key, reason: meaning.reason });
    if (meaning.type !== 'ratio') continue;
    const known = before.entries.get(item.key);
    const entry = known?.modRevision === item.modRevision ? known : readEntry(item, known, rejected);
    changed ||= entry !== known;
    entries.set(item.key, entry);
    if (entry.lastGood === undefined) continue;
    if (meaning.shard === undefined) all[meaning.kind] = entry.lastGood;
    else shards[meaning.shard] = { ...shards[meaning.shard], [meaning.kind]: entry.lastGood };
  }
  for (const key of before.entries.keys()) changed ||= !entries.has(key);
  return { ledger: { entries, layer: { all, shards } }, changed, rejected, unknown };
}

function readEntry(item: KeyValue, known: LedgerEntry | undefined, rejected: Rejection[]): LedgerEntry {
  const parsed = parsePercent(item.value);
  if (parsed.ok) return { modRevision: item.modRevision, lastGood: parsed.percent };
  rejected.push({ key: item.key, value: item.value, reason: parsed.reason });
  return { modRevision: item.modRevision, lastGood: known?.lastGood };
}

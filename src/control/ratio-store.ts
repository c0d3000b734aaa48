/** Reading and changing the ratios from outside a proxy, wherever they are kept. */
import type { RatioKind, Ratios } from '../config/ratios.ts';
import type { ProxyRecord } from './proxy-record.ts';
import type { Rejection } from './ratio-ledger.ts';
import type { PartialRatios } from './snapshot.ts';

export interface RatioChange {
  /** Undefined: the ratios of all shards. */
  readonly shard: string | undefined;
  readonly set: PartialRatios;
  readonly unset: readonly RatioKind[];
  /** Whether single shards keep their own values of the kinds in `set`. With `removed` `shard` is undefined. */
  readonly overrides: 'kept' | 'removed';
}

export interface RatioState {
  /** Where the ratios are kept, for people. */
  readonly place: string;
  readonly source: 'etcd' | 'file';
  /** etcd's revision of this reading; 0 for a file. */
  readonly revision: number;
  /** What a shard without values of its own gets. */
  readonly all: Ratios;
  /** What is in force, by shard. */
  readonly shards: Readonly<Record<string, Ratios>>;
  /** The values that single shards have of their own. */
  readonly overrides: Readonly<Record<string, PartialRatios>>;
  /** Values in etcd that every proxy refuses. */
  readonly refused: readonly Rejection[];
  /** The registered proxies (etcd only). */
  readonly proxies: readonly ProxyRecord[];
}

export interface RatioStore {
  /** Rejects when the place can't be read. */
  read(): Promise<RatioState>;
  /** Makes the whole change or none of it, and resolves to etcd's revision of it (0 for a file). */
  change(change: RatioChange): Promise<number>;
  close(): void;
}

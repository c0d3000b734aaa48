/** Mirror ratios and the frozen snapshots of them that the rest of the proxy reads. */

/** Shares in percent, 0 to 100, at most two decimals. */
export interface Ratios {
  readonly reads: number;
  readonly writes: number;
  readonly deletes: number;
}

export type RatioKind = keyof Ratios;

export const RATIO_KINDS = ['reads', 'writes', 'deletes'] as const satisfies readonly RatioKind[];

/** One state of the live settings. Frozen: a change makes a new snapshot. */
export interface ControlSnapshot {
  readonly source: 'etcd' | 'file';
  /** False while the source can't be reached: the last good values stay in force. */
  readonly connected: boolean;
  /** etcd's revision, or the count of accepted changes of the file. */
  readonly revision: number;
  /** When these ratios were applied, milliseconds since 1970. */
  readonly appliedAtMs: number;
  readonly shards: Readonly<Record<string, Ratios>>;
}

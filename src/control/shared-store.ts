/** Keys that several processes change together: read as of one moment, and changed only while something holds. */

export interface StoredKey {
  readonly key: string;
  readonly value: string;
  /** The revision that made the key: another one where it was removed and made again. */
  readonly created: number;
  /** The revision of its last change. */
  readonly modified: number;
}

export interface Span {
  /** All keys that begin with it. */
  readonly prefix: string;
  /** Only those that were changed after this revision; removals are not told. */
  readonly after?: number;
}

export interface SharedRead {
  readonly revision: number;
  /** One list for each span, in its order. */
  readonly spans: readonly (readonly StoredKey[])[];
}

/** `created`: 0 where the key must not be there. */
export type Condition =
  | { readonly key: string; readonly created: number }
  | { readonly key: string; readonly modified: number };

export type Change =
  | { readonly put: string; readonly value: string; readonly lease: string }
  | { readonly remove: string }
  | { readonly removeAll: string };

/** At most so many changes make one commit: etcd takes 128 operations by default. */
export const CHANGES_MAX = 100;

/** Calls that fail are made again for as long as is sensible, and then reject. */
export interface SharedStore {
  read(spans: readonly Span[]): Promise<SharedRead>;
  /** All changes or none. The revision that they made; null: a condition does not hold. */
  commit(conditions: readonly Condition[], changes: readonly Change[]): Promise<number | null>;
  grant(ttlSeconds: number): Promise<string>;
  /** False: the lease has ended, and its keys are gone. */
  renew(lease: string): Promise<boolean>;
  /** Ends it at once, with its keys; one that has ended is left as it is. */
  revoke(lease: string): Promise<void>;
  close(): void;
}

/** The store was away for longer than is waited for, or has lost what it had. */
export class SharedStoreLost extends Error {
  override readonly name = 'SharedStoreLost';
}

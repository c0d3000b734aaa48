/** How much of a row is hashed, and how its hashes become a group's checksum. */

export interface HashMethod {
  /**
   * `md5`: each row by a digest (MD5, or SHA-256 where a server has no MD5). `sha256`: by SHA-256, which is the cheaper
   * one where the servers' processors have instructions for it. `crc32`: each row by 32 bits,
   * summed up: for tables whose rows are inserted and deleted alone.
   */
  readonly hash: 'md5' | 'sha256' | 'crc32';
  /** `primary-key`: that a row is there is all that is compared, for tables whose rows are never changed. */
  readonly columns: 'all' | 'primary-key';
}

export const DEFAULT_HASH: HashMethod = Object.freeze({ hash: 'md5', columns: 'all' });

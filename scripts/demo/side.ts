/** One of a shard's two clusters, as the demo's own connections reach it. */
import type { Mariadb } from '../../test/harness/mariadb.ts';

export interface Side {
  readonly server: Mariadb;
  readonly database: string;
}

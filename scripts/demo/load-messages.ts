/** What the demo and the process that makes its load tell each other. */
import type { LoadShard } from '../../test/harness/load-figures.ts';

export interface LoadConfig {
  readonly shards: readonly LoadShard[];
  readonly account: { readonly user: string; readonly password: string };
  readonly folders: number;
  /** Statements a second, all users together. */
  readonly rate: number;
  readonly usersAShard: number;
  /** Another load on the same data takes another number, so that its new items do not collide. */
  readonly round: number;
}

export type ToLoad = { readonly type: 'stop' };

/** The tables as the holder of one leased range works on them: what it writes goes behind the range's fence. */
import type { SyncedTable } from './full-pass.ts';
import { OnceByName } from './once-by-name.ts';
import type { LeasedRange } from './range-queue.ts';

export interface LeasedTablesOptions {
  readonly leased: Pick<LeasedRange, 'fence' | 'orphaned'>;
  readonly open: (shard: string, table: string) => Promise<SyncedTable>;
  /** Resolves once nothing is on its way any more that a lost worker may have half seen. */
  readonly caughtUp: (shard: string) => Promise<void>;
}

export class LeasedTables {
  readonly #options: LeasedTablesOptions;
  readonly #opened = new OnceByName<SyncedTable>();

  constructor(options: LeasedTablesOptions) {
    this.#options = options;
  }

  open(shard: string, table: string): Promise<SyncedTable> {
    const { leased, open } = this.#options;
    if (leased.fence === null) return open(shard, table);
    return this.#opened.get(`${shard} ${table}`, () => this.#open(shard, table));
  }

  async #open(shard: string, table: string): Promise<SyncedTable> {
    const { leased, open, caughtUp } = this.#options;
    const opened = await open(shard, table);
    const settler = leased.fence === null ? opened.settler : await opened.settlerBehind(leased.fence);
    // After the fence: what the lost worker has written by then is all that it ever will.
    if (leased.orphaned) await caughtUp(shard);
    return { ...opened, settler };
  }
}

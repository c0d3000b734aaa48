/**
 * The writes that a shard's sessions have sent in one turn of the event loop: they are held until every socket that
 * had something was read, then one append to the journal has the keys of all of them, then they are sent. What an
 * append costs is the way to the kernel and back, however many keys it has.
 */
import { Chain, type Chained } from '../base/chain.ts';

/** What may be held; what has no room is sent at once, behind an append of its own. */
export const HELD_BYTES_MAX = 64 * 1024;

/** Who holds bytes back. */
export interface Holder extends Chained<Holder> {
  /** Sends them, once `record` was called, and calls `released`. */
  release(): void;
}

export class WriteTurn {
  /** Has the keys of all sessions' writes on record when it returns; never throws. */
  readonly record: () => void;
  readonly #bytes = Buffer.allocUnsafeSlow(HELD_BYTES_MAX);
  #used = 0;
  /** In the order in which they came. */
  readonly #holding = new Chain<Holder>();

  constructor(record: () => void) {
    this.record = record;
  }

  /**
   * A copy of the bytes that holds good until the turn ends, which is when `holder` is told to release it; null:
   * there is no room. To be called for one that holds nothing.
   */
  hold(holder: Holder, chunk: Buffer): Buffer | null {
    const start = this.#used;
    const end = start + chunk.length;
    if (end > HELD_BYTES_MAX) return null;
    if (start === 0) setImmediate(this.#end);
    chunk.copy(this.#bytes, start);
    this.#used = end;
    this.#holding.add(holder);
    return this.#bytes.subarray(start, end);
  }

  /** The holder sends what it held. */
  released(holder: Holder): void {
    this.#holding.remove(holder);
  }

  /** Runs when every socket of the turn was read. A connection whose sending throws strands none of the others. */
  readonly #end = (): void => {
    try {
      for (let holder = this.#holding.first; holder !== null; holder = this.#holding.first) holder.release();
    } finally {
      if (this.#holding.first === null) this.#used = 0;
      else setImmediate(this.#end);
    }
  };
}

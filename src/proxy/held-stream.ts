/**
 * A session's connection to the old server, which may hold the latest bytes back until the keys of the writes in
 * them are on record. Whatever else is asked of it comes behind these bytes.
 */
import type { ByteStream } from './byte-stream.ts';
import type { Holder, WriteTurn } from './write-turn.ts';

export class HeldStream implements ByteStream, Holder {
  before: Holder | null = null;
  after: Holder | null = null;
  readonly #stream: ByteStream;
  readonly #turn: WriteTurn;
  readonly #full: () => void;
  #held: Buffer | null = null;

  /** `full` is called where held bytes were sent and no more should follow before `drained`. */
  constructor(stream: ByteStream, turn: WriteTurn, full: () => void) {
    this.#stream = stream;
    this.#turn = turn;
    this.#full = full;
  }

  /** The bytes may be sent once `record` of the turn was called: at the turn's end, or before what comes next. See `write`. */
  writeRecorded(chunk: Buffer): boolean {
    this.release();
    this.#held = this.#turn.hold(this, chunk);
    if (this.#held !== null) return true;
    this.#turn.record();
    return this.#stream.write(chunk);
  }

  /** Sends what is held, with its keys on record. */
  release(): void {
    const held = this.#held;
    if (held === null) return;
    this.#held = null;
    this.#turn.released(this);
    this.#turn.record();
    if (!this.#stream.write(held)) this.#full();
  }

  get unsentBytes(): number {
    return this.#stream.unsentBytes + (this.#held?.length ?? 0);
  }

  isDropped(): boolean {
    return this.#stream.isDropped();
  }

  write(chunk: Buffer): boolean {
    this.release();
    return this.#stream.write(chunk);
  }

  pause(): void {
    this.#stream.pause();
  }

  resume(): void {
    this.#stream.resume();
  }

  shorten(): void {
    this.#stream.shorten();
  }

  end(): void {
    this.release();
    this.#stream.end();
  }

  endAndDestroy(): void {
    this.release();
    this.#stream.endAndDestroy();
  }

  destroy(): void {
    this.release();
    this.#stream.destroy();
  }

  reset(): void {
    this.release();
    this.#stream.reset();
  }
}

/**
 * How many groups a checksum query asks for. Sizes of groups are heavy-tailed, so it does not aim at a mean: it holds
 * the share of queries that take too long. Each query that does not makes the size a little larger, each that does
 * makes it smaller by far more, and the shares at which the two cancel out are those that are wanted: with the
 * figures below at most 9 % of queries take longer than the target and at most 0.35 % longer than twice as much,
 * whatever the sizes are.
 */

export interface BatchSizeOptions {
  /** Groups of the first query. */
  readonly initial?: number;
  /** Bounds what a query's answer takes in memory, in groups. */
  readonly max?: number;
  /** What nine queries in ten should take at most. */
  readonly targetSeconds?: number;
}

/** A query that was made with the size of the moment; that of the slower side where two were made at once. */
export interface TimedBatch {
  readonly seconds: number;
  /** Whether there were as many groups as were asked for: to be quick about fewer says nothing. */
  readonly full: boolean;
  readonly rows: number;
  /** Rows of the largest group. */
  readonly largestRows: number;
}

/**
 * `starting`: nothing is known yet, or the queries have been far too quick for long. `steady`: the rule above.
 * `returning`: one huge group made the query slow, or something that held the server up, which no size would have
 * helped; the size goes back to what it was.
 */
type Pace =
  | { readonly pace: 'starting' }
  | { readonly pace: 'steady'; readonly quickInARow: number }
  | { readonly pace: 'returning'; readonly to: number; readonly onwards: 'starting' | 'steady' };

const INITIAL = 50;
const MAX = 5000;
const TARGET_SECONDS = 0.1;

/** Multiples of the target, and by what the size is multiplied above each. */
const ABOVE = Object.freeze({ slow: 1, limit: 2, alarm: 5 });
const CUT = Object.freeze({ slow: 0.95, limit: 0.24, alarm: 0.1 });
const GROWTH_STEADY = 1.005;
const GROWTH_MAX = 1.5;
/** In search of the size it should fall short rather than overshoot. */
const AIM = 0.9;
/** So many queries in a row in half the target: by then one in a hundred of a heavy tail would have shown. */
const QUICK = 0.5;
const QUICK_IN_A_ROW = 500;
/** A query that took so many times as long for its rows as queries do was held up by something else than its size. */
const HELD_UP = 4;
/** Weight of the last query in what queries take for a row. */
const LAST_WEIGHT = 0.1;

export class BatchSize {
  readonly #max: number;
  readonly #targetSeconds: number;
  /** Whole groups would not let it grow by less than one. */
  #size: number;
  #pace: Pace = { pace: 'starting' };
  /** What queries take for a row of late; null: none has told yet. */
  #rowSeconds: number | null = null;

  constructor(options: BatchSizeOptions = {}) {
    this.#max = options.max ?? MAX;
    this.#targetSeconds = options.targetSeconds ?? TARGET_SECONDS;
    this.#size = Math.min(options.initial ?? INITIAL, this.#max);
  }

  /** Groups to ask for, 1 at least. */
  get groups(): number {
    return Math.floor(this.#size);
  }

  observe(batch: TimedBatch): void {
    const ratio = batch.seconds / this.#targetSeconds;
    const isHeldUp = this.#heldUp(batch);
    if (ratio <= ABOVE.slow) {
      if (batch.full) this.#grow(ratio);
      return;
    }
    if (isHeldUp) {
      this.#holdUp(cutOf(ratio));
      return;
    }
    const largest = batch.rows > 0 ? (ratio * batch.largestRows) / batch.rows : 0;
    // Alone it would have been too slow as well: the size is judged by the rest.
    if (largest > ABOVE.limit) this.#step(cutOf(ratio), this.#target() * cutOf(ratio - largest));
    else this.#step(cutOf(ratio), null);
  }

  /** Of a server that is slow for all queries this is said but of the first few. */
  #heldUp({ seconds, rows }: TimedBatch): boolean {
    if (rows === 0) return false;
    const known = this.#rowSeconds;
    const now = seconds / rows;
    this.#rowSeconds = known === null ? now : known + LAST_WEIGHT * (Math.min(now, HELD_UP * known) - known);
    return known !== null && now > HELD_UP * known;
  }

  /** Less is asked of it for the moment. All that were under way are held up at once: only the first of them cuts. */
  #holdUp(cut: number): void {
    const pace = this.#pace;
    const onwards = pace.pace === 'returning' ? pace.onwards : pace.pace;
    const before = this.#target();
    // A server that is held up again and again is asked for less in the end.
    this.#pace = {
      pace: 'returning',
      to: Math.max(1, before * (onwards === 'starting' ? 1 : CUT.slow)),
      onwards,
    };
    this.#set(Math.min(this.#size, before * cut));
  }

  /** What the size goes back to, or is. */
  #target(): number {
    return this.#pace.pace === 'returning' ? this.#pace.to : this.#size;
  }

  #step(factor: number, returnTo: number | null): void {
    this.#pace =
      returnTo === null
        ? { pace: 'steady', quickInARow: 0 }
        : { pace: 'returning', to: Math.max(1, returnTo), onwards: 'steady' };
    this.#set(this.#size * factor);
  }

  #grow(ratio: number): void {
    const searching = Math.min(GROWTH_MAX, Math.max(GROWTH_STEADY, AIM / ratio));
    const pace = this.#pace;
    if (pace.pace === 'starting') {
      this.#set(this.#size * searching);
    } else if (pace.pace === 'returning') {
      this.#set(Math.min(pace.to, this.#size * searching));
      if (this.#size >= pace.to)
        this.#pace = pace.onwards === 'starting' ? { pace: 'starting' } : { pace: 'steady', quickInARow: 0 };
    } else {
      const quickInARow = ratio < QUICK ? pace.quickInARow + 1 : 0;
      this.#pace = quickInARow < QUICK_IN_A_ROW ? { pace: 'steady', quickInARow } : { pace: 'starting' };
      this.#set(this.#size * GROWTH_STEADY);
    }
  }

  #set(size: number): void {
    this.#size = Math.min(this.#max, Math.max(1, size));
  }
}

/** By what a query of so many times the target cuts the size; 1: not at all. */
function cutOf(ratio: number): number {
  if (ratio > ABOVE.alarm) return CUT.alarm;
  if (ratio > ABOVE.limit) return CUT.limit;
  return ratio > ABOVE.slow ? CUT.slow : 1;
}

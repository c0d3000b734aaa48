/** How many rows the executions of one bulk execution changed, which the primary tells for all of them together. */

export class RowTally<Replay> {
  /** By the primary. */
  readonly expected: bigint;
  #open: number;
  #changed = 0n;
  readonly #replays: Replay[] = [];

  constructor(executions: number, expected: number | bigint) {
    this.#open = executions;
    this.expected = BigInt(expected);
  }

  /** What the shadow changed for one of them. Behind the last: all of them, if the sum is another than the primary's. */
  add(replay: Replay, changed: number | bigint): readonly Replay[] {
    this.#open--;
    this.#changed += BigInt(changed);
    this.#replays.push(replay);
    return this.#open === 0 && this.#changed !== this.expected ? this.#replays : [];
  }
}

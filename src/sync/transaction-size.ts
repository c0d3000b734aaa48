/** How many rows one transaction of a repair writes: what is read for it, and sent, is bounded in bytes too. */

/** Of rows as they are read; as SQL they are a little more. */
const AIM_BYTES = 1_048_576;
/** Of rows whose size is not known yet. */
const FIRST_ROWS = 100;
/** Weight of what was read last in what a row takes. */
const LAST_WEIGHT = 0.25;

export class TransactionSize {
  readonly #rowsMax: number;
  #rowBytes: number | null = null;

  constructor(rowsMax: number) {
    this.#rowsMax = rowsMax;
  }

  /** 1 at least. */
  get rows(): number {
    const rows = this.#rowBytes === null ? FIRST_ROWS : Math.floor(AIM_BYTES / Math.max(1, this.#rowBytes));
    return Math.max(1, Math.min(this.#rowsMax, rows));
  }

  /** So many rows were read, of so many bytes in all. Large rows count at once, small ones by and by. */
  observe(rows: number, bytes: number): void {
    if (rows === 0) return;
    const now = bytes / rows;
    const known = this.#rowBytes ?? now;
    this.#rowBytes = now > known ? now : known + LAST_WEIGHT * (now - known);
  }
}

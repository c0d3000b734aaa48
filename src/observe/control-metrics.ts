/** How the live control fares. */
export class ControlMetrics {
  /** False while the source of the ratios can't be reached. */
  connected = false;
  #rejections = 0;

  get rejections(): number {
    return this.#rejections;
  }

  /** A value was refused; the last good one stays in force. */
  rejected(): void {
    this.#rejections += 1;
  }
}

/** How the live control fares. */
export class ControlMetrics {
  /** False while the source of the ratios can't be reached. */
  connected = false;
  /** Called with what was refused. */
  onRejected: (what: string) => void = () => {};
  #rejections = 0;

  get rejections(): number {
    return this.#rejections;
  }

  /** A value was refused; the last good one stays in force. */
  rejected(what: string): void {
    this.#rejections += 1;
    this.onRejected(what);
  }
}

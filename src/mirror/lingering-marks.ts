/**
 * What the journal keeps under way for an open transaction beyond the statements themselves: their doubts are noted, yet
 * the primary shows others nothing of them before the COMMIT, so that whoever compares rows until then finds them right.
 */
import type { WriteMark } from '../journal/journal.ts';

export class LingeringMarks {
  /** How often each was taken: many writes share one. */
  readonly #marks = new Map<WriteMark, number>();
  #holdsAll = false;

  /** The mark of a write; its release is ours from here on. */
  add(mark: WriteMark): void {
    this.#marks.set(mark, (this.#marks.get(mark) ?? 0) + 1);
  }

  /** A mark on any table, once until the release. */
  addAny(take: () => WriteMark): void {
    if (this.#holdsAll) return;
    this.#holdsAll = true;
    this.add(take());
  }

  /** The transaction has ended, one way or the other. */
  release(): void {
    if (this.#marks.size === 0) return;
    for (const [mark, times] of this.#marks) for (let left = times; left > 0; left--) mark.release();
    this.#marks.clear();
    this.#holdsAll = false;
  }
}

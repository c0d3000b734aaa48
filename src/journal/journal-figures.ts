/** What a journal tells of itself, for status and metrics. */

export interface JournalFigures {
  /** On disk, of both logs. */
  readonly bytes: number;
  /** Files of the written log. */
  readonly segments: number;
  readonly appends: number;
  /** Writes whose end is not known yet. */
  readonly pending: number;
  /** Since the start. */
  readonly writtenKeys: number;
  readonly reset: boolean;
  /** Counts the losses: what `fullPassDone` is told. */
  readonly epoch: number;
  /** Null: none. */
  readonly resetReason: string | null;
  /** Why the journal can't be written, or may not be on disk yet; null where it is. */
  readonly failing: string | null;
}

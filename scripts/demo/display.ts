/** What the demo shows while it runs: a panel that is drawn anew on a terminal, plain lines elsewhere. */
import type { Figures } from './figures.ts';

export interface ActHeading {
  /** From 1. */
  readonly number: number;
  readonly of: number;
  readonly title: string;
}

/** How an act came out, in the figures of its whole time. */
export interface ActResult {
  /** What was seen, beyond the figures. */
  readonly notes: readonly string[];
  readonly figures: Figures;
}

export interface Moment {
  readonly seconds: number;
  readonly figures: Figures;
  readonly clientErrors: number;
}

export interface Display {
  /** A step of the set-up. */
  step(text: string): void;
  beginAct(heading: ActHeading): void;
  /** Something happened in this act. */
  note(text: string): void;
  /** Once a second. */
  tick(moment: Moment): void;
  endAct(heading: ActHeading, result: ActResult): void;
  /** Makes way for text that stays. */
  clear(): void;
  /** Leaves the screen as a following line of text expects it. */
  close(): void;
}

/** What visitors of the message centre did, and where. */

export interface LoadShard {
  readonly name: string;
  /** The proxy's port. */
  readonly port: number;
  readonly database: string;
}

/** Counts since the load's start. */
export interface LoadFigures {
  readonly statements: number;
  readonly prepared: number;
  readonly sessions: number;
  readonly longSessions: number;
  readonly transactions: number;
  readonly rowsRead: number;
  readonly rowsWritten: number;
  /** Every error that a client saw, at its login too. */
  readonly errors: number;
  /** The first few errors, in words. */
  readonly errorSamples: readonly string[];
}

export const NO_LOAD: LoadFigures = {
  statements: 0,
  prepared: 0,
  sessions: 0,
  longSessions: 0,
  transactions: 0,
  rowsRead: 0,
  rowsWritten: 0,
  errors: 0,
  errorSamples: [],
};

/** What the demo and the process that makes its load tell each other. */

export interface LoadShard {
  readonly name: string;
  /** The proxy's port. */
  readonly port: number;
  readonly database: string;
}

export interface LoadConfig {
  readonly shards: readonly LoadShard[];
  readonly account: { readonly user: string; readonly password: string };
  readonly folders: number;
  /** Statements a second, all users together. */
  readonly rate: number;
  readonly usersAShard: number;
  /** Another load on the same data takes another number, so that its new items do not collide. */
  readonly round: number;
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

export type ToLoad = { readonly type: 'stop' };

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

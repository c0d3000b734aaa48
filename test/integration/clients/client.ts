/** What the matrix of clients asks of each one. */

/** The steps of a session, in the order of the page; a client does them in an order of its own. */
export const STEPS = [
  'connect',
  'refused',
  'types',
  'prepared',
  'transactions',
  'errors',
  'big values',
  'several',
  'procedures',
  'charset',
  'local infile',
  'streaming',
  'bulk',
  'session',
  'reconnect',
  'compression',
  'TLS',
  'TLS through',
] as const;
export type Step = (typeof STEPS)[number];

/** Where a session connects to, and as whom. */
export interface SessionSettings {
  readonly port: number;
  /** Where TLS goes on to the old server; `port` has it towards clients alone. */
  readonly tlsport: number;
  /** Path of the authority's certificate that signed the servers' and the proxy's. */
  readonly ca: string;
  readonly user: string;
  readonly password: string;
  readonly database: string;
  /** Path of a file of three rows for LOAD DATA LOCAL INFILE. */
  readonly csv: string;
}

export type StepLine =
  | { readonly version: string }
  | { readonly step: string; readonly seen: Readonly<Record<string, unknown>> }
  | { readonly step: string; readonly fault: string };

export interface Runner {
  /** Part of a database's and a shard's name. */
  readonly id: string;
  /** As people call it. */
  readonly name: string;
  /** Runs a session to its end; what it told of each step. */
  run(settings: SessionSettings): Promise<readonly StepLine[]>;
}

/** Steps of its own, beyond those that all clients do. */
export interface Sample extends Runner {
  readonly features: readonly string[];
  /** Table and folder of writes that are relayed and not replayed. */
  readonly unmirrored: readonly string[];
}

export interface Client extends Runner {
  /** Steps that the client has not, and why. */
  readonly lacks: StepNotes;
  /** Steps of whose writes some are relayed and not replayed, and why: a doubt is owed for those. */
  readonly unmirrored: StepNotes;
}

export type StepNotes = Partial<Readonly<Record<Step, string>>>;

export const stepsOf = (client: Client): readonly Step[] =>
  STEPS.filter((step) => client.lacks[step] === undefined);

/** The step that writes a folder of a table: each has its own, whoever the client is. */
export function writerOf(table: string, folder: string): Step | undefined {
  return table === 'loaded' ? 'local infile' : WRITERS[folder];
}

const WRITERS: Readonly<Record<string, Step>> = {
  1: 'types',
  2: 'prepared',
  4: 'transactions',
  5: 'errors',
  6: 'big values',
  7: 'big values',
  8: 'several',
  10: 'charset',
  11: 'bulk',
  12: 'compression',
  13: 'session',
  14: 'reconnect',
  15: 'TLS',
  16: 'TLS through',
};

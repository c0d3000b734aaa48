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
  /** By table and folder: writes that are relayed and not replayed, and the doubt that is owed for them. */
  readonly unmirrored: Readonly<Record<string, OwedDoubt>>;
}

export interface Client extends Runner {
  /** Steps that the client has not, and why. */
  readonly lacks: StepNotes;
  /** Steps of whose writes some are relayed and not replayed, and why: a doubt is owed for those. */
  readonly unmirrored: StepNotes;
}

/** What the journal must hold of a write that was not replayed. */
export interface OwedDoubt {
  /** `*`: whatever the session may have written. */
  readonly table: string;
  /** Null: every row of the table. */
  readonly key: string | null;
  readonly reason: 'hazard' | 'opaque';
}

export type StepNotes = Partial<Readonly<Record<Step, string>>>;

export const stepsOf = (client: Client): readonly Step[] =>
  STEPS.filter((step) => client.lacks[step] === undefined);

/** The step that writes a folder of a table: each has its own, whoever the client is. */
export function writerOf(table: string, folder: string): Step | undefined {
  return table === 'loaded' ? 'local infile' : WRITERS[folder];
}

/** What is owed for a folder that such a step of a client wrote. */
export function doubtOwed(step: Step, table: string, folder: string): OwedDoubt {
  if (step === 'compression') return { table: '*', key: null, reason: 'opaque' };
  const isWhole = step === 'local infile' || step === 'bulk';
  return { table, key: isWhole ? null : folder, reason: 'hazard' };
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

/**
 * What we know of a digest: made once, from the digest alone. Nothing in a plan depends on a shard's
 * configuration or schema; `keys.ts` binds a plan to those.
 */
import type { ModeExpression } from './mode-expression.ts';
import type { PrepareStep } from './prepare-step.ts';
import type { XaStep } from './xa-step.ts';

/** The statement kinds of the design. */
export type Kind = 'read' | 'write' | 'delete' | 'other';

/** What a statement does to the transaction it runs in. */
export type TransactionStep =
  | 'none'
  | 'begin'
  | 'commit'
  | 'rollback'
  | 'savepoint'
  | 'rollback_to'
  | 'release'
  /** DDL and the other statements that commit before they run; some of them not everywhere. */
  | 'implicit_commit';

/** Why a replay of the statement may not give what the primary has. `docs/sql.md` lists them. */
export type Hazard =
  | 'clock' // NOW(), CURDATE(), UNIX_TIMESTAMP() without argument, …
  | 'random' // RAND(), UUID(), UUID_SHORT(), RANDOM_BYTES()
  | 'session_function' // CONNECTION_ID(), USER(), FOUND_ROWS(), ROW_COUNT(), VERSION(), DATABASE()
  | 'last_insert_id'
  | 'user_variable' // @name read
  | 'system_variable' // @@name read
  | 'limit_without_order' // in a write or delete
  | 'from_select' // INSERT … SELECT, REPLACE … SELECT, UPDATE/DELETE with a subquery or several tables
  | 'load_data'
  | 'locks' // GET_LOCK, RELEASE_LOCK, SLEEP, BENCHMARK, MASTER_POS_WAIT, …
  | 'locking_read' // FOR UPDATE, LOCK IN SHARE MODE, FOR SHARE
  | 'into' // SELECT … INTO
  | 'assignment' // @a := 1
  | 'unknown_function' // a function that is no built-in one: it may write
  | 'delayed' // INSERT DELAYED
  | 'upsert' // ON DUPLICATE KEY UPDATE, REPLACE: rows touched may be others than the key's
  | 'sequence' // NEXT VALUE FOR, NEXTVAL(), LASTVAL(), SETVAL()
  | 'file' // LOAD_FILE()
  | 'any_effect' // CALL, EXECUTE, compound blocks, BINLOG: may run any statement
  | 'conditional'; // a comment that some servers execute and others skip: /*!80000 … */, /*M! … */

export interface TableName {
  /** As written, unquoted; null where the statement leaves it to the session. */
  readonly database: string | null;
  readonly name: string;
  /** The name the statement calls it by (alias or name). */
  readonly alias: string;
  /** True where the statement changes its rows. */
  readonly written: boolean;
}

/**
 * `column = literal` or `column IN (literals)`, standing in the top-level AND of the WHERE clause (or ON
 * clause of an inner join) of any query block. `slots` are digest slots; IN's list is one slot that repeats.
 */
export interface Predicate {
  /**
   * Indexes in `Plan.tables`: one where the column is qualified or its block has one table; all of the block's
   * where it is not. Any of them that has such a column is bound: servers refuse an ambiguous name.
   */
  readonly tables: readonly number[];
  readonly column: string;
  readonly slots: readonly number[];
  /** IN with any number of elements. */
  readonly list: boolean;
  /** One column of `(a, b) = (…)` or `(a, b) IN ((…), …)`: its elements can't be dropped one by one. */
  readonly tuple: boolean;
  /** Stands in the statement's own WHERE clause, not in a query inside it. */
  readonly outer: boolean;
}

/** One assignment of UPDATE … SET or ON DUPLICATE KEY UPDATE. */
export interface Assignment {
  /** Indexes in `Plan.tables`, as in `Predicate`. */
  readonly tables: readonly number[];
  readonly column: string;
  /** The slot of the literal that is assigned; -1 for an expression. */
  readonly slot: number;
}

/** The rows of an INSERT or REPLACE … VALUES (or SET form, then one row). */
export interface RowSource {
  /** The column list as written, unquoted; null: all columns, in the table's order. */
  readonly columns: readonly string[] | null;
  /** One entry a row shape of the digest: for every column, the slot of its literal, or -1 for an expression. */
  readonly shapes: readonly (readonly number[])[];
}

/** One assignment of a SET statement, or the effect of USE / SET NAMES / SET CHARACTER SET. */
export interface SessionChange {
  readonly what: 'variable' | 'user_variable' | 'names' | 'character_set' | 'use' | 'transaction' | 'role';
  /** Lower case, unquoted: the variable's name, the character set ('' for a literal), or USE's database (case kept). */
  readonly name: string;
  /** 'transaction': the next transaction only (SET TRANSACTION without SESSION or GLOBAL). */
  readonly scope: 'session' | 'global' | 'transaction';
  /** Where the new value stands; 'expression' when it is none of the others. */
  readonly value:
    | { readonly slot: number }
    | { readonly word: string }
    /** sql_mode made out of what it is. */
    | { readonly mode: ModeExpression }
    /** What a user variable holds. */
    | { readonly userVariable: string }
    /** What another setting of the session is. */
    | { readonly setting: string }
    | 'expression'
    | null;
  /** SET NAMES … COLLATE x: its name, or where it stands as a literal. */
  readonly collation: string | { readonly slot: number } | null;
}

/** A procedure or a stored function that a statement names. */
export interface RoutineCall {
  readonly what: 'procedure' | 'function';
  /** As written, unquoted; null where the statement leaves it to its session or to the routine that it stands in. */
  readonly database: string | null;
  readonly name: string;
}

export interface Plan {
  /** The digest's text: literals as `?`, lists collapsed to one element followed by `...`. */
  readonly digest: string;
  /** 16 hex digits, the same on every process: the name of the digest in reports. */
  readonly id: string;
  readonly kind: Kind;
  readonly transaction: TransactionStep;
  /** SAVEPOINT, RELEASE and ROLLBACK TO: the name, lower case; null: none that can be told from others. */
  readonly savepoint: string | null;
  readonly tables: readonly TableName[];
  readonly predicates: readonly Predicate[];
  readonly rows: RowSource | null;
  readonly assignments: readonly Assignment[];
  readonly hazards: ReadonlySet<Hazard>;
  /** MariaDB and MySQL may make other values of it: `by-kind.ts` says of what. */
  readonly byKind: boolean;
  /** Words and signs of which MySQL warns that it will not know them for ever, once each. */
  readonly deprecated: number;
  /** Has a top-level ORDER BY: compared reads mind the order of rows. */
  readonly ordered: boolean;
  /** Has a LIMIT, of its own or in a query inside it. */
  readonly limited: boolean;
  /** Has a LIMIT that no ORDER BY stands before: which rows come back is the server's choice. */
  readonly limitWithoutOrder: boolean;
  /** Creates, drops or alters tables (the schema must be read again). */
  readonly ddl: boolean;
  /** Touches a temporary table by its own word (CREATE/DROP TEMPORARY TABLE). */
  readonly temporary: boolean;
  /** CALL, EXECUTE, compound statements: replies may hold any number of results. */
  readonly anyResults: boolean;
  readonly session: readonly SessionChange[];
  /** The user variables that it names, in lower case, each once; null: more than are told. */
  readonly userVariables: readonly string[] | null;
  /** Calls LAST_INSERT_ID with an argument. */
  readonly setsLastInsertId: boolean;
  /** PREPARE, EXECUTE and DEALLOCATE as SQL has them. */
  readonly prepare: PrepareStep | null;
  /** A block or a stored program: more than one statement may stand in it. */
  readonly compound: boolean;
  readonly xa: XaStep | null;
  /** The procedures and stored functions that it calls; null: it may call more than its words tell. */
  readonly calls: readonly RoutineCall[] | null;
  /** SQL-level EXECUTE, XA but for what ends the session's own branch: what can't be seen into. */
  readonly opaque: boolean;
  /** The parser read the digest and agrees; false: it refused, and only our own reading of the words stands. */
  readonly parsed: boolean;
  /** The parser was not asked, for want of time: no predicates are given, and a later use may get a fuller plan. */
  readonly deferred: boolean;
}

/**
 * What a new session of the old server begins with: its global settings, and what init_connect does. A lane
 * begins with the new server's, so all that a replay depends on is carried to it.
 */
import type { Plan } from '../sql/plan.ts';
import { variableClass } from '../sql/session-variables.ts';
import type { AnsiQuotes } from './ansi-quotes.ts';
import type { IsolationLevel, SessionEffect } from './session-effect.ts';

/** Stands for every variable that nobody can list: no session sets it. */
export const ANY_VARIABLE = '*';

/** What a server makes of the collation that a client names as it logs in. */
export interface Handshake {
  /** `ignored`: as with --skip-character-set-client-handshake. */
  readonly wish: 'taken' | 'ignored' | 'unknown';
  /** Numbers of the collations that the server has; null: not read. */
  readonly collations: ReadonlySet<number> | null;
}

export interface SessionBeginning {
  /** Variable to the SQL of its value. */
  readonly settings: ReadonlyMap<string, string>;
  /** What DEFAULT means for the variables that SET NAMES sets, as SQL. */
  readonly names: ReadonlyMap<string, string>;
  /** What init_connect changes, in order. */
  readonly effects: readonly SessionEffect[];
  /** Variables that a session has until it sets them itself, and whose value a lane can't be told, or can't have. */
  readonly unknown: readonly string[];
  /** Of its transactions; null: not known yet. */
  readonly isolation: IsolationLevel | null;
  /** Whether it has the character sets that its client asks for. */
  readonly handshake: Handshake;
  /** Databases to their default collations, for SET CHARACTER SET; null: not read. */
  readonly databases: ReadonlyMap<string, string> | null;
}

/** How the old server begins a session, as far as its settings were read. */
export interface ServerBeginning {
  /** Null: not read yet. */
  readonly sqlMode: string | null;
  /** Whether that makes a double quote begin a name. */
  readonly quotes: AnsiQuotes;
  readonly beginning: SessionBeginning;
}

/** A statement sets, for the sessions that begin later, what their replays may depend on. */
export function setsGlobals({ session }: Plan): boolean {
  return session.some(
    ({ what, scope, name }) =>
      scope === 'global' && (what === 'transaction' || variableClass(name) !== 'harmless'),
  );
}

export const PLAIN_BEGINNING: SessionBeginning = {
  settings: new Map(),
  names: new Map(),
  effects: [],
  unknown: [],
  isolation: null,
  handshake: { wish: 'taken', collations: null },
  databases: null,
};

/**
 * What a new session of the old server begins with: its global settings, and what init_connect does. A lane
 * begins with the new server's, so all that a replay depends on is carried to it.
 */
import type { IsolationLevel, SessionEffect } from './session-effect.ts';

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
}

export const PLAIN_BEGINNING: SessionBeginning = {
  settings: new Map(),
  names: new Map(),
  effects: [],
  unknown: [],
  isolation: null,
};

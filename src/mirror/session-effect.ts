/** What a statement does to its session. */
import type { ModeEdit } from './mode-edit.ts';

/** What is assigned where it is no literal: what a user variable holds, or what another setting is. */
export type ValueSource = { readonly userVariable: string } | { readonly setting: string };

/** What a user variable is set to: a literal, its bytes as latin1 characters; or a source. */
export type AssignedValue = { readonly literal: string; readonly form: LiteralForm } | ValueSource | null;

/** `composed`: a string made of several, or with the name of a character set. */
export type LiteralForm = 'plain' | 'string' | 'composed';

/** An effect on the session, taken from the statement's text when it was sent, applied when it succeeded. */
export type SessionEffect =
  | { readonly what: 'use'; readonly database: string }
  /** `statement`: SET NAMES or SET CHARACTER SET, as it goes to a lane; `charset` in lower case. */
  | { readonly what: 'names'; readonly statement: string; readonly charset: string }
  /** `value`: the SQL of a literal or word; null: an expression whose value is not known. */
  | {
      readonly what: 'variable';
      readonly name: string;
      readonly value: string | null;
      /** How sql_mode comes of what it was. */
      readonly mode?: ModeEdit;
      /** Where the value comes from; the session knows it, or nobody does. */
      readonly from?: ValueSource;
    }
  /** `value` null: not known. */
  | { readonly what: 'user_variable'; readonly name: string; readonly value: AssignedValue }
  /** `next`: of the next transaction alone. */
  | { readonly what: 'isolation'; readonly level: IsolationLevel; readonly scope: 'session' | 'next' }
  /** PREPARE: `text` null: not known. */
  | { readonly what: 'prepare'; readonly name: string; readonly text: AssignedValue }
  | { readonly what: 'deallocate'; readonly name: string }
  | { readonly what: 'autocommit' };

/** `locking`: what a transaction has read to change, others can't change until it ends (REPEATABLE READ and up). */
export type IsolationLevel = 'locking' | 'weak' | 'default';

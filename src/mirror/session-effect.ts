/** What a statement does to its session. */
import type { ModeEdit } from './mode-edit.ts';

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
    }
  | { readonly what: 'autocommit' };

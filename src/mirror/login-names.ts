/**
 * The character sets with which a session begins: those that its client asks for by the number of a collation, or
 * the server's own where it takes no such wish, or does not know the number.
 */
import { charsetOfCollation, charsetOfName, type MultiByteCharset } from '../sql/charset.ts';
import { setNamesFor } from './character-names.ts';
import type { SessionBeginning } from './session-beginning.ts';
import type { ServerKind } from './sql-modes.ts';

export interface LoginNames {
  /** The SET NAMES that it comes to, but for `settings`. */
  readonly statement: string;
  /** Variables of SET NAMES that have other values than it gives them, as SQL. */
  readonly settings: ReadonlyMap<string, string>;
  /** Of the client. */
  readonly charset: MultiByteCharset;
  /** False: no more than a guess. */
  readonly known: boolean;
}

const NOTHING_ELSE: ReadonlyMap<string, string> = new Map();
const NOT_KNOWN: LoginNames = {
  statement: 'SET NAMES utf8mb4',
  settings: NOTHING_ELSE,
  charset: 'none',
  known: false,
};

/** After a login or COM_CHANGE_USER; a collation of null: the client named none. */
export function namesAtLogin(
  collation: number | null,
  primary: ServerKind | null,
  { handshake, names }: Pick<SessionBeginning, 'handshake' | 'names'>,
): LoginNames {
  if (handshake.wish === 'unknown') return NOT_KNOWN;
  if (collation === null || handshake.wish === 'ignored') return serversOwn(names);
  if (handshake.collations?.has(collation) === false) return serversOwn(names);
  const statement = setNamesFor(collation, primary);
  return { statement, settings: NOTHING_ELSE, charset: charsetOfCollation(collation), known: true };
}

/**
 * After COM_RESET_CONNECTION. MySQL goes back to its global variables. MariaDB goes back to the login's collation; where
 * it did not know that one, it may take one that an earlier session on the same thread has left behind.
 */
export function namesAfterReset(
  collation: number | null,
  primary: ServerKind | null,
  beginning: Pick<SessionBeginning, 'handshake' | 'names'>,
): LoginNames {
  const { handshake, names } = beginning;
  if (primary === 'mysql' && names.size > 0) return serversOwn(names);
  const isKept = collation !== null && handshake.collations?.has(collation) !== false;
  return isKept || handshake.wish === 'ignored' ? namesAtLogin(collation, primary, beginning) : NOT_KNOWN;
}

/** `names`: the server's global variables of SET NAMES, as SQL. */
function serversOwn(names: ReadonlyMap<string, string>): LoginNames {
  const client = names.get('character_set_client');
  const collation = names.get('collation_connection');
  if (client === undefined || collation === undefined) return NOT_KNOWN;
  const charset = charsetOfName(client.replaceAll("'", ''));
  const isOne =
    names.get('character_set_connection') === client && names.get('character_set_results') === client;
  if (isOne)
    return {
      statement: `SET NAMES ${client} COLLATE ${collation}`,
      settings: NOTHING_ELSE,
      charset,
      known: true,
    };
  return { statement: `SET NAMES ${client}`, settings: names, charset, known: true };
}

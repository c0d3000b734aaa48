/** COM_CHANGE_USER: the database and character set it asks for. MySQL manual: "COM_CHANGE_USER". */
import { PayloadCursor } from './lenenc.ts';

export interface ChangeUser {
  readonly database: string | null;
  /** Collation id; null where an old client leaves it out. */
  readonly collation: number | null;
  /** The first bytes of the authentication, as the client's plugin made them. */
  readonly answer: Buffer;
  /** The client's plugin; null where it names none. */
  readonly plugin: string | null;
}

/** Null: malformed. `payload` begins with the command byte. */
export function readChangeUser(payload: Buffer): ChangeUser | null {
  const cursor = new PayloadCursor(payload, 1, payload.length);
  cursor.nulBytes(); // user name
  const answer = cursor.view(cursor.integer(1));
  const database = cursor.nulBytes().toString('utf8');
  if (cursor.failed) return null;
  const collation = cursor.end - cursor.at >= 2 ? cursor.integer(2) : null;
  const plugin = cursor.at < cursor.end ? pluginAt(cursor) : null;
  return { database: database === '' ? null : database, collation, answer, plugin };
}

/** The last field of some clients has no NUL, and servers take that. */
function pluginAt(cursor: PayloadCursor): string | null {
  const nul = cursor.bytes.indexOf(0, cursor.at);
  const name = cursor.bytes.toString('latin1', cursor.at, nul < 0 ? cursor.end : nul);
  return name === '' ? null : name;
}

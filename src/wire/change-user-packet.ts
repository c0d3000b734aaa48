/** COM_CHANGE_USER: the database and character set it asks for. MySQL manual: "COM_CHANGE_USER". */
import { PayloadCursor } from './lenenc.ts';

export interface ChangeUser {
  readonly database: string | null;
  /** Collation id; null where an old client leaves it out. */
  readonly collation: number | null;
}

/** Null: malformed. `payload` begins with the command byte. */
export function readChangeUser(payload: Buffer): ChangeUser | null {
  const cursor = new PayloadCursor(payload, 1, payload.length);
  cursor.nulBytes(); // user name
  cursor.take(cursor.integer(1)); // authentication answer
  const database = cursor.nulBytes().toString('utf8');
  if (cursor.failed) return null;
  const collation = cursor.end - cursor.at >= 2 ? cursor.integer(2) : null;
  return { database: database === '' ? null : database, collation };
}

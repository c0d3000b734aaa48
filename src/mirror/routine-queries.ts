/** Reads the old database's procedures and stored functions, as far as oldUser may see them. */
import type { RowDataPacket } from 'mysql2/promise';
import type { Routine } from './old-schema.ts';

/** Runs a SELECT in which `{scope}` stands for the databases of the shard; of so many rows at most. */
export type ScopedQuery = <Row extends RowDataPacket>(
  select: string,
  order: string,
  rowsMax?: number,
) => Promise<Row[]>;

interface RoutineRow extends RowDataPacket {
  readonly db: string;
  readonly name: string;
  readonly what: string;
  readonly body: string | null;
  readonly sqlMode: string;
}

/** Routines beyond these, and texts beyond these bytes, one and all together, are not read: they may do anything. */
const ROUTINES_MAX = 5000;
const BODY_BYTES_MAX = 64 * 1024;
const BODIES_BYTES_MAX = 4 * 1024 * 1024;

/** Without further rights the list is short of them, or their texts are NULL. */
export async function readRoutines(query: ScopedQuery): Promise<readonly Routine[]> {
  const rows = await query<RoutineRow>(
    `SELECT ROUTINE_SCHEMA AS db, ROUTINE_NAME AS name, ROUTINE_TYPE AS what, SQL_MODE AS sqlMode,
            IF(ROUTINE_BODY = 'SQL' AND COALESCE(EXTERNAL_LANGUAGE, 'SQL') = 'SQL'
               AND LENGTH(ROUTINE_DEFINITION) <= ${BODY_BYTES_MAX}, ROUTINE_DEFINITION, NULL) AS body
       FROM information_schema.ROUTINES
      WHERE ROUTINE_SCHEMA {scope} AND ROUTINE_TYPE IN ('PROCEDURE', 'FUNCTION')`,
    'ROUTINE_SCHEMA, ROUTINE_TYPE, ROUTINE_NAME',
    ROUTINES_MAX,
  );
  let bytesLeft = BODIES_BYTES_MAX;
  return rows.map(({ db, name, what, body, sqlMode }) => {
    bytesLeft -= body === null ? 0 : Buffer.byteLength(body);
    const kept = bytesLeft < 0 ? null : body;
    return { what: what.toLowerCase() as Routine['what'], database: db, name, body: kept, sqlMode };
  });
}

/** Which tables' triggers an account may see: those on which it has TRIGGER, by itself or by a role that is on. */
import type { Connection, RowDataPacket } from 'mysql2/promise';

/** By SHOW GRANTS, which has the rights of the roles that are on; the tables of information_schema lack them. */
export async function triggersSeen(
  connection: Connection,
  { database, timeoutMs }: { readonly database: string | null; readonly timeoutMs: number },
): Promise<'all' | ReadonlySet<string>> {
  const [rows] = await connection.query<RowDataPacket[]>({ sql: 'SHOW GRANTS', timeout: timeoutMs });
  return readGrants(
    rows.map((row) => String(Object.values(row)[0])),
    database,
  );
}

/** A name in a GRANT: quoted, with quotes doubled. */
const NAME = '(?:`((?:[^`]|``)+)`|(\\*))';
const GRANT = new RegExp(`^(GRANT|REVOKE) (.+?) ON (?:TABLE )?${NAME}\\.${NAME} (?:TO|FROM) `, 's');

/** `database`: null for every one. */
export function readGrants(grants: readonly string[], database: string | null): 'all' | ReadonlySet<string> {
  const tables = new Set<string>();
  let everywhere = false;
  for (const grant of grants) {
    const [, verb, rights = '', scope, any, table] = GRANT.exec(grant) ?? [];
    if (verb === undefined || !givesTrigger(rights)) continue;
    const isAny = any !== undefined;
    const isHere = isAny || (database !== null && matches(unquoted(scope), database, table === undefined));
    // MySQL takes back a part of what it has granted on everything.
    if (verb === 'REVOKE') {
      if (database === null || isHere) return new Set();
    } else if (isHere && table === undefined) everywhere = true;
    else if (isHere) tables.add(unquoted(table));
  }
  return everywhere ? 'all' : tables;
}

/** Columns that a right is for stand in parentheses. */
function givesTrigger(rights: string): boolean {
  return /\b(?:TRIGGER|ALL PRIVILEGES)\b/.test(rights.replaceAll(/\([^)]*\)/g, ''));
}

function unquoted(name = ''): string {
  return name.replaceAll('``', '`');
}

/** The database of a grant on all its tables is a pattern, as of LIKE. */
function matches(granted: string, database: string, isPattern: boolean): boolean {
  if (!isPattern) return granted === database;
  const pattern = granted.replaceAll(/\\([%_\\])|[%_]|[.*+?^${}()|[\]\\]/g, (found, escaped?: string) => {
    if (escaped !== undefined) return escaped === '\\' ? '\\\\' : escaped;
    if (found === '%') return '.*';
    return found === '_' ? '.' : `\\${found}`;
  });
  return new RegExp(`^${pattern}$`, 's').test(database);
}

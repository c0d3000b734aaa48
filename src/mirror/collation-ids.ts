/** The ids of the collations that a server has: they never change while it runs, and take a large answer. */
import type { Connection, RowDataPacket } from 'mysql2/promise';

/** Two readings of when a server started lie no further apart: it tells whole seconds, and the answer takes its time. */
const START_APART_MS = 2000;

interface Kept {
  readonly version: string;
  readonly startedAtMs: number;
  readonly ids: ReadonlySet<number>;
}

export class CollationIds {
  #kept: Kept | null = null;

  /**
   * As read before, where the server is the one that was asked then. `version`: the server's; `nowMs`: monotonic
   * milliseconds; `timeout`: for each question, in milliseconds. Rejects as the connection does.
   */
  async of(
    connection: Pick<Connection, 'query'>,
    version: string,
    nowMs: number,
    timeout: number,
  ): Promise<ReadonlySet<number>> {
    const [rows] = await connection.query<RowDataPacket[]>({
      sql: "SHOW GLOBAL STATUS LIKE 'Uptime'",
      timeout,
    });
    const startedAtMs = nowMs - Number(rows[0]?.Value) * 1000;
    const kept = this.#kept;
    const isSame = kept !== null && kept.version === version;
    if (isSame && Math.abs(kept.startedAtMs - startedAtMs) <= START_APART_MS) return kept.ids;
    const [found] = await connection.query<RowDataPacket[]>({
      sql: 'SELECT ID AS id FROM information_schema.COLLATIONS WHERE ID IS NOT NULL',
      timeout,
    });
    const ids = new Set(found.map((row) => Number(row.id)));
    this.#kept = { version, startedAtMs, ids };
    return ids;
  }
}

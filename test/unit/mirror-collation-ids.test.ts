/** The ids of a server's collations are asked for once, and anew where it is another server by now. */
import type { Connection } from 'mysql2/promise';
import { expect, it } from 'vitest';
import { CollationIds } from '../../src/mirror/collation-ids.ts';

/** A server that has run for so many seconds, and tells of so many collations. */
function serverOf(uptime: number | null, ids: readonly number[]) {
  const asked: string[] = [];
  const query = ({ sql }: { readonly sql: string }): Promise<unknown[]> => {
    asked.push(sql);
    if (sql.startsWith('SHOW')) return Promise.resolve([uptime === null ? [] : [{ Value: String(uptime) }]]);
    return Promise.resolve([ids.map((id) => ({ id }))]);
  };
  return { connection: { query } as unknown as Pick<Connection, 'query'>, asked };
}

it('asks once while the server runs, and anew where it was started again or is of another version', async () => {
  const collations = new CollationIds();
  const readings = [
    { uptime: 100, nowMs: 0, version: '10.11.6', ids: [1], asks: 2 },
    { uptime: 160, nowMs: 60_400, version: '10.11.6', ids: [2], asks: 1 },
    { uptime: 30, nowMs: 120_000, version: '10.11.6', ids: [3], asks: 2 },
    // As long as before the restart, and more.
    { uptime: 200, nowMs: 500_000, version: '10.11.6', ids: [4], asks: 2 },
    { uptime: 260, nowMs: 560_000, version: '11.4.2', ids: [5], asks: 2 },
    { uptime: 320, nowMs: 620_000, version: '11.4.2', ids: [6], asks: 1 },
    { uptime: null, nowMs: 680_000, version: '11.4.2', ids: [7], asks: 2 },
    { uptime: null, nowMs: 740_000, version: '11.4.2', ids: [8], asks: 2 },
  ];
  const seen: number[][] = [];
  for (const { uptime, nowMs, version, ids, asks } of readings) {
    const { connection, asked } = serverOf(uptime, ids);
    seen.push([...(await collations.of(connection, version, nowMs, 1000))]);
    expect(asked).toHaveLength(asks);
  }
  expect(seen).toEqual([[1], [1], [3], [4], [5], [5], [7], [8]]);
});

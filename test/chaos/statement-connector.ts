/** What MariaDB's connector sends and no other client does: bulk executions, and numbers and moments in their own types. */
import { type Connection as Connector, createConnection } from 'mariadb';
import type { Random } from '../harness/random.ts';
import { BULK } from './statement-texts.ts';

export type { Connector };

export interface ConnectorWork {
  readonly title: string;
  readonly run: (client: Connector) => Promise<unknown>;
}

/** On a connection of its own; answers what came of it. */
export async function byConnector(
  { host, port, database }: { readonly host: string; readonly port: number; readonly database: string },
  run: ConnectorWork['run'],
): Promise<string> {
  const client = await createConnection({ host, port, user: 'root', database, bulk: true });
  try {
    await run(client);
    return 'ok';
  } catch (error) {
    return (error as Error).message.slice(0, 80);
  } finally {
    await client.end().catch(() => null);
  }
}

export function sendBulk(random: Random): ConnectorWork {
  const isWhole = random.chance(0.5);
  const commits = random.chance(0.7);
  const rows = Array.from({ length: random.integer(1, 4) }, () => [
    random.integer(0, 99),
    random.integer(1, 9),
    random.integer(1, 4),
  ]);
  const sql = random.pick(BULK);
  const run = async (client: Connector): Promise<void> => {
    if (isWhole) await client.beginTransaction();
    await client.batch(sql, rows);
    if (isWhole) await (commits ? client.commit() : client.rollback());
  };
  return { title: `bulk ${isWhole} ${commits} ${sql} ${shown(rows)}`, run };
}

export function shown(values: readonly unknown[]): string {
  return JSON.stringify(values, (_key, value: unknown) => (typeof value === 'bigint' ? `${value}n` : value));
}

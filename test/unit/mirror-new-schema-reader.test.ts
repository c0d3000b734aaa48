/** When the new server's tables are read, and what is told of it, against a server that fails and changes at will. */
import { expect, it } from 'vitest';
import { ShardCatalog } from '../../src/mirror/catalog.ts';
import { NewSchemaReader } from '../../src/mirror/new-schema-reader.ts';
import { schemaOfTables, type TableSchema } from '../../src/mirror/old-schema.ts';
import { planOf } from '../harness/mirror-kit.ts';

const MINUTE_MS = 60_000;
const tableOf = (type: string): TableSchema => ({
  name: 'messages',
  engine: 'InnoDB',
  columns: [
    { name: 'folderid', type: 'bigint' },
    { name: 'title', type },
  ],
  primaryKey: ['folderid'],
});

function createRig() {
  const told: string[] = [];
  const server: { fails: string | null; type: string } = { fails: null, type: 'int' };
  let nowMs = 0;
  const catalog = new ShardCatalog({ messages: { key: 'folderid' } }, 'app');
  catalog.learn(schemaOfTables([tableOf('int')]));
  const log = {
    warn: (fields: { reason?: string; column?: string }) =>
      told.push(`log ${fields.reason ?? fields.column}`),
    info: () => {},
  };
  const reader = new NewSchemaReader({
    server: { host: 'new', port: 1, tls: null, account: { user: 'understudy' }, timeoutMs: 1 },
    database: 'fresh',
    oldDatabase: 'app',
    planOf,
    calm: () => 0,
    catalog,
    doubt: (table: string) => told.push(`doubt ${table}`),
    incidents: { report: ({ reason }: { reason: string }) => told.push(`incident ${reason}`) },
    log,
    now: () => nowMs,
    random: () => 1,
    read: () =>
      server.fails === null
        ? Promise.resolve(schemaOfTables([tableOf(server.type)]))
        : Promise.reject(new Error(server.fails)),
  } as never);
  const readNow = async (laterMs = 0): Promise<string[]> => {
    nowMs += laterMs;
    await reader.refresh();
    return told.splice(0);
  };
  return { reader, server, told, readNow };
}

const learn = ({ reader }: ReturnType<typeof createRig>): void =>
  reader.learned(schemaOfTables([tableOf('int')]), 0);

it('of a server that can’t be read each reason is told once, and an incident once it has lasted', async () => {
  const rig = createRig();
  rig.server.fails = 'refused';
  learn(rig);
  expect(await rig.readNow()).toEqual(['log refused']);
  expect(await rig.readNow(MINUTE_MS)).toEqual([]);
  rig.server.fails = 'too late';
  expect(await rig.readNow(MINUTE_MS)).toEqual(['log too late']);
  expect(await rig.readNow(3 * MINUTE_MS)).toEqual(['incident schema_differs']);
  expect(await rig.readNow(MINUTE_MS)).toEqual([]);
  expect(rig.reader.known).toBe(false);
  rig.server.fails = null;
  expect(await rig.readNow()).toEqual([]);
  expect(rig.reader.known).toBe(true);
  rig.server.fails = 'too late';
  expect(await rig.readNow()).toEqual(['log too late']);
  expect(rig.reader.known).toBe(true);
  rig.reader.stop();
});

it('what differs from the start on is told; what comes to differ is a doubt on the table too, once', async () => {
  const rig = createRig();
  rig.server.type = 'tinyint';
  learn(rig);
  expect(await rig.readNow()).toEqual(['log title', 'incident schema_differs']);
  expect(await rig.readNow()).toEqual([]);
  rig.server.type = 'smallint';
  expect(await rig.readNow()).toEqual(['doubt messages', 'log title', 'incident schema_differs']);
  rig.server.type = 'int';
  expect(await rig.readNow()).toEqual([]);
  rig.server.type = 'tinyint';
  expect(await rig.readNow()).toEqual(['doubt messages', 'log title', 'incident schema_differs']);
  rig.reader.stop();
});

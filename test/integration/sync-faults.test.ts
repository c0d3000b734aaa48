/** What `understudy sync` is told wrong, or finds in its way: it names the place and what can be done, by the right code. */
import { existsSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startMariadb } from '../harness/mariadb.ts';
import { freePort } from '../harness/ports.ts';
import type { SqlServer } from '../harness/sql-server.ts';
import { temporaryDirectory } from '../harness/temp.ts';
import { type Place, runSyncCommand, type SyncConfigOptions, writeSyncConfig } from './sync-command-stage.ts';

const TABLE = '(g INT, id INT, v VARCHAR(9), PRIMARY KEY (g, id))';
const ALL = '*';

let server: SqlServer;
let folder: string;
let port: number;
/** Of a proxy that serves no shard: one that is not there would be asked again and again. */
let admin: Server;

beforeAll(async () => {
  server = await startMariadb();
  port = await freePort();
  await server.query(`CREATE DATABASE a; CREATE TABLE a.t ${TABLE}; CREATE TABLE a.plain (v INT);
    CREATE DATABASE b; CREATE TABLE b.t ${TABLE}; CREATE TABLE b.plain (v INT); INSERT INTO a.t VALUES (1, 1, 'x');
    CREATE USER known@'%' IDENTIFIED BY 'right'; CREATE USER reader@'%' IDENTIFIED BY 'right';
    GRANT SELECT ON *.* TO reader@'%'`);
  admin = createServer((_, response) => response.end('{"shards":[]}'));
  await new Promise<void>((resolve) => admin.listen(0, '127.0.0.1', resolve));
  folder = temporaryDirectory('sync-faults');
  writeFileSync(join(folder, 'a-file'), '');
});
afterAll(async () => {
  admin?.close();
  await server?.destroy();
});

interface Wishes {
  readonly old?: Partial<Place>;
  readonly tables?: unknown;
  readonly more?: SyncConfigOptions['more'];
  readonly sync?: SyncConfigOptions['sync'];
}

function configOf({ old, tables, more, sync }: Wishes = {}): Promise<string> {
  const place = (database: string): Place => ({ host: server.host, port: server.port, database });
  return writeSyncConfig({
    tables: tables ?? { t: { key: 'g' } },
    shards: { s00: { old: { ...place('a'), ...old }, new: place('b') } },
    ...(sync === undefined ? {} : { sync }),
    more: { admin: { port: (admin.address() as AddressInfo).port }, ...more },
  });
}

const account = (user: string, password: string) => ({ user, password });

describe('a sync', () => {
  it.each<[string, () => Wishes, number, RegExp]>([
    [
      'no such database',
      () => ({ old: { database: 'none' } }),
      2,
      /^old s00 .*Unknown database 'none' \(see old\.database of shard s00 in \S+proxy\.config\.json\)$/,
    ],
    [
      'a password that is wrong',
      () => ({ more: { oldUser: account('known', 'wrong') } }),
      2,
      /^old s00 .*Access denied.*\(see oldUser in \S+, and the accounts of that server\)$/,
    ],
    [
      'no right on the old database',
      () => ({ more: { oldUser: account('known', 'right') } }),
      2,
      /^old s00 .*Access denied.*\(grant the account SELECT ON `a`\.\*\)$/,
    ],
    [
      'no right on the new database',
      () => ({ more: { newUser: account('known', 'right') } }),
      2,
      /^new s00 .*\(grant the account SELECT ON `b`\.\*, and INSERT and DELETE\)$/,
    ],
    [
      'a host that is none',
      () => ({ old: { host: 'nowhere.invalid' } }),
      2,
      /^old s00 nowhere\.invalid:\d+: .*\(see old\.host of shard s00 in/,
    ],
    [
      'TLS that the server has not',
      () => ({ more: { oldTls: {} } }),
      2,
      /^old s00 .*offers none \(see old of shard s00, and oldTls, in/,
    ],
    [
      'a server that is down',
      () => ({ old: { port } }),
      1,
      /^old s00 .*ECONNREFUSED.*\(is it running, and can it be reached from here\?\)$/,
    ],
    [
      'a replica that is down',
      () => ({ old: { replica: { host: '127.0.0.1', port } } }),
      1,
      /^old s00 .*ECONNREFUSED/,
    ],
    [
      'a pause file in no folder',
      () => ({ sync: { pauseFile: join(folder, 'none', 'pause') } }),
      2,
      /^\S+proxy\.config\.json: sync\.pauseFile: nobody can put the file .*ENOENT/,
    ],
  ])('ends at %s', async (_, wishes, code, message) => {
    const run = await runSyncCommand(await configOf(wishes()), '--full');
    const lines = run.stderr.trim().split('\n');
    expect(lines).toEqual([expect.stringMatching(message)]);
    expect([run.code, run.stdout]).toEqual([code, '']);
  });

  it.each<[string, Wishes, () => readonly string[], RegExp]>([
    [
      'a table that is on no side',
      { tables: ALL },
      () => ['--table', 't,none'],
      /^--table: none: no shard that was asked for has such a table$/,
    ],
    ['no table', {}, () => ['--table', ' ,'], /^--table: names no table$/],
    ['no shard', {}, () => ['--shard', ''], /^--shard: names no shard$/],
    [
      'a key that is no number',
      {},
      () => ['--keys', '1,abc'],
      /^--keys: of t: "abc" is no number.*name other tables by --table$/,
    ],
    [
      'keys of a table without any',
      { tables: ALL },
      () => ['--keys', '1', '--table', 'plain'],
      /^--keys: plain of shard s00 has no group column.*leave it out of --table$/,
    ],
    [
      'a report in no folder',
      {},
      () => ['--report', join(folder, 'none', 'report')],
      /^--report: .* can’t be written: ENOENT/,
    ],
    [
      'a report that is a folder',
      {},
      () => ['--report', folder],
      /^--report: .* is a folder; name a file in it$/,
    ],
    [
      'a pause file below a file',
      {},
      () => ['--pause-file', join(folder, 'a-file', 'pause')],
      /^--pause-file: .* is no folder$/,
    ],
    [
      'a port that is taken',
      {},
      () => ['--admin-port', String(server.port)],
      /^--admin-port: can't listen on .*EADDRINUSE/,
    ],
  ])('refuses %s before it looks at anything', async (_, wishes, args, message) => {
    const run = await runSyncCommand(await configOf(wishes), ...args());
    expect(run.stderr.trim()).toMatch(message);
    expect([run.code, run.stdout]).toEqual([2, '']);
    expect(existsSync(join(folder, 'none'))).toBe(false);
  });

  it('leaves tables without a group column out of a pass over keys, and says so', async () => {
    const run = await runSyncCommand(await configOf({ tables: ALL }), '--keys', '1', '--check');
    expect([run.code, run.report?.passes[0]?.counts.mismatched]).toEqual([1, 1]);
    expect(run.stderr).toContain('--keys: plain of shard s00 has no group column');
  });

  it('says of a replica that follows nobody that it does', async () => {
    const replica = { host: server.host, port: server.port };
    const run = await runSyncCommand(await configOf({ old: { replica } }), '--full', '--check');
    expect([run.code, run.report?.passes[0]?.failed]).toEqual([1, 0]);
    expect(run.stderr).toMatch(/old s00 .* does not say how far it is behind: it follows no primary/);
  });

  it('names the table and the right that it lacks for a repair', async () => {
    const config = await configOf({ more: { newUser: account('reader', 'right') } });
    const { code, report } = await runSyncCommand(config, '--full', '--passes', '1');
    expect([code, report?.passes[0]?.failures]).toEqual([
      1,
      [
        {
          ...{ shard: 's00', table: 't' },
          reason: expect.stringMatching(
            /^the group "1": .*denied.*`t`.*\(grant the account SELECT, INSERT and DELETE/,
          ),
        },
      ],
    ]);
  });
});

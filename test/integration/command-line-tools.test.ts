/** The mariadb programs beyond statements: what `\s` says of the server, and a dump. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { runCommand } from '../harness/cli.ts';
import { OLD_DATABASE, type Stage, startStage } from './stage.ts';

const SCHEMA = `
  CREATE TABLE messages (folderid BIGINT, itemid BIGINT, title VARCHAR(200), PRIMARY KEY (folderid, itemid));
  CREATE TABLE bodies (folderid BIGINT PRIMARY KEY, body LONGBLOB);
  CREATE PROCEDURE two(IN n INT) BEGIN SELECT n; SELECT n + 1, 'two'; END`;

let stage: Stage;
beforeAll(async () => {
  stage = await startStage({ schema: SCHEMA });
});
afterAll(() => stage?.close());

async function output(command: string, port: number, ...args: readonly string[]): Promise<string> {
  const login = ['--no-defaults', '--host=127.0.0.1', `--port=${port}`, '--user=root'];
  const done = await runCommand(command, [...login, ...args, OLD_DATABASE]);
  expect(done).toMatchObject({ code: 0, stderr: '' });
  return done.stdout;
}

it('\\s shows the server’s own facts, and no compression', async () => {
  // These lines tell of one connection, one port and one moment, and of what the proxy does not offer.
  const own = /^(Connection id|TCP port|Uptime|Threads|Protocol):.*\n/gm;
  const status = (port: number): Promise<string> => output('mariadb', port, '--compress', '--execute=\\s');
  const relayed = await status(stage.port);
  expect(relayed).toMatch(/Server version:\s+10\.\d+/);
  expect(relayed).not.toContain('Compressed');
  expect(relayed.replace(own, '')).toBe((await status(stage.old.port)).replace(own, ''));
});

it('a dump through the proxy equals one of the server itself', async () => {
  await stage.old.query(
    "USE app; INSERT INTO messages SELECT seq, 1, CONCAT('it''s \\\\ ', seq) FROM seq_1_to_3000; INSERT INTO bodies VALUES (1, UNHEX('005C27FF'))",
  );
  const options = ['--skip-dump-date', '--single-transaction', '--routines', '--hex-blob'];
  const relayed = await output('mariadb-dump', stage.port, ...options);
  expect(relayed).toContain("(3000,1,'it\\'s \\\\ 3000')");
  expect(relayed).toBe(await output('mariadb-dump', stage.old.port, ...options));
});

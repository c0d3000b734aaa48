/**
 * Invariant 1 over the life of a connection: logins that succeed and fail, its id, kills, server restarts,
 * binlogs and progress reports.
 */
import { createHash } from 'node:crypto';
import type { RowDataPacket } from 'mysql2/promise';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runCommand } from '../harness/cli.ts';
import { LoginError } from '../harness/raw-login.ts';
import { COM, connectRaw, type RawConnection, type RawOptions } from '../harness/recorder.ts';
import { CLIENT } from '../harness/reply-reader.ts';
import { waitFor } from '../harness/wait.ts';
import { command, uint32 } from './command-bytes.ts';
import { expectSameBytes, expectSameGreeting, type SessionScript } from './same-bytes.ts';
import { type Stage, startStage } from './stage.ts';

const SCHEMA = `
  CREATE TABLE t (id INT PRIMARY KEY, name VARCHAR(50));
  INSERT INTO t VALUES (1, 'one'), (2, 'two')`;

let stage: Stage;
beforeAll(async () => {
  const extra = ['--log-bin=binlog', '--server-id=7', '--binlog-format=STATEMENT'];
  stage = await startStage({ schema: SCHEMA, old: { extra, ed25519: true } });
  await stage.old.query(
    `CREATE USER native@'%' IDENTIFIED BY 'secret'; CREATE USER empty@'%'; CREATE USER locked@'%' ACCOUNT LOCK;
     CREATE USER edward@'%' IDENTIFIED VIA ed25519 USING PASSWORD('secret');
     GRANT ALL ON app.* TO native@'%', empty@'%', edward@'%'`,
  );
});
afterAll(() => stage?.close());

const through = (options: Partial<RawOptions> = {}): Promise<RawConnection> =>
  connectRaw({ host: '127.0.0.1', port: stage.port, user: 'root', database: 'app', ...options });
const direct = (options: Partial<RawOptions> = {}): Promise<RawConnection> =>
  through({ port: stage.old.port, ...options });

const processIds = async (): Promise<number[]> =>
  (await stage.old.query<RowDataPacket[]>('SHOW PROCESSLIST')).map((row) => Number(row.Id));

describe('invariant 1: logins', () => {
  it.each([
    ['mysql_native_password', { user: 'native', password: 'secret' }],
    ['an empty password', { user: 'empty' }],
    ['another database', { user: 'root', database: 'mysql' }],
    [
      'attributes and session tracking',
      { attributes: { a: 'b'.repeat(300) }, capabilities: CLIENT.SESSION_TRACK },
    ],
    ['only what protocol 4.1 needs', { without: CLIENT.PLUGIN_AUTH | CLIENT.MULTI_STATEMENTS }],
  ])(
    '%s',
    async (_name, { database, ...options }: Partial<RawOptions> & { database?: string | undefined }) => {
      const script: SessionScript = async (session) => {
        expect((await session.query('SELECT CURRENT_USER(), 1')).error).toBeNull();
      };
      await expectSameBytes(stage, script, options);
    },
  );

  it.each([
    ['a wrong password', 1045, { user: 'native', password: 'wrong' }],
    ['no password where there is one', 1045, { user: 'native' }],
    ['a password where there is none', 1045, { user: 'empty', password: 'some' }],
    ['an unknown user', 1045, { user: 'nobody', password: 'x' }],
    ['an unknown database', 1049, { user: 'root', database: 'nowhere' }],
    ['a database without a right to it', 1044, { user: 'native', password: 'secret', database: 'mysql' }],
    ['a locked account', 4151, { user: 'locked' }],
  ])('%s is refused in the same words', async (_name, errno, options) => {
    const refusal = (connecting: Promise<RawConnection>): Promise<Buffer> =>
      connecting.then(
        () => expect.fail('the login succeeded'),
        (error) => {
          if (error instanceof LoginError) return error.packet;
          throw error;
        },
      );
    const packet = await refusal(direct(options));
    expect(packet.readUInt16LE(1)).toBe(errno);
    expect((await refusal(through(options))).toString('latin1')).toBe(packet.toString('latin1'));
  });

  it('client_ed25519, with the right password and a wrong one', async () => {
    const logIn = (port: number, password: string) =>
      runCommand('mariadb', [
        '--no-defaults',
        '--host=127.0.0.1',
        `--port=${port}`,
        '--user=edward',
        `--password=${password}`,
        '--skip-column-names',
        '--execute=SELECT CURRENT_USER(), DATABASE()',
        'app',
      ]);
    expect(await logIn(stage.port, 'secret')).toMatchObject({ code: 0, stdout: 'edward@%\tapp\n' });
    const refused = await logIn(stage.port, 'wrong');
    expect(refused.stderr).toContain('ERROR 1045');
    expect(refused).toEqual(await logIn(stage.old.port, 'wrong'));
  });

  it('COM_CHANGE_USER to accounts with passwords, right and wrong', async () => {
    const script: SessionScript = async (session) => {
      expect((await session.changeUser('native', 'secret', 'app')).error).toBeNull();
      expect((await session.query('SELECT CURRENT_USER(), DATABASE()')).error).toBeNull();
      expect((await session.changeUser('empty', '', 'app')).error).toBeNull();
      expect((await session.changeUser('native', 'wrong', 'app')).error?.errno).toBe(1045);
    };
    await expectSameBytes(stage, script);
  });
});

describe('invariant 1: the connection is the server’s own', () => {
  it('its id is the server’s, so that KILL reaches it', async () => {
    const client = await through();
    expect(await processIds()).toContain(client.connectionId);
    const shown = await client.query('SELECT CONNECTION_ID()');
    expect(shown.results[0]?.rows[0]?.toString('latin1', 1)).toBe(String(client.connectionId));
    client.close();
  });

  it('greets as the server does', async () => {
    const [plain, relayed] = await Promise.all([direct(), through()]);
    expectSameGreeting(plain.greeting, relayed.greeting);
    plain.close();
    relayed.close();
  });

  it('a running query is killed', async () => {
    const script: SessionScript = async (session) => {
      session.send(command(COM.QUERY, 'SELECT id, SLEEP(30) FROM t').subarray(4));
      await waitFor(
        async () => {
          const running = await stage.old.query<RowDataPacket[]>(
            "SELECT ID FROM information_schema.PROCESSLIST WHERE ID = ? AND INFO LIKE '%SLEEP(30)%'",
            [session.connectionId],
          );
          return running.length === 1;
        },
        { what: 'the query to run' },
      );
      await stage.old.query(`KILL QUERY ${session.connectionId}`);
      await session.readReply('query');
      expect((await session.query('SELECT 1')).error).toBeNull();
    };
    await expectSameBytes(stage, script);
  });

  it('a connection kills itself, by KILL and by COM_PROCESS_KILL', async () => {
    const byStatement: SessionScript = async (session) => {
      expect((await session.query(`KILL ${session.connectionId}`)).error).not.toBeNull();
      await session.readUntilClosed();
    };
    await expectSameBytes(stage, byStatement);
    const byCommand: SessionScript = async (session) => {
      session.send(Buffer.concat([Buffer.of(COM.PROCESS_KILL), uint32(session.connectionId)]));
      await session.readUntilClosed();
    };
    await expectSameBytes(stage, byCommand);
  });

  it('an idle connection is killed, or times out', async () => {
    const killed: SessionScript = async (session) => {
      await session.query('SELECT 1');
      await stage.old.query(`KILL ${session.connectionId}`);
      await session.readUntilClosed();
    };
    await expectSameBytes(stage, killed);
    const idle: SessionScript = async (session) => {
      await session.query('SET SESSION wait_timeout = 1');
      await session.readUntilClosed();
    };
    await expectSameBytes(stage, idle);
  });

  it('COM_SHUTDOWN without the right to it is refused, and QUIT ends it', async () => {
    const script: SessionScript = async (session) => {
      expect((await session.command(0x08, Buffer.of(0), 'ok')).error?.errno).toBe(1227);
      session.send(Buffer.of(COM.QUIT));
      expect(await session.readUntilClosed()).toHaveLength(0);
    };
    await expectSameBytes(stage, script, { user: 'native', password: 'secret' });
  });
});

describe('invariant 1: binlogs and progress reports', () => {
  it('COM_REGISTER_SLAVE and COM_BINLOG_DUMP', async () => {
    await stage.old.query(
      "FLUSH BINARY LOGS; INSERT INTO app.t VALUES (9, 'nine'); DELETE FROM app.t WHERE id = 9",
    );
    const [log] = await stage.old.query<RowDataPacket[]>('SHOW MASTER STATUS');
    const file = String(log?.File);
    const hashes = [];
    for (const port of [stage.old.port, stage.port]) {
      const client = await direct({ port });
      await client.query("SET @master_binlog_checksum = 'CRC32', @mariadb_slave_capability = 4");
      const registered = await client.command(COM.REGISTER_SLAVE, registration(77), 'ok');
      expect(registered.error).toBeNull();
      client.send(Buffer.concat([Buffer.of(COM.BINLOG_DUMP), dump(4, file, 77)]));
      const [last] = await stage.old.query<RowDataPacket[]>('SHOW MASTER STATUS');
      const lastText = 'DELETE FROM app.t WHERE id = 9';
      await waitFor(() => client.received().includes(lastText), { what: 'the last event' });
      expect(last?.Position).toBe(log?.Position);
      // What comes behind that text may or may not be there yet.
      const end = client.received().indexOf(lastText) + lastText.length;
      const dumped = client.received().subarray(4 + client.greeting.length, end);
      hashes.push(createHash('sha256').update(dumped).digest('hex'));
      client.close();
    }
    expect(hashes[1]).toBe(hashes[0]);
    expect(await stage.proxy.metric('understudy_relay_blind_total', { reason: 'stream' })).toBe(1);
  });

  it('a binlog that is not there is refused in the same words', async () => {
    const script: SessionScript = async (session) => {
      const refused = await session.command(COM.BINLOG_DUMP, dump(4, 'nowhere.000001', 78), 'ok');
      expect(refused.error?.errno).toBe(1236);
      await session.readUntilClosed();
    };
    await expectSameBytes(stage, script);
  });

  it('MariaDB’s progress reports come through, and what follows them is understood', async () => {
    const client = await through({ capabilities: CLIENT.MARIADB_PROGRESS, without: CLIENT.LONG_PASSWORD });
    await client.query('SET SESSION progress_report_time = 1');
    await client.query('CREATE TABLE slow ENGINE=MyISAM SELECT seq FROM seq_1_to_100');
    // The server works long enough at each row that it has something to report.
    const column = "h VARCHAR(128) AS (SHA2(REPEAT('x', 2000000 + seq), 512)) PERSISTENT";
    client.send(command(COM.QUERY, `ALTER TABLE slow ADD COLUMN ${column}, ALGORITHM = COPY`).subarray(4));
    const altered = await client.readReply('query');
    expect(altered.error).toBeNull();
    const report = Buffer.of(0xff, 0xff, 0xff);
    expect(altered.bytes.indexOf(report)).toBeGreaterThanOrEqual(0);
    expect((await client.query('SELECT COUNT(*) FROM slow')).results[0]?.rows).toHaveLength(1);
    expect(await stage.proxy.metric('understudy_relay_blind_total', { reason: 'lost_step_reply' })).toBe(0);
    client.close();
  });
});

describe('invariant 1: the server restarts in mid-session', () => {
  it('idle and busy connections see what they would see directly, and new ones work', async () => {
    await stage.reset();
    const seen = [];
    for (const port of [stage.old.port, stage.port]) {
      const options = { port };
      const [idle, inTransaction, busy] = await Promise.all([
        direct(options),
        direct(options),
        direct(options),
      ]);
      await idle.query('SELECT 1');
      for (const sql of ['BEGIN', "INSERT INTO t VALUES (3, 'lost')"]) await inTransaction.query(sql);
      busy.send(command(COM.QUERY, 'SELECT SLEEP(60)').subarray(4));
      await waitFor(
        async () => {
          const [running] = await stage.old.query<RowDataPacket[]>(
            "SELECT COUNT(*) AS found FROM information_schema.PROCESSLIST WHERE INFO = 'SELECT SLEEP(60)'",
          );
          return Number(running?.found) === 1;
        },
        { what: 'the query to run' },
      );
      const ends = Promise.all([idle, inTransaction, busy].map((client) => client.readUntilClosed()));
      await stage.old.restart();
      seen.push((await ends).map((bytes) => bytes.toString('latin1')));
      const again = await direct(options);
      expect((await again.query('SELECT COUNT(*) FROM t')).results[0]?.rows[0]?.toString('latin1')).toBe(
        '\x012',
      );
      again.close();
    }
    expect(seen[1]).toEqual(seen[0]);
  });

  it('kill -9 of the server: connections end without a word', async () => {
    const client = await through();
    await client.query('BEGIN');
    const end = client.readUntilClosed();
    await stage.old.kill9();
    expect(await end).toHaveLength(0);
    await stage.old.restart();
    const again = await through();
    expect((await again.query('SELECT 1')).error).toBeNull();
    again.close();
  });
});

/** Body of COM_REGISTER_SLAVE: id, host, user, password, port, rank, master id. */
function registration(serverId: number): Buffer {
  return Buffer.concat([uint32(serverId), Buffer.of(0, 0, 0, 0xea, 0x0c), uint32(0), uint32(0)]);
}

/** Body of COM_BINLOG_DUMP: position, flags, id, file. */
function dump(position: number, file: string, serverId: number): Buffer {
  return Buffer.concat([uint32(position), Buffer.of(0, 0), uint32(serverId), Buffer.from(file)]);
}

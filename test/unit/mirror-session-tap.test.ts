/** A session's commands and replies made by hand: what of them goes to the mirror, is counted, or is doubted. */
import { describe, expect, it } from 'vitest';
import type { Statement } from '../../src/mirror/statement.ts';
import { CAPABILITY } from '../../src/wire/capabilities.ts';
import type { Exchange, ResultSummary } from '../../src/wire/exchange.ts';
import { COM, STATUS } from '../../src/wire/protocol.ts';
import { executePayload, okResult, STATUS_AUTOCOMMIT, STATUS_OPEN } from '../harness/mirror-kit.ts';
import { query, TapRig, type TapRigOptions } from '../harness/tap-rig.ts';

const insert = (key: number | string): string => `INSERT INTO messages (folderid) VALUES (${key})`;
const FAILED = { ok: false, errno: 1062, status: 0 };
const OPEN = { status: STATUS_OPEN };

function idPayload(type: number, id: number, ...rest: Buffer[]): Buffer {
  const head = Buffer.alloc(5);
  head[0] = type;
  head.writeUInt32LE(id, 1);
  return Buffer.concat([head, ...rest]);
}

function longData(id: number, ordinal: number, value: string | Buffer): Buffer {
  return idPayload(COM.STMT_SEND_LONG_DATA, id, Buffer.of(ordinal, 0), Buffer.from(value));
}

describe('global settings', () => {
  it.each([
    'SET GLOBAL sql_mode = 0',
    "SET time_zone = '+00:00', @@global.default_week_format = 1",
    'SET PERSIST sql_auto_is_null = 1',
    "SET GLOBAL init_connect = 'SET NAMES latin1'",
    'SET GLOBAL TRANSACTION ISOLATION LEVEL READ COMMITTED',
  ])('are to be read again behind %s', (text) => {
    const rig = new TapRig();
    rig.query(text, { ok: false });
    expect(rig.events).not.toContain('globals');
    rig.query(text);
    expect(rig.events).toContain('globals');
  });

  it.each(['SET GLOBAL sort_buffer_size = 1000', 'SET sql_mode = 0', 'SELECT @@global.sql_mode'])(
    'are as they were behind %s',
    (text) => {
      const rig = new TapRig();
      rig.query(text);
      expect(rig.events).not.toContain('globals');
    },
  );
});

describe('queries', () => {
  it('go to the mirror once they are answered, with their databases mapped', () => {
    const rig = new TapRig();
    const exchange = rig.command(query('INSERT INTO old.messages (folderid) VALUES (5)'));
    expect(rig.units).toEqual([]);
    rig.reply(exchange, { sentAtMs: 10, answeredAtMs: 12 });
    expect(rig.texts).toEqual([['INSERT INTO `new`.messages (folderid) VALUES (5)']]);
    expect(rig.keys).toEqual([['5']]);
    expect(rig.units[0]?.replays[0]).toMatchObject({
      context: { database: 'new' },
      primary: { seconds: 0.002 },
    });
    expect(rig.units[0]?.answeredAtMs).toBe(12);
  });

  it('that failed, or touch no moved table, do not', () => {
    const rig = new TapRig();
    rig.query(insert(1), FAILED);
    rig.query('UPDATE users SET a = 1');
    rig.query('SELECT 1');
    expect([rig.units, rig.outcomes]).toEqual([[], { skipped_failed: 1 }]);
    expect(rig.metrics.statements.totals()).toEqual({ ok: 2, error: 1, lost: 0 });
  });

  it('are cut to the keys that the ratio picked, and the others doubted', () => {
    const rig = new TapRig({ writes: 50 });
    const all = Array.from({ length: 20 }, (_, index) => String(index));
    rig.query(`INSERT INTO messages (folderid) VALUES ${all.map((key) => `(${key})`).join(', ')}`);
    const picked = rig.keys[0] ?? [];
    expect(picked.length).toBeGreaterThan(0);
    expect(picked.length).toBeLessThan(20);
    const leftOut = all.filter((key) => !picked.includes(key));
    expect(rig.doubts).toEqual([`not_sampled ${leftOut.join(',')}`]);
    expect(rig.texts[0]?.[0]?.match(/\((\d+)\)/g)).toEqual(picked.map((key) => `(${key})`));
  });

  it('with names in double quotes are found where the server’s flags do not tell of ANSI_QUOTES', () => {
    const rig = new TapRig({ isMariadb: false });
    const quoted = `INSERT INTO "messages" (folderid) VALUES (5)`;
    rig.query("SET sql_mode = 'ANSI_QUOTES'");
    rig.query(quoted);
    expect(rig.keys).toEqual([['5']]);
    rig.query("SET sql_mode = CONCAT(@@sql_mode, ',STRICT_ALL_TABLES')");
    rig.query(quoted);
    expect(rig.keys).toEqual([['5'], ['5']]);
    rig.query('SET sql_mode = @old');
    rig.query(quoted);
    rig.query('UPDATE messages SET t = "x" WHERE folderid = 6');
    expect(rig.units).toHaveLength(2);
    expect(rig.doubts).toEqual(['hazard 5 messages', 'hazard 6 messages']);
  });

  it('take their place among the writes of their keys where they are compared, and only there', () => {
    const claimed = (compare: number): readonly string[] | undefined => {
      const rig = new TapRig({ compare });
      rig.query('SELECT * FROM messages WHERE folderid = 7');
      return rig.units[0]?.writes.keys;
    };
    expect([claimed(100), claimed(0)]).toEqual([['messages/7'], []]);
  });

  it('have their rows seen where they are compared', () => {
    const sinkOf = (rig: TapRig, text: string) => rig.command(query(text)).rowSink;
    const read = 'SELECT * FROM messages WHERE folderid = 1';
    expect(sinkOf(new TapRig({ compare: 100 }), read)).not.toBeNull();
    expect(sinkOf(new TapRig({ compare: 0 }), read)).toBeNull();
    expect(sinkOf(new TapRig({ compare: 100 }), 'SELECT *, NOW() FROM messages')).toBeNull();
    expect(sinkOf(new TapRig({ compare: 100 }), 'SELECT * FROM messages LIMIT 5')).toBeNull();
    expect(sinkOf(new TapRig({ compare: 100 }), `${read}; ${read}`)).toBeNull();
    expect(sinkOf(new TapRig({ compare: 100 }), 'SELECT * FROM users')).toBeNull();
  });

  it('are never replayed from their beginning alone', () => {
    const rig = new TapRig();
    const payload = query(insert(1));
    rig.reply(rig.command(payload, payload.length + 1000));
    expect([rig.units, rig.outcomes]).toEqual([[], { dropped_too_large: 1 }]);
    // There may be other keys in the part that was not seen.
    expect(rig.doubts).toEqual(['dropped 1 messages']);
  });

  it.each([
    ['an INSERT of rows', insert(1), []],
    ['a SELECT', "SELECT * FROM messages WHERE t = 'long", []],
    ['an UPDATE with its SET', "UPDATE users SET t = 'long", []],
    ['a DELETE with its WHERE', 'DELETE FROM messages WHERE folderid IN (1, 2', []],
    ['a comment', '/* long', ['opaque']],
    ['WITH', 'WITH a AS (SELECT 1', ['opaque']],
    ['an UPDATE of several tables', 'UPDATE users JOIN (SELECT 1', ['opaque']],
    ['a DELETE from several tables', 'DELETE FROM a USING users', ['opaque']],
  ])('tell by their beginning what they do, or may do anything: %s', (_what, text, told) => {
    const rig = new TapRig();
    const payload = query(text);
    rig.reply(rig.command(payload, payload.length + 1000));
    expect([rig.announced, rig.events]).toEqual([told, told]);
  });

  it.each([
    ['by the login', { base: CAPABILITY.MULTI_STATEMENTS }, false],
    ['by a command', {}, true],
  ])(
    'may have more statements behind their beginning, where a text may have several %s',
    (_how, options, asks) => {
      const rig = new TapRig(options);
      if (asks) rig.say(Buffer.of(COM.SET_OPTION, 0, 0));
      const payload = query(insert(1));
      const cut = (): Exchange<Statement> => rig.command(payload, payload.length + 1000);
      const first = cut();
      rig.send();
      expect(rig.journal.log.slice(-2)).toEqual(['written */*', 'flush']);
      rig.reply(first);
      expect([rig.events, rig.journal.pending]).toEqual([[], 0]);
      rig.reply(cut(), { results: 2, earlier: [okResult()] });
      expect([rig.events, rig.journal.pending]).toEqual([['opaque'], 0]);
      rig.tap.closed([cut()]);
      expect([rig.events, rig.journal.pending]).toEqual([['opaque', 'opaque'], 0]);
    },
  );

  it('that can’t be replayed are skipped, and their keys doubted', () => {
    const rig = new TapRig();
    rig.query('SELECT t INTO @a FROM messages');
    rig.query('INSERT INTO messages (folderid, t) VALUES (1, @a)');
    rig.query('DELETE messages FROM messages JOIN users ON users.id = t WHERE folderid = 2');
    rig.query('SET time_zone = @zone');
    rig.query(insert(3));
    rig.query("SET time_zone = 'UTC'");
    rig.query(insert(4));
    expect(rig.keys).toEqual([['4']]);
    expect(rig.outcomes).toEqual({ skipped_unsupported: 3, skipped_straddle: 1 });
    expect(rig.doubts).toEqual(['hazard 1', 'hazard 2', 'hazard 3']);
  });

  it('whose keys are not known are picked by dice, and doubted as a table', () => {
    // The dice show a half.
    for (const [writes, mirrored] of [
      [50, false],
      [51, true],
    ] as const) {
      const rig = new TapRig({ writes });
      rig.query("UPDATE messages SET t = 'x' WHERE t = 'y'", FAILED);
      rig.query("UPDATE messages SET t = 'x' WHERE t = 'y'");
      expect(rig.units.length).toBe(mirrored ? 1 : 0);
      expect(rig.outcomes).toEqual(mirrored ? { skipped_failed: 1 } : {});
      expect(rig.doubts).toEqual(mirrored ? [] : ['not_sampled  messages']);
    }
  });

  it('that change definitions are told of, whatever came of them', () => {
    const rig = new TapRig();
    rig.query('CREATE TRIGGER other.noted AFTER INSERT ON other.logs FOR EACH ROW DELETE FROM old.messages');
    rig.query('DROP VIEW other.seen', FAILED);
    rig.query('CREATE TEMPORARY TABLE mine (id INT)');
    rig.query(insert(1));
    expect(rig.redefined).toBe(2);
  });

  it('have their changed rows compared, where the client was told of those', () => {
    const comparesOf = (base: number, text: string): boolean => {
      const rig = new TapRig({ base });
      rig.query(text);
      return rig.units[0]?.replays[0]?.primary.affected !== null;
    };
    const [update, remove] = [
      "UPDATE messages SET t = 'x' WHERE folderid = 1",
      'DELETE FROM messages WHERE folderid = 1',
    ];
    expect([comparesOf(0, update), comparesOf(0, remove)]).toEqual([true, true]);
    const { FOUND_ROWS } = CAPABILITY;
    expect([comparesOf(FOUND_ROWS, update), comparesOf(FOUND_ROWS, remove)]).toEqual([false, true]);
    expect(comparesOf(0, 'SELECT * FROM messages WHERE folderid = 1')).toBe(false);
  });

  it('have them compared as the answer’s message tells them, where the client counts those that were found', () => {
    const rig = new TapRig({ base: CAPABILITY.FOUND_ROWS });
    const compared = () => rig.units.at(-1)?.replays[0]?.primary.affected;
    rig.query("UPDATE messages SET t = 'x' WHERE folderid = 1", { affectedRows: 3, changedRows: 2 });
    expect([compared(), rig.doubts]).toEqual([{ rows: 2, slack: 0 }, []]);
    rig.query("UPDATE messages SET t = 'x' WHERE folderid = 1", { affectedRows: 3 });
    expect([compared(), rig.doubts]).toEqual([null, ['hazard 1']]);
    const upsert = "INSERT INTO messages VALUES (1, 'x'), (2, 'y') ON DUPLICATE KEY UPDATE t = 'z'";
    // One was inserted or found as it should be, and one changed.
    rig.query(upsert, { affectedRows: 3, changedRows: 9 });
    expect(compared()).toEqual({ rows: 3, slack: 1 });
    rig.query(upsert, { affectedRows: 4 });
    expect(compared()).toEqual({ rows: 4, slack: 0 });
  });

  it('are read behind their attributes', () => {
    const rig = new TapRig({ base: CAPABILITY.QUERY_ATTRIBUTES });
    rig.say(Buffer.concat([Buffer.of(COM.QUERY, 0, 1), Buffer.from(insert(3))]));
    expect(rig.keys).toEqual([['3']]);
    rig.say(Buffer.of(COM.QUERY, 0xfe, 1));
    expect(rig.events).toEqual(['opaque']);
  });

  it('are read by the session’s flags and character set', () => {
    const rig = new TapRig();
    // To a reader who minds backslashes the first string would not end where it does.
    const tricky = "INSERT INTO messages (t, folderid) VALUES ('\\', 7)";
    rig.query('SET sql_mode = NO_BACKSLASH_ESCAPES', {
      status: STATUS_AUTOCOMMIT | STATUS.NO_BACKSLASH_ESCAPES,
    });
    rig.query(tricky, { status: STATUS_AUTOCOMMIT | STATUS.NO_BACKSLASH_ESCAPES });
    rig.say(Buffer.of(COM.RESET_CONNECTION));
    rig.query('SET NAMES gbk');
    rig.query(
      Buffer.concat([
        Buffer.from("INSERT INTO messages (t, folderid) VALUES ('"),
        Buffer.of(0x81, 0x5c),
        Buffer.from("', 8)"),
      ]),
    );
    expect(rig.keys).toEqual([['7'], ['8']]);
  });

  it('of temporary tables are nobody’s matter until those are dropped', () => {
    const rig = new TapRig();
    rig.query('CREATE TEMPORARY TABLE messages (folderid INT)');
    rig.query(insert(1));
    rig.query('DROP TEMPORARY TABLE messages');
    rig.query(insert(2));
    rig.query('CREATE TEMPORARY TABLE messages (folderid INT)');
    rig.query('CREATE INDEX i ON messages (folderid)');
    rig.query(insert(3));
    rig.query('DROP TABLE messages');
    rig.query(insert(4));
    expect(rig.keys).toEqual([['2'], ['4']]);
  });

  it('of tables that a procedure may have dropped are written to lasting ones, perhaps', () => {
    const rig = new TapRig();
    rig.query('CREATE TEMPORARY TABLE messages (folderid INT)');
    rig.query('CALL p()', { results: 2 });
    const sent = rig.command(query(insert(1)));
    rig.send();
    expect(rig.journal.log.slice(-2)).toEqual(['written messages/*', 'flush']);
    rig.reply(sent);
    expect([rig.units, rig.doubts]).toEqual([[], ['hazard  messages']]);
  });

  it.each([
    ['INSERT INTO Messages (folderid) VALUES (1)'],
    ['DELETE FROM OLD.messages WHERE folderid = 1'],
    ['UPDATE users, Notes SET t = 1 WHERE users.id = 1'],
    ['ALTER TABLE MESSAGES ADD a INT'],
  ])('of tables in another case may be of any, where the server does not look at it: %s', (text) => {
    const rig = new TapRig();
    rig.query(text);
    expect([rig.announced, rig.units]).toEqual([['opaque'], []]);
    expect(rig.events).toContain('opaque');
    const other = new TapRig();
    other.catalog.learnNames(false);
    other.query(text);
    expect(other.announced).toEqual([]);
    rig.query('SELECT * FROM Messages');
    rig.query(insert(1));
    expect([rig.announced, rig.keys]).toEqual([['opaque'], [['1']]]);
  });

  it('of tables that move with another shard are told of', () => {
    const rig = new TapRig();
    rig.query('INSERT INTO sibling.messages (folderid) VALUES (1)');
    rig.query('INSERT INTO sibling.users VALUES (1)');
    rig.query('INSERT INTO elsewhere.messages (folderid) VALUES (1)');
    expect([rig.units, rig.doubts, rig.events]).toEqual([[], [], ['straddled messages']]);
  });

  it('that commit what another session prepared can’t be seen into', () => {
    const rig = new TapRig();
    rig.query("XA COMMIT 'x'");
    expect([rig.announced, rig.events]).toEqual([['opaque'], ['opaque']]);
  });

  it('that change definitions, straddle, or can’t be seen into are reported', () => {
    const rig = new TapRig();
    rig.query('ALTER TABLE messages ADD a INT');
    rig.query('SELECT * FROM messages, users');
    rig.query('CALL p()', { results: 3 });
    rig.query('SELECT our_function() FROM users');
    expect(rig.events).toEqual(['schema', 'straddled messages,users', 'opaque', 'opaque']);
    expect(rig.announced).toEqual(['opaque', 'opaque']);
  });
});

describe('a text of several statements', () => {
  const THREE = `${insert(1)}; ${insert(2)}; ${insert(3)}`;
  const answer = (...results: ResultSummary[]): Partial<Exchange<Statement>> => ({
    ...results.at(-1)!,
    earlier: results.slice(0, -1),
    results: results.length,
  });

  it('has a result for each, and each is a statement of its own', () => {
    const rig = new TapRig();
    rig.query(THREE, answer(okResult(), okResult(), okResult()));
    expect(rig.texts).toEqual([[insert(1)], [insert(2)], [insert(3)]]);
  });

  it('gives each the whole time of the text as its moment, and a share of it as its duration', () => {
    const rig = new TapRig();
    const timed = 'INSERT INTO messages (folderid, t) VALUES (1, NOW())';
    const answers = { ...answer(okResult(), okResult()), sentAtMs: 1000, answeredAtMs: 3000 };
    rig.query(`${timed}; SELECT SLEEP(2)`, answers);
    expect(rig.askedSpans).toEqual([[1000, 3000]]);
    expect(rig.units[0]?.replays[0]).toMatchObject({ primary: { seconds: 1 } });
    expect(rig.doubts).toEqual(['hazard 1']);
  });

  it('ends at the first that failed', () => {
    const rig = new TapRig();
    rig.query(THREE, answer(okResult(), okResult(FAILED)));
    expect([rig.keys, rig.outcomes]).toEqual([[['1']], { skipped_failed: 1 }]);
    expect(rig.metrics.statements.totals()).toEqual({ ok: 1, error: 1, lost: 0 });
  });

  it('may hold a transaction', () => {
    const rig = new TapRig();
    const open = okResult(OPEN);
    rig.query(`BEGIN; ${insert(1)}; ${insert(2)}; COMMIT`, answer(open, open, open, okResult()));
    expect(rig.keys).toEqual([['1', '2']]);
  });

  it('is uncertain, and so is what was open, where the results can’t be told apart', () => {
    const rig = new TapRig();
    rig.query('BEGIN', OPEN);
    rig.query(insert(9), OPEN);
    rig.query(
      `ROLLBACK; CALL p(); ${insert(1)}; SET NAMES gbk`,
      answer(okResult(), okResult(), okResult(), okResult(), okResult()),
    );
    expect([rig.units, rig.outcomes]).toEqual([[], { skipped_uncertain: 2 }]);
    expect(rig.doubts).toEqual(['uncertain 9', 'uncertain 1']);
    expect(rig.events).toContain('opaque');
    rig.query('BEGIN', OPEN);
    rig.query('COMMIT');
    rig.query(insert(2));
    // What the procedure has set is not known.
    expect([rig.units, rig.doubts.at(-1)]).toEqual([[], 'hazard 2']);
  });

  it('is read in the state that its own statements make', () => {
    const rig = new TapRig({ database: 'elsewhere' });
    rig.query(`SET NAMES gbk; USE old; ${insert(1)}`, answer(okResult(), okResult(), okResult()));
    expect(rig.texts).toEqual([[insert(1)]]);
    const { context } = rig.units[0]!.replays[0]!;
    expect([context.database, context.names]).toEqual(['new', 'SET NAMES gbk']);
    rig.query(insert(2));
    expect(rig.units[1]!.replays[0]!.context.id).toBe(context.id);
  });

  it('is read with the temporary tables that its own statements make and drop', () => {
    const rig = new TapRig();
    const make = 'CREATE TEMPORARY TABLE messages (folderid INT)';
    rig.query(`${make}; ${insert(1)}`, answer(okResult(), okResult()));
    rig.query(
      `DROP TEMPORARY TABLE messages; ${insert(2)}; ${make}; ${insert(3)}`,
      answer(okResult(), okResult(), okResult(), okResult()),
    );
    expect([rig.keys, rig.journal.log.includes('written messages/2')]).toEqual([[['2']], true]);
  });

  it('does not know where the keys stand of a table that it has changed before', () => {
    const rig = new TapRig({ ddl: 'mirror' });
    const sent = rig.command(
      query("ALTER TABLE messages ADD a INT FIRST; INSERT INTO messages VALUES (8, 9, 'x')"),
    );
    expect(rig.journal.log.slice(-3)).toEqual([
      'written messages/*',
      'written messages/8',
      'written messages/*',
    ]);
    rig.reply(sent, answer(okResult(), okResult()));
    expect(rig.units[1]?.replays[0]?.keysComplete).toBe(false);
  });

  it('leaves the session as it was where the change of its state failed', () => {
    const rig = new TapRig();
    rig.query(`USE elsewhere; ${insert(1)}`, answer(okResult(FAILED)));
    rig.query(insert(2));
    expect(rig.texts).toEqual([[insert(2)]]);
  });

  it('is not trusted behind a sql_mode that is not known', () => {
    const rig = new TapRig();
    rig.query(`SET sql_mode = UPPER(@@sql_mode); ${insert(1)}`, answer(okResult(), okResult()));
    expect([rig.texts, new Set(rig.events)]).toEqual([[], new Set(['opaque'])]);
    rig.query(insert(2));
    expect([rig.texts, rig.doubts]).toEqual([[], ['hazard 2']]);
  });

  it('is read on by a sql_mode that it sets itself', () => {
    const rig = new TapRig();
    const quoted = 'INSERT INTO "messages" (folderid, t) VALUES (1, \'a\\\\\')';
    rig.query(
      `SET sql_mode = 'ANSI,NO_BACKSLASH_ESCAPES'; ${quoted}; ${insert(2)}`,
      answer(okResult(), okResult(), okResult()),
    );
    expect([rig.keys, rig.events]).toEqual([[['1'], ['2']], []]);
    expect(rig.units[0]!.replays[0]!.context.variables.get('sql_mode')).toBe("'ANSI,NO_BACKSLASH_ESCAPES'");
  });

  it('that was answered by more results than it has statements is not trusted', () => {
    const rig = new TapRig();
    rig.query(insert(1), answer(okResult(), okResult()));
    expect(rig.events).toEqual(['opaque']);
  });
});

describe('commands sent ahead of their answers', () => {
  const names = (rig: TapRig) =>
    rig.units.flatMap(({ replays }) => replays.map(({ context }) => context.names));

  it('are replayed in what the session has set by then, or are doubts', () => {
    const rig = new TapRig();
    const sent = [
      "SET time_zone = 'UTC'",
      insert(1),
      'SET @a = 5',
      'INSERT INTO messages VALUES (2, @a)',
    ].map((text) => rig.command(query(text)));
    for (const exchange of sent) rig.reply(exchange);
    // Its zone was not known yet when it was read.
    expect([rig.keys, rig.doubts, rig.outcomes]).toEqual([
      [],
      ['hazard 1', 'hazard 2'],
      { skipped_unsupported: 2 },
    ]);
    const again = ['SET @a = 6', 'INSERT INTO messages VALUES (3, @a)'].map((text) =>
      rig.command(query(text)),
    );
    for (const exchange of again) rig.reply(exchange);
    expect(rig.units[0]?.replays[0]?.moment.settings).toEqual(['@`a` = 6']);
  });

  it.each<[string, Buffer]>([
    ['USE', query('USE old')],
    ['COM_INIT_DB', Buffer.concat([Buffer.of(COM.INIT_DB), Buffer.from('old')])],
    ['SET NAMES', query('SET NAMES gbk')],
    ['a new sql_mode', query("SET sql_mode = 'ANSI'")],
    ['a temporary table', query('CREATE TEMPORARY TABLE messages (a INT)')],
  ])('may have touched anything where %s was under way', (_what, payload) => {
    const rig = new TapRig({ database: 'elsewhere' });
    const change = rig.command(payload);
    const write = rig.command(query(insert(1)));
    const read = rig.command(query('SELECT 1'));
    expect(rig.announced).toEqual(['opaque']);
    for (const exchange of [change, write, read]) rig.reply(exchange);
    expect([rig.units, rig.events]).toEqual([[], ['opaque']]);
    rig.query(`USE old`);
    rig.query(insert(2));
    expect([rig.keys, rig.events]).toEqual([[['2']], ['opaque']]);
    expect(names(rig)).toHaveLength(1);
  });

  it('may have touched anything where a change of definitions was under way', () => {
    const rig = new TapRig();
    const sent = ['ALTER TABLE messages ADD a INT FIRST', 'INSERT INTO messages VALUES (8, 9)'];
    for (const exchange of sent.map((text) => rig.command(query(text)))) rig.reply(exchange);
    expect([rig.announced, rig.events, rig.units]).toEqual([['opaque'], ['schema', 'opaque'], []]);
  });

  it('are executed without what was sent ahead before a reset', () => {
    const rig = new TapRig();
    rig.prepare('INSERT INTO messages (t, folderid) VALUES (?, ?)', 3, 2);
    rig.command(longData(3, 0, '5'));
    const reset = rig.command(idPayload(COM.STMT_RESET, 3));
    const executed = rig.command(executePayload(3, ['text', '7']));
    rig.reply(reset);
    rig.reply(executed);
    expect(rig.keys).toEqual([['7']]);
  });

  it('EXECUTE of a name that is being prepared anew may be anything', () => {
    const rig = new TapRig();
    rig.query("PREPARE s FROM 'SELECT 1'");
    rig.query('EXECUTE s');
    expect([rig.announced, rig.events]).toEqual([[], []]);
    const sent = [`PREPARE s FROM '${insert(1)}'`, 'EXECUTE s'].map((text) => rig.command(query(text)));
    for (const exchange of sent) rig.reply(exchange);
    expect([rig.announced, rig.events]).toEqual([['opaque'], ['opaque']]);
    rig.query('EXECUTE s');
    expect([rig.events, rig.doubts, rig.keys]).toEqual([['opaque'], [], [['1']]]);
    rig.query("PREPARE s FROM 'nonsense'", FAILED);
    rig.query('EXECUTE s');
    expect(rig.events).toEqual(['opaque', 'opaque']);
  });
});

describe('EXECUTE', () => {
  const INSERT = 'INSERT INTO messages (folderid, t) VALUES (?, ?)';
  const prepared = (options: TapRigOptions = {}, text = INSERT) => {
    const rig = new TapRig(options);
    rig.query(`PREPARE s FROM '${text}'`);
    return rig;
  };

  it('is replayed as a prepared statement, with the values of its variables', () => {
    const rig = prepared();
    rig.query("SET @a = 17, @b = 'text'");
    rig.query('EXECUTE s USING @a, @b');
    expect([rig.keys, rig.doubts]).toEqual([[['17']], []]);
    // It waits for other writes of its key, and they for it.
    rig.query('UPDATE messages SET t = 1 WHERE folderid = 17');
    expect(rig.units.map(({ writes }) => [writes.keys, writes.barriers])).toEqual([
      [['messages/17'], []],
      [['messages/17'], []],
    ]);
    const replay = rig.units[0]?.replays[0];
    expect(replay?.kind).toBe('write');
    expect(replay?.prepared?.text).toBe(INSERT);
    expect(replay?.prepared?.packet.keyText(1)).toBe('text');
  });

  it('without values is replayed as its text', () => {
    const rig = prepared({}, insert(4));
    rig.query('EXECUTE s');
    expect([rig.keys, rig.units[0]?.replays[0]?.prepared]).toEqual([[['4']], null]);
  });

  it.each([
    ['a key that is known, of a value that is not', 'SET @a = 1, @b = UPPER("x")', 'hazard 1'],
    ['a key that is not known', 'SET @a = 1 + 1, @b = 1', 'hazard  messages'],
    ['a key that a read may have set', 'SELECT @a := 2', 'hazard  messages'],
    ['a key that a read of the same text may have set', 'SET @a = 1; SELECT 2 INTO @a', 'hazard  messages'],
  ])('is a doubt: %s', (_what, text, doubt) => {
    const rig = prepared();
    rig.query('SET @a = 1, @b = 1');
    if (text.startsWith('SET @a = 1;')) {
      rig.query(`${text}; EXECUTE s USING @a, @b`, { results: 3, earlier: [okResult(), okResult()] });
    } else {
      rig.query(text);
      rig.query('EXECUTE s USING @a, @b');
    }
    expect([rig.outcomes, rig.doubts]).toEqual([{ skipped_unsupported: 1 }, [doubt]]);
  });

  it('sent behind what may set its values, without waiting, is a doubt', () => {
    const rig = prepared();
    rig.query('SET @a = 1, @b = 1');
    const sent = ['SET @a = 2', 'EXECUTE s USING @a, @b'].map((text) => rig.command(query(text)));
    for (const exchange of sent) rig.reply(exchange);
    expect([rig.units, rig.doubts]).toEqual([[], ['hazard  messages']]);
    rig.query('EXECUTE s USING @a, @b');
    expect(rig.keys).toEqual([['2']]);
  });

  it('takes no string, and no text, that was written in a mode that was not known', () => {
    const rig = prepared();
    rig.query('SET sql_mode = UUID()');
    rig.query("SET @a = '17', @b = 1");
    rig.query(`PREPARE other FROM '${insert(18)}'`);
    rig.query('SET sql_mode = DEFAULT');
    rig.query('EXECUTE s USING @a, @b');
    rig.query('EXECUTE other');
    expect([rig.units, rig.doubts]).toEqual([[], ['hazard  messages', 'hazard 18']]);
  });

  it('is narrowed to the keys that the ratio takes', () => {
    const rig = prepared({ writes: 50 }, `${INSERT}${', (?, ?)'.repeat(7)}`);
    const keys = [1, 2, 3, 4, 5, 6, 7, 8];
    rig.query(`SET ${keys.map((key) => `@k${key} = ${key}`).join()}`);
    rig.query(`EXECUTE s USING ${keys.map((key) => `@k${key}, @k${key}`).join()}`);
    const taken = rig.keys[0] ?? [];
    expect(taken.length).toBeGreaterThan(0);
    expect(taken.length).toBeLessThan(8);
    expect(rig.doubts.map((doubt) => doubt.replace('not_sampled ', '').split(','))).toEqual([
      keys.map(String).filter((key) => !taken.includes(key)),
    ]);
    const packet = rig.units[0]?.replays[0]?.prepared?.packet;
    expect(taken.map((_, index) => packet?.keyText(index * 2))).toEqual(taken);
  });

  it.each([
    ['USE elsewhere', insert(1)],
    ['SET NAMES latin1', `${insert(1)} ON DUPLICATE KEY UPDATE t = CONCAT(t, "ü")`],
    ["SET sql_mode = 'ANSI'", insert(1)],
  ])('may mean something else than it did when it was prepared: %s', (change, text) => {
    const rig = prepared({}, text);
    rig.query(change);
    rig.query('EXECUTE s');
    expect([rig.outcomes, rig.doubts]).toEqual([{ skipped_unsupported: 1 }, ['hazard 1']]);
  });
});

describe('prepared statements', () => {
  const INSERT = 'INSERT INTO messages (folderid, t) VALUES (?, ?)';

  it('are replayed as prepared statements, with the keys of their parameters', () => {
    const rig = new TapRig();
    rig.prepare(INSERT, 3, 2);
    rig.say(executePayload(3, ['17', 'text']));
    rig.say(executePayload(3, ['18', 'text'], false));
    expect(rig.keys).toEqual([['17'], ['18']]);
    const prepared = rig.units[1]?.replays[0]?.prepared;
    expect(prepared?.text).toBe(INSERT);
    expect(prepared?.packet.payloadFor(9)).toEqual(executePayload(9, ['18', 'text']));
  });

  it('get the values that were sent ahead, for one execution', () => {
    const rig = new TapRig();
    rig.prepare(INSERT, 3, 2);
    rig.command(longData(3, 1, 'long '));
    rig.command(longData(3, 1, 'text'));
    rig.say(executePayload(3, ['1', null]));
    rig.say(executePayload(3, ['2', 'short']));
    const values = rig.units.map(({ replays }) => [...(replays[0]?.prepared?.longData ?? [])]);
    expect(values).toEqual([[[1, Buffer.from('long text')]], []]);
    expect(rig.keys).toEqual([['1'], ['2']]);
  });

  it('drop what was sent ahead when they are reset', () => {
    const rig = new TapRig();
    rig.prepare(INSERT, 3, 2);
    rig.command(longData(3, 1, 'long'));
    rig.say(idPayload(COM.STMT_RESET, 3));
    rig.say(executePayload(3, ['1', 'short']));
    expect(rig.units[0]?.replays[0]?.prepared?.longData.size).toBe(0);
  });

  it('keep the right keys in doubt when a value sent ahead was too long to keep', () => {
    const rig = new TapRig({ statementBytes: 100 });
    rig.prepare('INSERT INTO messages (t, folderid) VALUES (?, ?)', 3, 2);
    rig.command(longData(3, 0, Buffer.alloc(200)));
    rig.say(executePayload(3, [null, '42']));
    const cut = longData(3, 0, 'x');
    rig.command(cut, cut.length + 100);
    rig.say(executePayload(3, [null, '43']));
    rig.say(executePayload(3, ['x', '44']));
    expect(rig.outcomes).toEqual({ skipped_unsupported: 2 });
    expect(rig.doubts).toEqual(['hazard 42', 'hazard 43']);
    expect(rig.keys).toEqual([['44']]);
  });

  it('do not take types that could not be read for those that were bound before', () => {
    const rig = new TapRig();
    rig.prepare(INSERT, 3, 2);
    rig.say(executePayload(3, ['1', 'a']));
    const cut = executePayload(3, ['2', 'b']);
    rig.reply(rig.command(cut, cut.length + 100));
    rig.say(executePayload(3, ['3', 'c'], false));
    expect(rig.keys).toEqual([['1']]);
    expect(rig.doubts).toEqual(['dropped  messages', 'hazard  messages']);
    rig.say(executePayload(3, ['4', 'd']));
    expect(rig.keys).toEqual([['1'], ['4']]);
  });

  it('that are not known can’t be seen into', () => {
    const rig = new TapRig();
    rig.say(executePayload(99, ['1']));
    rig.prepare(INSERT, 3, 2);
    rig.command(idPayload(COM.STMT_CLOSE, 3));
    rig.say(executePayload(3, ['1', 'a']));
    expect(rig.events).toEqual(['opaque', 'opaque']);
  });

  it('that the server refused are not executed', () => {
    const rig = new TapRig();
    rig.say(Buffer.concat([Buffer.of(COM.STMT_PREPARE), Buffer.from(INSERT)]), { ...FAILED, statementId: 3 });
    rig.say(executePayload(3, ['1', 'a']), FAILED);
    expect(rig.events).toEqual(['opaque']);
  });

  it('may be executed by the last id before the answer', () => {
    const rig = new TapRig();
    rig.command(Buffer.concat([Buffer.of(COM.STMT_PREPARE), Buffer.from(INSERT)]));
    rig.say(executePayload(0xffff_ffff, ['5', 'a']));
    expect(rig.keys).toEqual([['5']]);
  });

  const bulk = (rows: readonly (readonly (string | null)[])[], flags = 0x80): Buffer => {
    const types = flags === 0 ? [] : [...(rows[0] ?? [])].map(() => Buffer.of(0xfd, 0));
    const values = rows.flat().map((value) => {
      return value === null ? Buffer.of(1) : Buffer.concat([Buffer.of(0, value.length), Buffer.from(value)]);
    });
    return idPayload(COM.STMT_BULK_EXECUTE, 3, Buffer.of(flags, 0), ...types, ...values);
  };

  it('executed over many rows at once are replayed as one INSERT of them all', () => {
    const rig = new TapRig();
    rig.prepare(`${INSERT} ON DUPLICATE KEY UPDATE t = VALUES(t)`, 3, 2);
    rig.say(
      bulk([
        ['1', 'a'],
        ['2', null],
      ]),
    );
    // Types are bound once.
    rig.say(bulk([['3', 'c']], 0));
    expect([rig.keys, rig.doubts]).toEqual([[['1', '2'], ['3']], []]);
    const [first, second] = rig.units.map(({ replays }) => replays[0]?.prepared);
    expect(first?.text).toBe(
      'INSERT INTO messages (folderid, t) VALUES (?, ?), (?, ?) ON DUPLICATE KEY UPDATE t = VALUES(t)',
    );
    expect([0, 1, 2, 3].map((ordinal) => first?.packet.keyText(ordinal))).toEqual(['1', 'a', '2', null]);
    expect(first?.packet.isNull(3)).toBe(true);
    expect(second?.packet.keyText(0)).toBe('3');
  });

  it('executed over many rows at once are cut to the rows that the ratio takes', () => {
    const rig = new TapRig({ writes: 50 });
    rig.prepare(INSERT, 3, 2);
    const keys = ['1', '2', '3', '4', '5', '6', '7', '8'];
    rig.say(bulk(keys.map((key) => [key, key])));
    const taken = rig.keys[0] ?? [];
    expect([taken.length > 0, taken.length < 8]).toEqual([true, true]);
    expect(rig.doubts).toEqual([`not_sampled ${keys.filter((key) => !taken.includes(key)).join()}`]);
    const packet = rig.units[0]?.replays[0]?.prepared?.packet;
    expect(taken.map((_, index) => packet?.keyText(index * 2 + 1))).toEqual(taken);
  });

  it.each([
    [
      'an UPDATE that passes over rows',
      'UPDATE IGNORE messages SET t = ? WHERE folderid = ?',
      bulk([['1', 'a']]),
    ],
    [
      'an UPDATE by what the session holds',
      'UPDATE messages SET t = @x + ? WHERE folderid = ?',
      bulk([['1', 'a']]),
    ],
    [
      'a DELETE that answers in rows',
      'DELETE FROM messages WHERE folderid = ? AND t = ? RETURNING t',
      bulk([['1', 'a']]),
    ],
    [
      'an UPDATE of more rows than are followed',
      'UPDATE messages SET t = ? WHERE folderid = ?',
      bulk(Array.from({ length: 1001 }, (_, row) => ['a', String(row)])),
    ],
    [
      'a parameter outside of the row',
      `${INSERT.slice(0, -2)}1) ON DUPLICATE KEY UPDATE t = ?`,
      bulk([['1', 'a']]),
    ],
    ['a value that depends on the server', `${INSERT.slice(0, -1)} + RAND())`, bulk([['1', 'a']])],
    ['a DEFAULT', INSERT, Buffer.concat([bulk([['1', 'a']]), Buffer.of(0, 1, 0x32, 2)])],
    ['answers row by row', INSERT, bulk([['1', 'a']], 0xc0)],
    ['half a row', INSERT, bulk([['1', 'a'], ['2']])],
    ['no row', INSERT, bulk([])],
  ])('executed over many rows at once are doubts: %s', (_what, text, payload) => {
    const rig = new TapRig();
    rig.prepare(text, 3, 2);
    rig.say(payload);
    expect([rig.units, rig.doubts]).toEqual([[], ['hazard  messages']]);
  });

  it('executed row by row may have changed some before one that failed', () => {
    const rig = new TapRig();
    rig.prepare('UPDATE messages SET t = ? WHERE folderid = ?', 3, 2);
    rig.say(
      bulk([
        ['a', '1'],
        ['b', '2'],
      ]),
      FAILED,
    );
    expect(rig.doubts).toEqual(['partial 1', 'partial 2']);
    rig.prepare(INSERT, 3, 2);
    rig.say(
      bulk([
        ['1', 'a'],
        ['2', 'b'],
      ]),
      FAILED,
    );
    expect(rig.doubts).toEqual(['partial 1', 'partial 2']);
  });

  it('executed row by row are replayed as one execution for each row, their affected rows told for all', () => {
    const rig = new TapRig();
    rig.prepare('UPDATE messages SET t = ? WHERE folderid = ?', 3, 2);
    const rows = bulk([
      ['a', '1'],
      [null, '2'],
      ['c', '1'],
    ]);
    rig.say(rows, { affectedRows: 3 });
    expect([rig.keys, rig.doubts]).toEqual([[['1'], ['2'], ['1']], []]);
    // The keys of all rows, when they are sent.
    const written = ['1', '2', '1'].map((key) => `written messages/${key}`);
    expect(rig.journal.log).toEqual(written);
    const replays = rig.units.flatMap((unit) => unit.replays);
    expect(replays.map(({ prepared }) => prepared?.packet.keyText(0))).toEqual(['a', null, 'c']);
    expect(replays.map(({ prepared }) => prepared?.packet.isNull(0))).toEqual([false, true, false]);
    expect(new Set(replays.map(({ prepared }) => prepared?.text)).size).toBe(1);
    expect(replays.every(({ primary }) => primary.affected === null && primary.tally !== null)).toBe(true);
    // The rows of one lane's answers are added up, whichever comes last.
    const [first, ...others] = replays;
    const tally = first!.primary.tally!;
    expect(tally.add(first!, 1)).toEqual([]);
    expect(others.flatMap((replay) => tally.add(replay, 0))).toEqual(replays);
  });

  it('executed row by row in a transaction arrive with it, those of the sampled keys', () => {
    const rig = new TapRig({ writes: 50 });
    rig.prepare('UPDATE messages SET t = 1 WHERE folderid = ?', 3, 1);
    const keys = ['1', '2', '3', '4', '5', '6', '7', '8'];
    rig.query('BEGIN', OPEN);
    rig.say(bulk(keys.map((key) => [key])), OPEN);
    expect(rig.units).toEqual([]);
    rig.query('COMMIT');
    const [unit, ...none] = rig.units;
    const taken = unit?.replays.flatMap((replay) => replay.keys.map(({ key }) => key)) ?? [];
    expect([none, taken.length > 0, taken.length < 8]).toEqual([[], true, true]);
    expect(rig.doubts).toEqual(keys.filter((key) => !taken.includes(key)).map((key) => `not_sampled ${key}`));
    expect(unit?.replays.every(({ primary }) => primary.tally === null && primary.affected === null)).toBe(
      true,
    );
  });

  it('executed over many rows at once are skipped, their table in doubt', () => {
    const rig = new TapRig();
    rig.prepare(INSERT, 3, 2);
    rig.say(idPayload(COM.STMT_BULK_EXECUTE, 3, Buffer.alloc(20)));
    expect(rig.outcomes).toEqual({ skipped_unsupported: 1 });
    expect(rig.doubts).toEqual(['hazard  messages']);
  });

  it('are about the tables of the database in which they were prepared', () => {
    const rig = new TapRig();
    rig.prepare(INSERT, 3, 2);
    rig.query('USE elsewhere');
    rig.prepare(INSERT, 4, 2);
    const sent = rig.command(executePayload(3, ['17', 'text']));
    rig.send();
    expect(rig.journal.log).toEqual(['written messages/17', 'flush']);
    rig.reply(sent);
    expect([rig.units, rig.doubts]).toEqual([[], ['hazard 17']]);
    rig.query('USE old');
    rig.say(executePayload(4, ['18', 'text']));
    expect([rig.units, rig.doubts]).toEqual([[], ['hazard 17']]);
    rig.say(executePayload(3, ['19', 'text']));
    expect(rig.keys).toEqual([['19']]);
  });

  const WITH_UMLAUT = "INSERT INTO messages (folderid, t, u) VALUES (?, ?, 'ü')";
  it.each([
    [INSERT, "SET sql_mode = 'PIPES_AS_CONCAT'"],
    [INSERT, 'SET sql_mode = UUID()'],
    [WITH_UMLAUT, 'SET NAMES latin1'],
    ["INSERT INTO messages (folderid, t) VALUES (?, ? = 'A')", 'SET NAMES latin1'],
    ['UPDATE messages SET t = UPPER(?) WHERE folderid = ?', 'SET NAMES latin1'],
    ["UPDATE messages SET t = 'a' WHERE folderid = ? AND ? LIKE 'a%'", 'SET NAMES latin1'],
  ])('mean what they meant when they were prepared: %s behind %s', (write, change) => {
    const rig = new TapRig();
    const values = write.startsWith('INSERT') ? ['17', 'text'] : ['17', '17'];
    rig.prepare(write, 3, 2);
    rig.query(change);
    rig.say(executePayload(3, values));
    expect([rig.outcomes, rig.doubts]).toEqual([{ skipped_unsupported: 1 }, ['hazard 17']]);
    rig.query(change.startsWith('SET NAMES') ? 'SET NAMES utf8mb4' : 'SET sql_mode = DEFAULT');
    rig.prepare(INSERT, 4, 2);
    rig.say(executePayload(4, ['18', 'text']));
    expect(rig.keys).toEqual([['18']]);
  });

  it.each([
    [INSERT, ['17', 'ü']],
    ["UPDATE messages SET t = 'text', u = ? WHERE folderid = ?", ['ü', '17']],
    ['DELETE FROM messages WHERE folderid = ? AND itemid IN (?, ?)', ['17', '1', '2']],
  ])('that write only what columns settle go on under another character set: %s', (write, values) => {
    const rig = new TapRig();
    rig.prepare(write, 3, values.length);
    rig.query('SET NAMES utf8mb4 COLLATE utf8mb4_unicode_ci');
    rig.say(executePayload(3, values));
    expect([rig.keys, rig.outcomes, rig.doubts]).toEqual([[['17']], {}, []]);
  });

  const ASCII_READ = 'SELECT title FROM messages WHERE folderid = ?';
  it.each([
    [ASCII_READ, 'SET NAMES latin1', 'mirrored'],
    ["SELECT 'é' FROM messages WHERE folderid = ?", 'SET NAMES latin1', 'skipped'],
    [ASCII_READ, "SET sql_mode = 'STRICT_ALL_TABLES'", 'mirrored'],
    [ASCII_READ, "SET sql_mode = 'PIPES_AS_CONCAT'", 'skipped'],
    [ASCII_READ, "SET sql_mode = 'ANSI_QUOTES,STRICT_ALL_TABLES'", 'skipped'],
  ] as const)(
    'that read go on where nothing changed what they say: %s behind %s is %s',
    (read, change, end) => {
      const rig = new TapRig();
      rig.query("SET sql_mode = ''");
      rig.prepare(read, 3, 1);
      rig.query(change);
      rig.say(executePayload(3, ['17']));
      expect(rig.units).toHaveLength(end === 'mirrored' ? 1 : 0);
      expect(rig.outcomes).toEqual(end === 'mirrored' ? {} : { skipped_unsupported: 1 });
      expect(rig.doubts).toEqual([]);
    },
  );

  it('follow the settings that they make', () => {
    const rig = new TapRig();
    rig.prepare("SET sql_mode = 'ANSI'", 3, 0);
    rig.say(executePayload(3, []));
    rig.query(insert(1));
    expect([...(rig.units[0]?.replays[0]?.context.variables ?? [])]).toEqual([['sql_mode', "'ANSI'"]]);
  });
});

describe('the session', () => {
  it('follows the database, by command and by statement', () => {
    const rig = new TapRig({ database: null });
    rig.query(insert(1));
    rig.say(Buffer.concat([Buffer.of(COM.INIT_DB), Buffer.from('old')]));
    rig.query(insert(2));
    rig.query('USE elsewhere');
    rig.query(insert(3));
    rig.say(Buffer.concat([Buffer.of(COM.INIT_DB), Buffer.from('old')]), FAILED);
    rig.query(insert(4));
    rig.query('USE old');
    rig.query(insert(5));
    expect(rig.keys).toEqual([['2'], ['5']]);
  });

  it('does not follow a setting that failed', () => {
    const rig = new TapRig();
    rig.query("SET sql_mode = 'ANSI'", FAILED);
    rig.query(insert(1));
    expect(rig.units[0]?.replays[0]?.context.variables.size).toBe(0);
  });

  it.each<[string, Buffer]>([
    ['a reset', Buffer.of(COM.RESET_CONNECTION)],
    ['a change of user', Buffer.concat([Buffer.of(COM.CHANGE_USER), Buffer.from('user\0\0old\0\x2d\0')])],
  ])('is rolled back and forgotten by %s', (_name, payload) => {
    const rig = new TapRig();
    rig.prepare('UPDATE messages SET t = 1 WHERE folderid = ?', 3, 1);
    rig.query("SET sql_mode = 'ANSI'");
    rig.query('BEGIN', OPEN);
    rig.query(insert(1), OPEN);
    rig.say(payload, FAILED);
    expect(rig.outcomes).toEqual({});
    rig.say(payload);
    expect(rig.outcomes).toEqual({ skipped_rolled_back: 1 });
    rig.query(insert(2));
    expect(rig.units.map(({ replays }) => replays[0]?.context.variables.size)).toEqual([0]);
    rig.say(executePayload(3, ['1']), FAILED);
    expect(rig.events).toEqual(['opaque']);
  });

  it('that ends leaves what had no answer in doubt', () => {
    const rig = new TapRig();
    rig.query('BEGIN', OPEN);
    rig.query(insert(1), OPEN);
    const unanswered = [
      query('COMMIT'),
      query(insert(2)),
      query('CALL p()'),
      query('DROP TABLE messages'),
    ].map((payload) => rig.command(payload));
    unanswered.push(rig.command(Buffer.concat([Buffer.of(COM.STMT_PREPARE), Buffer.from(insert(3))])));
    rig.tap.closed(unanswered);
    expect([rig.units, rig.outcomes]).toEqual([[], { skipped_uncertain: 2 }]);
    expect(rig.doubts).toEqual(['table messages', 'uncertain 1', 'uncertain 2']);
    expect(rig.events).toEqual(['opaque', 'schema']);
    expect(rig.metrics.statements.totals()).toEqual({ ok: 2, error: 0, lost: 4 });
  });

  it('has the keys of its writes on record before they are sent, until it is known what became of them', () => {
    const rig = new TapRig();
    const pending = rig.command(query(insert(1)));
    rig.send();
    expect(rig.journal.log).toEqual(['written messages/1', 'flush']);
    rig.tap.reply(Object.assign(pending, FAILED));
    rig.query('SELECT * FROM messages WHERE folderid = 2');
    rig.query('INSERT INTO users VALUES (1)');
    expect([rig.journal.log.length, rig.journal.pending]).toEqual([3, 0]);
    rig.query('BEGIN', OPEN);
    rig.query(insert(3), OPEN);
    rig.query(insert(4), OPEN);
    const unanswered = [query(insert(6)), query('DELETE FROM messages')].map((text) => rig.command(text));
    expect(rig.journal.pending).toBe(4);
    rig.tap.lostStep();
    rig.tap.closed(unanswered);
    expect(rig.journal.log).toContain('written messages/*');
    expect([rig.journal.pending, rig.writes.size]).toEqual([0, 0]);
  });

  it('that lost step leaves what is open uncertain', () => {
    const rig = new TapRig();
    rig.query('BEGIN', OPEN);
    rig.query(insert(1), OPEN);
    rig.tap.lostStep();
    rig.tap.closed([]);
    expect([rig.outcomes, rig.doubts]).toEqual([{ skipped_uncertain: 1 }, ['uncertain 1']]);
  });

  it('lets a MyISAM statement go at once inside a transaction', () => {
    const rig = new TapRig();
    rig.query('BEGIN', OPEN);
    rig.query('INSERT INTO notes (folderid) VALUES (1)', OPEN);
    rig.query(insert(2), OPEN);
    expect(rig.keys).toEqual([['1']]);
    rig.query('ROLLBACK');
    expect([rig.keys, rig.outcomes]).toEqual([[['1']], { skipped_rolled_back: 1 }]);
  });

  it('takes commands of any other kind, and short ones, without a word', () => {
    const rig = new TapRig();
    for (let type = 0; type < 256; type++) {
      if ([COM.QUERY, COM.STMT_PREPARE].includes(type as never)) continue;
      for (const length of [1, 4, 5, 9]) rig.say(Buffer.alloc(length, type));
    }
    expect([rig.units, rig.doubts]).toEqual([[], []]);
  });
});

describe('changes of definitions', () => {
  const ADD = 'ALTER TABLE messages ADD a INT';
  const texts = (rig: TapRig) => rig.units.map(({ replays: [replay] }) => replay?.sql.toString());

  it('are told of and in doubt, and not replayed, unless they are to be mirrored', () => {
    const rig = new TapRig();
    const sent = rig.command(query(ADD));
    rig.send();
    expect(rig.journal.log).toEqual(['written messages/*', 'flush']);
    rig.reply(sent);
    expect([rig.doubts, rig.journal.pending, rig.units]).toEqual([['table messages'], 0, []]);
    expect(rig.incidents.reports).toMatchObject([{ reason: 'ddl', table: 'messages' }]);
    expect(rig.metrics.definitions.totals()).toMatchObject({ skipped_by_config: 1, mirrored: 0 });
  });

  it('are offered behind what they commit, as barriers, whatever the ratios', () => {
    const rig = new TapRig({ ddl: 'mirror', reads: 0, writes: 100 });
    rig.query('BEGIN', { status: STATUS_OPEN });
    rig.query('INSERT INTO messages VALUES (1, "a")', { status: STATUS_OPEN });
    const sent = rig.command(query('CREATE TABLE `old`.messages LIKE old.notes'));
    rig.send();
    expect(rig.journal.log.at(-2)).toBe('written messages/*');
    rig.reply(sent);
    expect(texts(rig)).toEqual([
      'INSERT INTO messages VALUES (1, "a")',
      'CREATE TABLE `new`.messages LIKE `new`.notes',
    ]);
    expect(rig.units[1]?.writes).toEqual({ keys: [], tables: [], barriers: ['messages', 'notes'] });
    expect(rig.units[1]?.replays[0]?.context.database).toBe('new');
    expect(rig.doubts).toEqual([]);
  });

  it.each([
    ['a statement that failed', ADD, FAILED, []],
    [
      'one that may have been carried out in part',
      'DROP TABLE messages, notes',
      FAILED,
      ['messages', 'notes'],
    ],
    ['a table that stays', 'ALTER TABLE users ADD a INT', {}, []],
    ['tables that move and others', 'RENAME TABLE messages TO users', {}, ['messages']],
    ['a trigger', 'CREATE TRIGGER t AFTER INSERT ON messages FOR EACH ROW SET @a = 1', {}, ['messages']],
    ['a table of another database', 'CREATE TABLE elsewhere.messages (a INT)', {}, []],
    ['a temporary table', 'CREATE TEMPORARY TABLE messages (a INT)', {}, []],
  ])('are not replayed: %s', (_name, text, fields, doubted) => {
    const rig = new TapRig({ ddl: 'mirror' });
    rig.query(text, fields);
    expect(rig.units).toEqual([]);
    expect(rig.doubts).toEqual(doubted.map((table) => `table ${table}`));
    expect(rig.incidents.reports.filter(({ reason }) => reason === 'ddl')).toHaveLength(
      doubted.length > 0 ? 1 : 0,
    );
    expect(rig.journal.pending).toBe(0);
  });

  it('without an answer are in doubt; those that were not reached are not', () => {
    const rig = new TapRig({ ddl: 'mirror' });
    rig.tap.closed([rig.command(query(ADD))]);
    expect([rig.doubts, rig.journal.pending]).toEqual([['table messages'], 0]);
    const behind = new TapRig({ ddl: 'mirror' });
    behind.query(`INSERT INTO users VALUES (1); ${ADD}`, FAILED);
    expect([behind.doubts, behind.journal.pending, behind.units]).toEqual([[], 0, []]);
  });

  it('of other sessions leave the keys written meanwhile in doubt, where order counts', () => {
    const doubtsWith = (additive: boolean): readonly string[] => {
      const rig = new TapRig();
      const other = rig.writes.definitionSent(['messages'], { additive, program: false, writer: {} });
      rig.query(insert(1));
      rig.writes.definitions.answered(other);
      rig.query(insert(2));
      return rig.doubts;
    };
    expect([doubtsWith(false), doubtsWith(true)]).toEqual([['overlap 1'], []]);
  });

  it('of other sessions leave rows in any of the tables that they rename, and keys anywhere', () => {
    const doubtsOf = (text: string, fields = {}): readonly string[] => {
      const rig = new TapRig();
      rig.writes.definitionSent(['messages', 'notes'], { additive: false, program: false, writer: {} });
      rig.query(text, fields);
      return rig.doubts;
    };
    expect(doubtsOf(insert(1))).toEqual(['overlap 1,1']);
    expect(doubtsOf("INSERT INTO messages VALUES (1, 'a')")).toEqual(['overlap 1,1 messages,notes']);
    expect(doubtsOf("UPDATE messages SET folderid = 2 WHERE t = 'a'")).toEqual([
      'overlap 2,2 messages,notes',
    ]);
  });

  it('that come to nothing on the shadow are told of, counted and in doubt', () => {
    const rig = new TapRig({ ddl: 'mirror' });
    rig.query(ADD);
    const [unit] = rig.units;
    expect(rig.journal.pending).toBe(1);
    rig.definitions.failed(unit!, 'dropped_shadow_down');
    expect([rig.doubts, rig.journal.pending]).toEqual([['table messages'], 0]);
    expect(rig.incidents.counts()).toEqual({ ddl_failed: 1 });
    expect(rig.metrics.definitions.totals()).toMatchObject({ dropped_shadow_down: 1 });
  });

  it('of a temporary table leave the lasting one of that name alone', () => {
    const rig = new TapRig({ ddl: 'mirror' });
    rig.query('CREATE TEMPORARY TABLE messages (a INT)');
    rig.query(ADD);
    rig.query('DROP TABLE messages');
    expect([rig.units, rig.doubts]).toEqual([[], []]);
    rig.query('DROP TABLE messages');
    expect(texts(rig)).toEqual(['DROP TABLE messages']);
  });
});

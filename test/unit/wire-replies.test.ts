/** Replies that the server of the recordings can't be made to give, by the words of the manuals. */
import { describe, expect, it } from 'vitest';
import { CAPABILITY, MARIADB_CAPABILITY } from '../../src/wire/capabilities.ts';
import {
  column,
  eof,
  err,
  exchange,
  lenenc,
  ok,
  prepareOk,
  progress,
  query,
  run,
  stream,
  textRow,
} from '../harness/packet-writer.ts';
import { Conversation, cutAt, NO_CAPABILITIES, summaryOf } from '../harness/wire-replay.ts';
import type { Run } from '../harness/wire-session.ts';

const MORE = 0x8;
const CURSOR = 0x40;
const OUT_PARAMETERS = 0x1000;
const OLD = NO_CAPABILITIES;
const NEW = { base: OLD.base | CAPABILITY.DEPRECATE_EOF, mariadb: 0 };
const OPTIONAL = { base: OLD.base | CAPABILITY.OPTIONAL_RESULTSET_METADATA, mariadb: 0 };
const OPTIONAL_NEW = { base: NEW.base | CAPABILITY.OPTIONAL_RESULTSET_METADATA, mariadb: 0 };
const CACHED = { base: OLD.base, mariadb: MARIADB_CAPABILITY.CACHE_METADATA };

const EXECUTE = Buffer.from('1700000000000100000000', 'hex');
const NO_ROWS = { ok: true, errno: 0, affectedRows: 0, insertId: 0, status: 2, warnings: 0, rows: 0 };

const converse = (capabilities: typeof OLD, ...runs: Run[]): Conversation =>
  new Conversation(capabilities).feedAll(runs);

/** Feeds the runs whole and split at every byte, and answers the results of the last exchange. */
function resultsOf(capabilities: typeof OLD, ...runs: Run[]) {
  const whole = converse(capabilities, ...runs);
  expect(whole.lost).toBeNull();
  expect(whole.atRest).toBe(true);
  const expected = whole.answered.map(summaryOf);
  runs.forEach((one, index) => {
    for (let at = 1; at < one.bytes.length; at += 1) {
      const split = converse(
        capabilities,
        ...runs.slice(0, index),
        ...cutAt(one, at),
        ...runs.slice(index + 1),
      );
      expect(split.answered.map(summaryOf)).toEqual(expected);
    }
  });
  return expected.at(-1)?.results;
}

describe('result sets', () => {
  const rows = [textRow(['1', null]), textRow([null, 'x'])];
  const columns = [column('a'), column('b')];

  it.each([
    ['MySQL sends the metadata', OPTIONAL, [Buffer.of(2, 1), ...columns, eof(), ...rows, eof()]],
    ['MySQL leaves it out', OPTIONAL, [Buffer.of(2, 0), eof(), ...rows, eof()]],
    ['MySQL leaves it out, without EOFs', OPTIONAL_NEW, [Buffer.of(2, 0), ...rows, ok({}, 0xfe)]],
    ['MariaDB sends it again', CACHED, [Buffer.of(2, 1), ...columns, eof(), ...rows, eof()]],
    ['MariaDB leaves it to the cache', CACHED, [Buffer.of(2, 0), eof(), ...rows, eof()]],
  ])('%s', (_name, capabilities, reply) => {
    expect(resultsOf(capabilities, ...exchange(query('SELECT'), ...reply))).toEqual([
      { ...NO_ROWS, rows: 2, resultSet: true },
    ]);
  });

  it('have up to 4096 columns', () => {
    const many = Array.from({ length: 4096 }, (_, index) => column(`c${index}`));
    const conversation = converse(
      NEW,
      ...exchange(query('SELECT'), lenenc(4096), ...many, textRow(many.map(() => null)), ok({}, 0xfe)),
    );
    expect(conversation.answered.map((one) => one.rows)).toEqual([1]);
  });

  it('end by session state of any length, where EOFs are deprecated', () => {
    const tail = Buffer.concat([lenenc(0), lenenc(3000), Buffer.alloc(3000, 0x01)]);
    const end = ok({ status: 0x4002, warnings: 3, tail }, 0xfe);
    const results = resultsOf(NEW, ...exchange(query('SELECT'), lenenc(1), column('a'), textRow(['x']), end));
    expect(results).toEqual([{ ...NO_ROWS, status: 0x4002, warnings: 3, rows: 1, resultSet: true }]);
  });

  it('end by an old EOF where a handler cut them short, though EOFs are deprecated', () => {
    const short = [lenenc(1), column('a'), textRow(['x']), eof({ status: 2 | MORE })];
    const results = resultsOf(NEW, ...exchange(query('CALL p()'), ...short, ok()));
    expect(results?.map((result) => [result.ok, result.rows, result.resultSet])).toEqual([
      [true, 1, true],
      [true, 0, false],
    ]);
  });

  it('may begin with what looks like an end in a row of 16 MiB and more', () => {
    const long = Buffer.alloc(0xff_ffff + 5, 0x61);
    // The first column's length of nine bytes begins with 0xfe, and so does the whole row.
    const row = textRow([long]);
    expect(row[0]).toBe(0xfe);
    for (const capabilities of [OLD, NEW]) {
      const end = capabilities === NEW ? [ok({}, 0xfe)] : [eof()];
      const afterColumns = capabilities === NEW ? [] : [eof()];
      const reply = [lenenc(1), column('a'), ...afterColumns, textRow(['x']), row, textRow(['y']), ...end];
      const runs = exchange(query('SELECT'), ...reply);
      expect(converse(capabilities, ...runs).answered.map((one) => one.rows)).toEqual([3]);
      const [command, answer] = runs as [Run, Run];
      for (const at of [80, 90, 0xff_ffff, 0xff_ffff + 60, answer.bytes.length - 12]) {
        const split = converse(capabilities, command, ...cutAt(answer, at));
        expect(split.answered.map((one) => one.rows)).toEqual([3]);
      }
    }
  });

  it.each([0xff_ffff, 2 * 0xff_ffff])(
    'may hold a row of exactly %d bytes, which an empty packet ends',
    (length) => {
      const row = Buffer.concat([Buffer.of(0), Buffer.alloc(length - 1, 0xff)]);
      const runs = exchange(EXECUTE, lenenc(1), column('a'), eof(), row, Buffer.of(0, 0, 1), eof());
      const conversation = converse(OLD, ...runs);
      expect(conversation.lost).toBeNull();
      expect(conversation.answered.map((one) => one.rows)).toEqual([2]);
    },
  );

  it('fail before the first row, after some, and in place of the columns', () => {
    const failed = { ...NO_ROWS, ok: false, errno: 1105, status: 0 };
    const open = [lenenc(1), column('a'), eof()];
    expect(resultsOf(OLD, ...exchange(query('S'), ...open, err(1105)))).toEqual([
      { ...failed, resultSet: true },
    ]);
    expect(resultsOf(OLD, ...exchange(query('S'), ...open, textRow(['x']), err(1105)))).toEqual([
      { ...failed, rows: 1, resultSet: true },
    ]);
    expect(resultsOf(OLD, ...exchange(query('S'), lenenc(2), column('a'), err(1105)))).toEqual([
      { ...failed, resultSet: true },
    ]);
  });

  it('hand their rows to a sink, byte for byte', () => {
    const long = textRow(['y'.repeat(5000)]);
    const reply = [lenenc(1), column('a'), eof(), textRow(['x']), long, textRow(['z']), eof()];
    const [command, answer] = exchange(query('SELECT'), ...reply) as [Run, Run];
    for (let at = 1; at < answer.bytes.length; at += 1) {
      const seen: Buffer[] = [];
      let rows = 0;
      const conversation = new Conversation(OLD);
      conversation.feed(command);
      const sink = {
        bytes: (chunk: Buffer, from: number, to: number) =>
          void seen.push(Buffer.from(chunk.subarray(from, to))),
        endRow() {
          rows += 1;
        },
      };
      for (const one of conversation.commands) one.rowSink = sink;
      for (const piece of cutAt(answer, at)) conversation.feed(piece);
      if (rows !== 3 || !Buffer.concat(seen).equals(Buffer.concat([textRow(['x']), long, textRow(['z'])]))) {
        expect.fail(`other rows when cut at ${at}: ${rows}`);
      }
    }
  });
});

describe('several results', () => {
  it('keep each its own summary, up to an error', () => {
    const set = [
      lenenc(1),
      column('a'),
      eof({ status: 2 | MORE }),
      textRow(['x']),
      eof({ status: 2 | MORE, warnings: 1 }),
    ];
    const reply = [
      ok({ affectedRows: 300, insertId: 70_000, status: 2 | MORE, warnings: 5 }),
      ...set,
      err(1062),
    ];
    expect(resultsOf(OLD, ...exchange(query('A; B; C'), ...reply))).toEqual([
      { ...NO_ROWS, affectedRows: 300, insertId: 70_000, status: 2 | MORE, warnings: 5, resultSet: false },
      { ...NO_ROWS, status: 2 | MORE, warnings: 1, rows: 1, resultSet: true },
      { ...NO_ROWS, ok: false, errno: 1062, status: 0, resultSet: false },
    ]);
  });

  it('hold the OUT parameters of a procedure before its OK', () => {
    const out = 2 | MORE | OUT_PARAMETERS;
    const set = [lenenc(1), column('b'), eof({ status: out }), Buffer.of(0, 0, 7), eof({ status: out })];
    const results = resultsOf(OLD, ...exchange(EXECUTE, ...set, ok()));
    expect(results?.map((result) => [result.resultSet, result.rows])).toEqual([
      [true, 1],
      [false, 0],
    ]);
  });

  it('are counted, and kept up to a bound', () => {
    const results = Array.from({ length: 5000 }, () => ok({ status: 2 | MORE, affectedRows: 1 }));
    const conversation = converse(OLD, ...exchange(query('CALL p()'), ...results, ok({ affectedRows: 9 })));
    const [answer] = conversation.answered;
    expect(answer?.results).toBe(5001);
    expect(answer?.earlier?.length).toBe(1024);
    expect(answer?.affectedRows).toBe(9);
  });
});

describe('counts', () => {
  it.each([0, 250, 251, 0xffff, 0x1_0000, 0xff_ffff, 0x100_0000, 2 ** 40])(
    'of %d are read as numbers',
    (value) => {
      const [result] = converse(
        OLD,
        ...exchange(query('I'), ok({ affectedRows: value, insertId: value })),
      ).answered;
      expect([result?.affectedRows, result?.insertId]).toEqual([value, value]);
    },
  );

  it('keep their digits past the safe integers', () => {
    const ids = [2n ** 53n, 2n ** 53n + 1n, 2n ** 63n + 5n, 2n ** 64n - 1n];
    for (const id of ids) {
      const [result] = converse(OLD, ...exchange(query('I'), ok({ insertId: id }))).answered;
      expect(BigInt(result?.insertId ?? 0)).toBe(id);
    }
    const [safe] = converse(OLD, ...exchange(query('I'), ok({ insertId: 2 ** 53 - 1 }))).answered;
    expect(safe?.insertId).toBe(2 ** 53 - 1);
  });
});

describe('cursors', () => {
  const open = { status: 2 | CURSOR };

  it('end the reply that opens them behind the columns', () => {
    const expected = [{ ...NO_ROWS, status: 2 | CURSOR, resultSet: true }];
    expect(resultsOf(OLD, ...exchange(EXECUTE, lenenc(1), column('a'), eof(open)))).toEqual(expected);
    expect(resultsOf(NEW, ...exchange(EXECUTE, lenenc(1), column('a'), ok(open, 0xfe)))).toEqual(expected);
  });

  it('fetch rows without columns, none, or an error', () => {
    const fetch = Buffer.from('1c0100000002000000', 'hex');
    const row = Buffer.of(0, 0, 5);
    expect(resultsOf(OLD, ...exchange(fetch, row, row, eof(open)))?.[0]).toMatchObject({ rows: 2, ok: true });
    expect(resultsOf(NEW, ...exchange(fetch, row, ok({ status: 0x82 }, 0xfe)))?.[0]).toMatchObject({
      rows: 1,
    });
    expect(resultsOf(NEW, ...exchange(fetch, ok({ status: 0x82 }, 0xfe)))?.[0]).toMatchObject({ rows: 0 });
    expect(resultsOf(NEW, ...exchange(fetch, err(1421)))?.[0]).toMatchObject({ ok: false, errno: 1421 });
  });
});

describe('prepares', () => {
  const prepare = Buffer.from('\x16SELECT ?');
  it.each([
    ['with EOFs', OLD, [prepareOk(9, 2, 1), column('?'), eof(), column('a'), column('b'), eof()]],
    ['without EOFs', NEW, [prepareOk(9, 2, 1), column('?'), column('a'), column('b')]],
    ['MySQL sends the metadata', OPTIONAL, [prepareOk(9, 1, 1, 1), column('?'), eof(), column('a'), eof()]],
    // Against the manual's silence: MySQL 9.7 sends the EOFs all the same.
    ['MySQL leaves it out', OPTIONAL, [prepareOk(9, 2, 1, 0), eof(), eof()]],
    ['MySQL leaves it out, without columns', OPTIONAL, [prepareOk(9, 0, 1, 0), eof()]],
    ['MySQL leaves it out, without EOFs', OPTIONAL_NEW, [prepareOk(9, 2, 1, 0)]],
    ['MariaDB has no flag here', CACHED, [prepareOk(9, 1, 1), column('?'), eof(), column('a'), eof()]],
  ])('%s', (_name, capabilities, reply) => {
    const runs = exchange(prepare, ...reply);
    resultsOf(capabilities, ...runs);
    const [answer] = converse(capabilities, ...runs).answered.map(summaryOf);
    expect(answer?.statement).toEqual({ id: 9, parameters: 1 });
  });
});

describe('single packets', () => {
  const setOption = Buffer.of(0x1b, 0, 0);

  it('hold an EOF, or the OK in its place', () => {
    const end = { status: 3, warnings: 7 };
    expect(resultsOf(OLD, ...exchange(setOption, eof(end)))?.[0]).toMatchObject(end);
    expect(resultsOf(NEW, ...exchange(setOption, ok(end, 0xfe)))?.[0]).toMatchObject(end);
    const tail = Buffer.concat([lenenc(0), lenenc(900), Buffer.alloc(900)]);
    expect(resultsOf(NEW, ...exchange(setOption, ok({ ...end, tail }, 0xfe)))?.[0]).toMatchObject(end);
  });

  it('hold a text for COM_STATISTICS', () => {
    expect(resultsOf(OLD, ...exchange(Buffer.of(9), Buffer.from('Uptime: 1')))?.[0]).toMatchObject({
      ok: true,
    });
  });
});

describe('data of the client', () => {
  const load = query('LOAD DATA LOCAL INFILE');
  const request = run('server', [Buffer.from('\xfbfile', 'latin1')], 1);

  it('is a file up to an empty packet', () => {
    const file = run('client', [Buffer.from('1\n'), Buffer.from('\x03SELECT'), Buffer.alloc(0)], 2);
    const runs = [run('client', [load], 0), request, file, run('server', [ok({ affectedRows: 2 })], 5)];
    expect(resultsOf(OLD, ...runs)).toEqual([{ ...NO_ROWS, affectedRows: 2, resultSet: false }]);
  });

  it('may hold a full packet, whose rest may be empty and ends no file', () => {
    const file = run('client', [Buffer.alloc(0xff_ffff, 0x31), Buffer.from('2\n'), Buffer.alloc(0)], 2);
    const ping = [run('client', [Buffer.of(0x0e)], 0), run('server', [ok()], 1)];
    const conversation = converse(
      OLD,
      run('client', [load], 0),
      request,
      file,
      run('server', [ok()], 6),
      ...ping,
    );
    expect(conversation.lost).toBeNull();
    expect(conversation.answered.map((one) => one.type)).toEqual([3, 0x0e]);
  });

  it('may be refused by either side, and asked for again', () => {
    const again = [
      run('client', [Buffer.alloc(0)], 2),
      run('server', [ok({ status: 2 | MORE }), Buffer.from('\xfbb', 'latin1')], 3),
    ];
    const end = [run('client', [Buffer.from('x'), Buffer.alloc(0)], 5), run('server', [err(1146)], 7)];
    const results = resultsOf(OLD, run('client', [load], 0), request, ...again, ...end);
    expect(results?.map((result) => result.errno)).toEqual([0, 1146]);
  });

  it('answers the authentication of COM_CHANGE_USER, in any number of rounds', () => {
    const switchTo = Buffer.from('\xfeplugin\0scramble\0', 'latin1');
    const runs = [
      run('client', [Buffer.from('\x11u\0\0d\0')], 0),
      run('server', [switchTo], 1),
      run('client', [Buffer.from('token')], 2),
      run('server', [Buffer.of(1, 4)], 3),
      run('client', [Buffer.from('more')], 4),
      run('server', [Buffer.of(2, 0x70, 0)], 5),
      run('client', [Buffer.alloc(0)], 6),
      run('server', [Buffer.of(1, 3), ok({ status: 0x4002 })], 7),
      ...exchange(Buffer.of(0x0e), ok()),
    ];
    const conversation = converse(OLD, ...runs);
    expect(conversation.lost).toBeNull();
    expect(conversation.answered.map((one) => [one.type, one.status])).toEqual([
      [0x11, 0x4002],
      [0x0e, 2],
    ]);
    resultsOf(OLD, ...runs);
  });
});

describe('packets between the others', () => {
  it('report progress, anywhere in a reply, and count for nothing', () => {
    const set = [lenenc(1), column('a'), progress('b'), eof(), textRow(['x']), progress('c'), eof()];
    expect(resultsOf(OLD, ...exchange(query('ALTER'), progress('a'), ...set))?.[0]).toMatchObject({
      ok: true,
      rows: 1,
    });
  });

  it('say that the server ends the connection, whatever their number', () => {
    for (const sequence of [0, 1, 2, 77]) {
      const idle = converse(OLD, ...exchange(Buffer.of(0x0e), ok()), run('server', [err(1927)], sequence));
      expect([idle.lost, idle.unsolicited]).toEqual([null, [1927]]);
      const crossing = converse(
        OLD,
        run('client', [query('SELECT 1')], 0),
        run('server', [err(1053)], sequence),
      );
      expect(crossing.lost).toBeNull();
      expect(crossing.answered.map((one) => one.errno)).toEqual([1053]);
    }
  });
});

describe('commands ahead of their replies', () => {
  it('are answered in order, those without a reply in their place', () => {
    const close = Buffer.from('1901000000', 'hex');
    const commands = [Buffer.of(0x0e), close, query('SELECT 1'), close, Buffer.of(0x0e), close];
    const sent = commands.map((command) => run('client', [command], 0));
    const set = [lenenc(1), column('a'), eof(), textRow(['1']), eof()];
    const conversation = converse(OLD, ...sent);
    expect(conversation.replies.pending).toBe(6);
    expect(conversation.replies.waiting().map((one) => one.type)).toEqual([0x0e, 0x19, 3, 0x19, 0x0e, 0x19]);
    conversation.feed({
      from: 'server',
      bytes: Buffer.concat([stream([ok()], 1), stream(set, 1), stream([ok()], 1)]),
    });
    expect(conversation.answered.map((one) => one.type)).toEqual([0x0e, 0x19, 3, 0x19, 0x0e, 0x19]);
    expect(conversation.atRest).toBe(true);
  });

  it('are kept track of by the thousand', () => {
    const pings = Array.from({ length: 3000 }, () => run('client', [Buffer.of(0x0e)], 0));
    const conversation = converse(OLD, ...pings);
    for (let left = 3000; left > 0; left -= 1) {
      expect(conversation.replies.pending).toBe(left);
      conversation.feed(run('server', [ok({ affectedRows: left })], 1));
    }
    expect(conversation.answered.map((one) => one.affectedRows)).toEqual(
      pings.map((_, index) => 3000 - index),
    );
  });
});

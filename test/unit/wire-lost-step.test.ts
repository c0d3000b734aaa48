/** Bytes that no server and no client sends: the readers stop, and have not said anything wrong by then. */
import { describe, expect, it } from 'vitest';
import { CAPABILITY } from '../../src/wire/capabilities.ts';
import {
  column,
  eof,
  err,
  exchange,
  lenenc,
  ok,
  prepareOk,
  query,
  run,
  stream,
  textRow,
} from '../harness/packet-writer.ts';
import { Conversation, cutAt, NO_CAPABILITIES } from '../harness/wire-replay.ts';
import type { Run } from '../harness/wire-session.ts';

const NEW = { base: NO_CAPABILITIES.base | CAPABILITY.DEPRECATE_EOF, mariadb: 0 };
const PING = Buffer.of(0x0e);
const PREPARE = Buffer.from('\x16SELECT 1');
const FETCH = Buffer.from('1c0100000002000000', 'hex');
const FIELDS = Buffer.from('\x04t\0');
const SET = [lenenc(1), column('a'), eof(), textRow(['x']), textRow(['y']), eof()];

const converse = (runs: readonly Run[], capabilities = NO_CAPABILITIES): Conversation =>
  new Conversation(capabilities).feedAll(runs);

/** What is wrong, what was asked, and what is answered. */
const WRONG: readonly (readonly [string, readonly Buffer[], readonly Buffer[]])[] = [
  ['nothing was asked', [], [ok()]],
  ['an OK is cut short', [PING], [Buffer.of(0, 0, 0, 2)]],
  ['an OK counts by a byte that counts nothing', [PING], [Buffer.of(0, 0xff, 0, 2, 0, 0, 0)]],
  ['an EOF is cut short', [Buffer.of(0x0d)], [Buffer.of(0xfe, 0, 0)]],
  ['an ERR is cut short', [PING], [Buffer.of(0xff, 1)]],
  ['an answer is empty', [PING], [Buffer.alloc(0)]],
  ['a query is answered by an EOF', [query('S')], [eof()]],
  ['a query is answered by no columns', [query('S')], [Buffer.of(0xfc, 0, 0)]],
  ['a query is answered by a column count cut short', [query('S')], [Buffer.of(0xfc, 1)]],
  ['a query is answered by too many columns', [query('S')], [lenenc(0x1_0000)]],
  ['a query is answered by nothing', [query('S')], [Buffer.alloc(0)]],
  ['a column is an EOF', [query('S')], [lenenc(2), column('a'), eof()]],
  ['a column is empty', [query('S')], [lenenc(2), column('a'), Buffer.alloc(0)]],
  ['columns do not end', [query('S')], [lenenc(1), column('a'), column('b')]],
  ['rows begin where columns end', [query('S')], [lenenc(1), column('a'), textRow(['x'])]],
  ['a row is empty', [query('S')], [lenenc(1), column('a'), eof(), Buffer.alloc(0)]],
  ['the end of the rows is cut short', [query('S')], [lenenc(1), column('a'), eof(), Buffer.of(0xfe, 0)]],
  ['a prepare is answered by a column count', [PREPARE], [lenenc(1)]],
  ['a prepare is answered by a short OK', [PREPARE], [prepareOk(1, 0, 0).subarray(0, 7)]],
  ['a parameter is an EOF', [PREPARE], [prepareOk(1, 0, 2), column('?'), eof()]],
  ['parameters do not end', [PREPARE], [prepareOk(1, 1, 1), column('?'), column('a')]],
  ['a field is empty', [FIELDS], [Buffer.alloc(0)]],
  ['fields end short', [FIELDS], [column('a'), Buffer.of(0xfe)]],
];

/** Whole and split at every byte: the server's step is lost, and no reply was made of it. */
function expectNothing(sent: readonly Run[], answer: Run): void {
  for (let at = 1; at <= answer.bytes.length; at += 1) {
    const { lost, answered } = converse([...sent, ...cutAt(answer, at)]);
    expect([at, lost, answered.length]).toEqual([at, 'server', 0]);
  }
}

describe('the reply reader stops', () => {
  it.each(WRONG)('where %s', (_name, commands, reply) => {
    const sent = commands.map((command) => run('client', [command], 0));
    expectNothing(sent, run('server', reply, 1));
  });

  it('at a wrong packet number, wherever in a reply it stands', () => {
    SET.forEach((_, wrong) => {
      for (const other of [0, 7, 255]) {
        const numbered = SET.map((payload, index) => stream([payload], index === wrong ? other : index + 1));
        const conversation = converse([
          run('client', [query('S')], 0),
          { from: 'server', bytes: Buffer.concat(numbered) },
        ]);
        expect([conversation.lost, conversation.answered.length]).toEqual(['server', 0]);
      }
    });
  });

  it('where a reply opens by another number than its command leads to', () => {
    const cases: readonly (readonly [Buffer, readonly Buffer[]])[] = [
      [PING, [ok()]],
      [query('S'), SET],
      [PREPARE, [prepareOk(1, 0, 0)]],
      [FETCH, [Buffer.of(0, 0, 1), eof()]],
      [FIELDS, [column('a'), eof()]],
    ];
    for (const [command, reply] of cases) {
      for (const opening of [0, 2, 255]) {
        const answer = run('server', reply, opening);
        expectNothing([run('client', [command], 0)], answer);
      }
    }
  });

  it('at a second answer, of whatever number', () => {
    for (const second of [1, 2]) {
      const runs = [...exchange(PING, ok({ affectedRows: 5 })), run('server', [ok()], second)];
      const conversation = converse(runs);
      expect(conversation.lost).toBe('server');
      expect(conversation.answered.map((one) => one.affectedRows)).toEqual([5]);
    }
  });

  it('before it takes a packet too many for the reply to the next command', () => {
    const commands = [run('client', [PING], 0), run('client', [query('DELETE')], 0)];
    const extra = [
      stream([ok({ affectedRows: 1 }), ok({ affectedRows: 2 })], 1),
      stream([ok({ affectedRows: 3 })], 1),
    ];
    const conversation = converse([...commands, { from: 'server', bytes: Buffer.concat(extra) }]);
    expect(conversation.lost).toBe('server');
    expect(conversation.answered.map((one) => [one.type, one.affectedRows])).toEqual([[0x0e, 1]]);
  });

  it('at a full packet where no packet is ever so long', () => {
    const full = Buffer.alloc(0xff_ffff + 1, 0x03);
    for (const reply of [[full], [lenenc(1), full]]) {
      expect(converse(exchange(query('S'), ...reply)).lost).toBe('server');
    }
  });

  it('where old and new ends of rows are confused', () => {
    // Without DEPRECATE_EOF a packet of nine bytes and more is a row, whatever it begins with.
    const reply = [lenenc(1), column('a'), eof(), ok({ tail: Buffer.alloc(4) }, 0xfe)];
    const unended = converse(exchange(query('S'), ...reply));
    expect([unended.lost, unended.answered.length, unended.replies.pending]).toEqual([null, 0, 1]);
    const eofAfterColumns = converse(
      exchange(query('S'), lenenc(1), column('a'), eof(), textRow(['x'])),
      NEW,
    );
    expect(eofAfterColumns.lost).toBe('server');
  });
});

describe('the command reader stops', () => {
  it.each([1, 2, 255])('at a command with number %d', (sequence) => {
    const conversation = converse([run('client', [PING], sequence)]);
    expect([conversation.lost, conversation.commands.length]).toEqual(['client', 0]);
  });

  it('where the rest of a long command has a wrong number', () => {
    const [command] = exchange(Buffer.concat([query(''), Buffer.alloc(0xff_ffff)])) as [Run];
    expect(converse([command]).commands.map((one) => one.length)).toEqual([0x100_0000]);
    const bytes = Buffer.from(command.bytes);
    bytes[0xff_ffff + 4 + 3] = 2;
    const conversation = converse([{ from: 'client', bytes }]);
    expect([conversation.lost, conversation.commands.length]).toEqual(['client', 0]);
  });

  it('at data that the server did not ask for', () => {
    const sent = [run('client', [query('LOAD')], 0), run('server', [err(3948)], 1)];
    expect(converse([...sent, run('client', [Buffer.alloc(0)], 2)]).lost).toBe('client');
  });

  it('at an authentication answer behind the end of COM_CHANGE_USER', () => {
    const sent = [run('client', [Buffer.from('\x11u\0\0d\0')], 0), run('server', [ok()], 1)];
    expect(converse([...sent, run('client', [Buffer.from('token')], 2)]).lost).toBe('client');
  });
});

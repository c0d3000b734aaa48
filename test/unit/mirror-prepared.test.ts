/** Prepared statements: those of a session, the values sent ahead of them, and those that a lane holds. */
import { describe, expect, it } from 'vitest';
import { ByteRoom } from '../../src/mirror/byte-room.ts';
import type { LaneLink } from '../../src/mirror/lane-link.ts';
import { LongData } from '../../src/mirror/long-data.ts';
import { PreparedOnLane } from '../../src/mirror/prepared-on-lane.ts';
import { type PreparedStatement, PreparedStatements } from '../../src/mirror/prepared-statements.ts';
import { makeContext } from '../../src/mirror/replay-context.ts';
import { Lexed } from '../../src/sql/lexed.ts';
import { Exchange } from '../../src/wire/exchange.ts';
import { COM } from '../../src/wire/protocol.ts';
import { planOf, preparedOf, replayOf } from '../harness/mirror-kit.ts';

const LAST = 0xffff_ffff;
const roomy = (): ByteRoom => new ByteRoom(1 << 30);

function prepared(text = 'SELECT ?'): PreparedStatement {
  return {
    plan: planOf(text),
    sql: Buffer.from(text),
    lexed: new Lexed().clone(),
    effects: [],
    database: null,
    words: '',
    parameterCount: 0,
    boundTypes: null,
    longData: new LongData(),
    whole: null,
  };
}

function reply(statementId: number, parameterCount = 1): Exchange<null> {
  const exchange = new Exchange<null>(COM.STMT_PREPARE, Buffer.of(COM.STMT_PREPARE), 1);
  return Object.assign(exchange, { ok: true, statementId, parameterCount });
}

const valuesOf = ({ longData }: PreparedStatement): Record<string, string> =>
  Object.fromEntries([...longData.values()].map(([ordinal, value]) => [ordinal, value.toString()]));

describe('a session’s prepared statements', () => {
  it('are found by the server’s id from the answer on, and by the last id at once', () => {
    const held = new PreparedStatements(100, roomy());
    const [first, second] = [prepared(), prepared()];
    held.sent(first);
    expect([held.find(7), held.find(LAST)]).toEqual([null, first]);
    expect(held.answered(first, reply(7, 3))).toBe(true);
    expect([held.find(7), first.parameterCount]).toEqual([first, 3]);
    held.sent(second);
    expect([held.find(7), held.find(LAST)]).toEqual([first, second]);
    held.sent(null);
    expect(held.find(LAST)).toBeNull();
  });

  it('go when they are closed, when their id is given anew, and with the session', () => {
    const held = new PreparedStatements(100, roomy());
    const [first, second] = [prepared(), prepared()];
    held.answered(first, reply(1));
    held.answered(second, reply(1));
    expect(held.find(1)).toBe(second);
    held.close(1);
    held.close(1);
    expect(held.find(1)).toBeNull();
    held.answered(first, reply(2));
    held.clear();
    expect([held.find(2), held.find(LAST)]).toEqual([null, null]);
  });

  it('are bounded in number', () => {
    const held = new PreparedStatements(100, roomy());
    const statement = prepared();
    for (let id = 1; id <= 20_000; id++) held.answered(statement, reply(id));
    expect(held.answered(statement, reply(20_001))).toBe(false);
    expect(held.find(20_001)).toBeNull();
    held.close(5);
    expect(held.answered(statement, reply(20_001))).toBe(true);
  });

  it('are bounded in bytes', () => {
    const held = new PreparedStatements(100, roomy());
    const large = { ...prepared(), sql: Buffer.alloc(9 * 1024 * 1024) };
    expect(held.answered(large, reply(1))).toBe(true);
    expect(held.answered(large, reply(2))).toBe(false);
    held.close(1);
    expect(held.answered(large, reply(2))).toBe(true);
  });

  it('are bounded in bytes over all sessions, and give back what they took', () => {
    const room = new ByteRoom(6000);
    const [one, other] = [new PreparedStatements(100, room), new PreparedStatements(100, room)];
    const text = 'x'.repeat(1000);
    expect([one.answered(prepared(text), reply(1)), other.answered(prepared(text), reply(1))]).toEqual([
      true,
      false,
    ]);
    one.clear();
    one.clear();
    expect(other.answered(prepared(text), reply(1))).toBe(true);
    other.answered(prepared('short'), reply(1));
    other.close(1);
    expect(room.left).toBe(6000);
  });

  it('count what is known of their literals', () => {
    const held = new PreparedStatements(100, roomy());
    const lexed = new Lexed();
    lexed.literals = new Int32Array(5 * 1024 * 1024);
    expect(held.answered({ ...prepared(), lexed }, reply(1))).toBe(false);
  });

  it('gather the values that are sent ahead of them, piece by piece', () => {
    const held = new PreparedStatements(100, roomy());
    const statement = prepared();
    held.answered(statement, reply(1));
    held.longData(1, 0, Buffer.from('ab'), true);
    held.longData(1, 2, Buffer.from('x'), true);
    held.longData(1, 0, Buffer.from('cd'), true);
    held.longData(99, 0, Buffer.from('nobody'), true);
    expect(valuesOf(statement)).toEqual({ 0: 'abcd', 2: 'x' });
    expect([statement.longData.has(0), statement.longData.has(1), statement.longData.complete]).toEqual([
      true,
      false,
      true,
    ]);
    held.clearLongData(statement);
    expect(valuesOf(statement)).toEqual({});
  });

  it('bound those values over all of them together, and know which were sent even so', () => {
    const held = new PreparedStatements(10, roomy());
    const [one, other] = [prepared(), prepared()];
    held.answered(one, reply(1));
    held.answered(other, reply(2));
    held.longData(1, 0, Buffer.alloc(6), true);
    held.longData(2, 0, Buffer.alloc(4), true);
    expect([one.longData.complete, other.longData.complete]).toEqual([true, true]);
    held.longData(2, 1, Buffer.alloc(1), true);
    expect([one.longData.complete, other.longData.complete]).toEqual([true, false]);
    expect([other.longData.has(0), other.longData.has(1), other.longData.bytes]).toEqual([true, true, 0]);
    // What was let go is room again.
    held.longData(1, 0, Buffer.alloc(4), true);
    expect([one.longData.complete, one.longData.bytes]).toEqual([true, 10]);
    held.clearLongData(other);
    held.clearLongData(one);
    held.longData(2, 1, Buffer.alloc(10), true);
    expect([other.longData.complete, other.longData.bytes]).toEqual([true, 10]);
    held.close(2);
    held.longData(1, 0, Buffer.alloc(10), true);
    expect(one.longData.complete).toBe(true);
  });

  it('can’t be replayed with a value of which only the beginning is at hand', () => {
    const held = new PreparedStatements(100, roomy());
    const statement = prepared();
    held.answered(statement, reply(1));
    held.longData(1, 3, Buffer.from('begin'), false);
    held.longData(1, 3, Buffer.from('end'), true);
    expect([statement.longData.complete, statement.longData.has(3), statement.longData.bytes]).toEqual([
      false,
      true,
      0,
    ]);
  });
});

describe('a lane’s prepared statements', () => {
  const contextA = makeContext('a', null, new Map());
  const contextB = makeContext('b', null, new Map());
  const replay = (text: string, context = contextA) =>
    replayOf('SELECT 1', { context, prepared: preparedOf(text, []) });

  function createRig(max: number) {
    const closed: number[] = [];
    const link = { sendOnly: (payload: Buffer) => closed.push(payload.readUInt32LE(1)) };
    return { closed, held: new PreparedOnLane(link as unknown as LaneLink, max) };
  }

  it('are known by their text in their context', () => {
    const { held } = createRig(10);
    held.add(replay('SELECT ?'), 4);
    expect(held.id(replay('SELECT ?'))).toBe(4);
    expect(held.id(replay('SELECT ?, ?'))).toBeNull();
    expect(held.id(replay('SELECT ?', contextB))).toBeNull();
    expect(held.id(replayOf('SELECT 1'))).toBeNull();
  });

  it('are closed on the server, all of them, when there is no room for another', () => {
    const { held, closed } = createRig(2);
    held.add(replay('one'), 1);
    held.add(replay('two', contextB), 2);
    expect(held.missing([replay('one')])).toEqual([]);
    expect(closed).toEqual([]);
    const missing = held.missing([replay('three')]);
    expect(closed).toEqual([1, 2]);
    held.add(missing[0]!, 3);
    expect([held.id(replay('one')), held.id(replay('three'))]).toEqual([null, 3]);
    held.add(replay('four'), 4);
    expect(held.id(replay('three'))).toBe(3);
  });

  it('are missing once for each text, and anew where room was made for them', () => {
    const { held, closed } = createRig(2);
    const textsOf = (texts: readonly string[]) =>
      held.missing(texts.map((text) => replay(text))).map(({ prepared }) => prepared?.text);
    expect(textsOf(['one', 'one'])).toEqual(['one']);
    held.add(replay('one'), 1);
    held.add(replay('gone'), 2);
    expect(textsOf(['one', 'two', 'two'])).toEqual(['one', 'two']);
    expect(closed).toEqual([1, 2]);
  });

  it('are forgotten when the connection is reset, which closed them', () => {
    const { held, closed } = createRig(1);
    held.add(replay('one'), 1);
    held.forget();
    expect(held.id(replay('one'))).toBeNull();
    held.add(replay('two'), 2);
    expect(closed).toEqual([]);
  });
});

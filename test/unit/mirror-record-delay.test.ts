/**
 * Invariant 4 inside transactions: keys may wait for the journal while a rollback would undo their writes, and are on
 * record before anything is sent that makes them last. Against a model of a server that carries out what it is sent
 * at once, and answers when the dice say so.
 */
import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import type { Statement } from '../../src/mirror/statement.ts';
import { CAPABILITY } from '../../src/wire/capabilities.ts';
import { Exchange } from '../../src/wire/exchange.ts';
import { COM } from '../../src/wire/protocol.ts';
import { executePayload, okResult, STATUS_AUTOCOMMIT, STATUS_OPEN } from '../harness/mirror-kit.ts';
import { query, TapRig } from '../harness/tap-rig.ts';

type Reply = Partial<Exchange<Statement>>;
const OPEN = { status: STATUS_OPEN };
const insert = (key: number, table = 'messages'): string => `INSERT INTO ${table} (folderid) VALUES (${key})`;

/** Errors: one that undoes the statement alone, a deadlock, and one of which nobody knows what it undoes. */
const ERRORS = [1062, 1213, 9999] as const;
const DEADLOCK = 1213;
const UNKNOWN = 9999;

/** What a server does with its session's transaction. */
class ModelServer {
  #autocommit = true;
  #open = false;
  #pending: string[] = [];
  readonly lasting: string[] = [];
  prepared = true;

  write(key: string, transactional: boolean): void {
    if (!transactional || (this.#autocommit && !this.#open)) this.lasting.push(key);
    else this.#pending.push(key);
    this.#open ||= !this.#autocommit;
  }

  commit(opens = false): void {
    this.lasting.push(...this.#pending);
    this.rollback();
    this.#open = opens;
  }

  rollback(): void {
    this.#pending = [];
    this.#open = false;
  }

  setAutocommit(on: boolean): void {
    if (on && !this.#autocommit) this.commit();
    this.#autocommit = on;
  }

  reset(): void {
    this.rollback();
    this.#autocommit = true;
    this.prepared = false;
  }

  get answer(): Reply {
    return { ok: true, status: (this.#open ? 1 : 0) | (this.#autocommit ? STATUS_AUTOCOMMIT : 0) };
  }
}

type Command =
  | 'insert'
  | 'execute'
  | 'myisam'
  | 'failing'
  | 'begin'
  | 'commit'
  | 'commit_prepared'
  | 'rollback'
  | 'autocommit_off'
  | 'autocommit_on'
  | 'read'
  | 'ddl'
  | 'call'
  | 'text_with_commit'
  | 'text_with_insert'
  | 'reset'
  | 'ping';

interface Step {
  readonly command: Command;
  /** Of a CALL and an unknown error: whether it ends the transaction. */
  readonly ends: boolean;
  readonly errno: (typeof ERRORS)[number];
  /** The client waits for all answers first. */
  readonly waits: boolean;
}

/** What the client sends, and what the server does with it; it answers as the model says where nothing else is told. */
interface Act {
  readonly payload: Buffer;
  readonly does: (server: ModelServer) => Reply | null;
}

/** It succeeds. */
const act = (payload: Buffer, does: (server: ModelServer) => unknown): Act => ({
  payload,
  does: (server) => {
    does(server);
    return null;
  },
});

const ACTS: Record<Command, (key: number, step: Step) => Act> = {
  insert: (key) => act(query(insert(key)), (server) => server.write(`messages/${key}`, true)),
  execute: (key) => ({
    payload: executePayload(1, [String(key)]),
    does: (server) => {
      if (!server.prepared) return { ok: false, errno: 1243, status: 0 };
      server.write(`messages/${key}`, true);
      return null;
    },
  }),
  myisam: (key) => act(query(insert(key, 'notes')), (server) => server.write(`notes/${key}`, false)),
  failing: (key, { errno, ends }) => ({
    payload: query(insert(key)),
    does: (server) => {
      if (errno === DEADLOCK || (errno === UNKNOWN && ends)) server.rollback();
      return { ok: false, errno, status: 0 };
    },
  }),
  begin: () => act(query('BEGIN'), (server) => server.commit(true)),
  commit: () => act(query('COMMIT'), (server) => server.commit()),
  commit_prepared: () => act(executePayload(2, []), (server) => server.prepared && server.commit()),
  rollback: () => act(query('ROLLBACK'), (server) => server.rollback()),
  autocommit_off: () => act(query('SET autocommit = 0'), (server) => server.setAutocommit(false)),
  autocommit_on: () => act(query('SET autocommit = 1'), (server) => server.setAutocommit(true)),
  read: () => act(query('SELECT * FROM messages WHERE folderid = 1'), () => {}),
  ddl: () => act(query('ALTER TABLE users ADD a INT'), (server) => server.commit()),
  call: (_key, { ends }) => act(query('CALL p()'), (server) => ends && server.commit()),
  text_with_commit: (key) =>
    both(
      `${insert(key)}; COMMIT`,
      (server) => server.write(`messages/${key}`, true),
      (server) => server.commit(),
    ),
  text_with_insert: (key) =>
    both(
      `SELECT 1; ${insert(key)}`,
      () => {},
      (server) => server.write(`messages/${key}`, true),
    ),
  reset: () => act(Buffer.of(COM.RESET_CONNECTION), (server) => server.reset()),
  ping: () => act(Buffer.of(COM.PING), () => {}),
};
const COMMANDS = Object.keys(ACTS) as Command[];

/** A text of two statements. */
function both(
  text: string,
  first: (server: ModelServer) => void,
  second: (server: ModelServer) => void,
): Act {
  return {
    payload: query(text),
    does: (server) => {
      first(server);
      const earlier = [okResult(server.answer)];
      second(server);
      return { ...server.answer, earlier, results: 2 };
    },
  };
}

const step: fc.Arbitrary<Step> = fc.record({
  command: fc.constantFrom<Command>('insert', 'execute', 'begin', ...COMMANDS),
  ends: fc.boolean(),
  errno: fc.constantFrom(...ERRORS),
  waits: fc.boolean(),
});

class Play {
  readonly rig = new TapRig({ base: CAPABILITY.MULTI_STATEMENTS });
  readonly #server = new ModelServer();
  #key = 0;
  #owed: (() => void)[] = [];

  constructor() {
    this.rig.prepare('INSERT INTO messages (folderid) VALUES (?)', 1, 1);
    this.rig.prepare('COMMIT', 2, 0);
  }

  take(step: Step): void {
    if (step.waits) this.answerAll();
    const { payload, does } = ACTS[step.command](++this.#key, step);
    const exchange = this.rig.command(payload);
    this.rig.send();
    const before = this.#server.lasting.length;
    const reply = does(this.#server) ?? this.#server.answer;
    for (const key of this.#server.lasting.slice(before)) expect(onRecord(this.rig, key), key).toBe(true);
    this.#owed.push(() => this.rig.reply(exchange, reply));
  }

  answerAll(): void {
    for (const answer of this.#owed) answer();
    this.#owed = [];
  }
}

/** Its key, or all of its table, is in the journal and not only in its buffer. */
function onRecord({ journal }: TapRig, name: string): boolean {
  const [table] = name.split('/');
  const at = journal.log.findIndex((line) => line === `written ${name}` || line === `written ${table}/*`);
  return at >= 0 && journal.log.includes('flush', at);
}

const flushes = ({ journal }: TapRig): number => journal.log.filter((line) => line === 'flush').length;

describe('invariant 4: keys of a transaction', () => {
  it('are on record before what makes them last is sent, whatever a session does and however far it is ahead', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), (script) => {
        const play = new Play();
        for (const one of script) play.take(one);
        play.answerAll();
        play.rig.tap.closed([]);
      }),
      { numRuns: 300 },
    );
  });

  it('go to the journal together, before the commit', () => {
    const rig = new TapRig();
    const say = (text: string, fields: Reply): void => {
      const exchange = rig.command(query(text));
      rig.send();
      rig.reply(exchange, fields);
    };
    say('BEGIN', OPEN);
    say(insert(1), OPEN);
    say('SELECT * FROM messages WHERE folderid = 1', OPEN);
    say('UPDATE users SET a = 1', OPEN);
    say(insert(2), OPEN);
    expect(flushes(rig)).toBe(0);
    const commit = rig.command(query('COMMIT'));
    rig.send();
    expect(rig.journal.log).toEqual(['written messages/1', 'written messages/2', 'flush']);
    rig.reply(commit);
    say('BEGIN', OPEN);
    expect(flushes(rig)).toBe(1);
  });

  it.each([
    ['a table without transactions', insert(1, 'notes')],
    ['tables that move and such that do not', 'UPDATE messages JOIN users ON a = b SET t = 1'],
    ['several at once', `${insert(1)}; ${insert(2)}`],
    ['functions that are not known', 'INSERT INTO messages (folderid) VALUES (f(1))'],
    ['TRUNCATE, which commits', 'TRUNCATE messages'],
  ])('are on record at once of %s', (_what, text) => {
    const rig = new TapRig({ base: CAPABILITY.MULTI_STATEMENTS });
    rig.query('BEGIN', OPEN);
    rig.command(query(text));
    rig.send();
    expect(flushes(rig)).toBe(1);
  });

  it('are on record at once behind an error, which may have ended the transaction, until an answer says that it stands', () => {
    const rig = new TapRig();
    rig.query('BEGIN', OPEN);
    rig.query(insert(1), { ok: false, errno: UNKNOWN, status: 0 });
    const exchange = rig.command(query(insert(2)));
    rig.send();
    expect(flushes(rig)).toBe(1);
    rig.reply(exchange, OPEN);
    rig.command(query(insert(3)));
    rig.send();
    expect(flushes(rig)).toBe(1);
  });

  it('of one session do not have another wait, and ride with its keys', () => {
    const rig = new TapRig();
    const other = rig.newTap();
    const tell = (text: string): void => {
      const payload = query(text);
      other.command(new Exchange<Statement>(COM.QUERY, payload, payload.length));
      rig.send(other);
    };
    rig.query('BEGIN', OPEN);
    rig.command(query(insert(1)));
    rig.send();
    tell('BEGIN');
    expect(flushes(rig)).toBe(0);
    tell(insert(2));
    expect(rig.journal.log).toEqual(['written messages/1', 'written messages/2', 'flush']);
  });

  it('are on record soon where the transaction stays open', async () => {
    vi.useFakeTimers();
    try {
      const rig = new TapRig();
      rig.query('BEGIN', OPEN);
      rig.query(insert(1), OPEN);
      rig.send();
      expect(flushes(rig)).toBe(0);
      await vi.advanceTimersByTimeAsync(1000);
      expect(flushes(rig)).toBe(1);
    } finally {
      vi.useRealTimers();
    }
  });
});
